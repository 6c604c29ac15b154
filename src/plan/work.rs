//! What is to be done for one service: the decisions that its stages are made of.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::current::{Current, Standing};
use super::diff::{self, Coming, Desired, Slot};
use super::fleet::{Fleet, Member};
use super::goal::{Goal, Wanted};
use super::inputs::Inputs;
use super::mounts::Files;
use super::place::{Cap, CapReason};
use super::ports::PortBook;
use super::rollout::{self, StopFirst};
use super::shares::{self, Borrowed};
use super::template::{Configured, Identity, Setting, configure};
use super::volumes::{self, Stay, Volume};
use super::{Batch, Reason, eligible, engines, names, replicas, template};
use crate::error::{Error, Result};
use crate::model::{
    Digest, HostName, Image, PortPublication, ReleaseId, Service, ServiceName, StackKey, Template,
};

/// One service's decisions.
pub(super) struct Work<'w> {
    pub wanted: &'w Wanted,
    pub volumes: Vec<Volume>,
    /// Host of each wanted replica.
    pub numbers: BTreeMap<u32, HostName>,
    /// Per host of a wanted replica.
    pub configured: BTreeMap<HostName, Configured>,
    pub slots: Vec<Slot>,
    pub batches: Vec<Batch>,
    /// What forbids two containers of one replica at once.
    pub stop_first: Option<StopFirst>,
    /// Name and ports of every wanted replica's container, kept ones included.
    pub replicas: BTreeMap<u32, WantedReplica>,
    /// Per replica, what it uses of other containers.
    pub borrowed: BTreeMap<u32, Vec<Borrowed>>,
    /// The replica of the service it shares with that each of its own lives beside.
    pub partners: BTreeMap<u32, u32>,
    /// Its turn among those it shares with.
    pub rank: usize,
    /// Another service waits for it to exit with 0.
    pub completes: bool,
    /// It completes, and everything that waits for that starts without it too (`required: false`).
    pub optional: bool,
    /// How long containers that go may take.
    pub grace_of_old: Duration,
    /// The service in the release that serves.
    recorded: Option<&'w Service>,
    release: ReleaseId,
    key: &'w StackKey,
}

/// A wanted replica: its container's name and host ports.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct WantedReplica {
    pub container: String,
    pub ports: BTreeMap<u16, u16>,
}

/// What all services of a plan have in common.
pub(super) struct Frame<'w> {
    pub inputs: &'w Inputs<'w>,
    pub key: &'w StackKey,
    pub goal: &'w Goal,
    pub fleet: &'w Fleet<'w>,
    pub current: &'w Current<'w>,
    /// The release this plan makes, if it makes one.
    pub release: ReleaseId,
}

impl Frame<'_> {
    fn setting(&self) -> Setting<'_> {
        Setting {
            context: self.inputs.context,
            key: self.key,
            networks: &self.goal.networks,
        }
    }
}

impl<'w> Work<'w> {
    /// Places, numbers and compares one service. `before` are those that had their turn.
    ///
    /// # Errors
    /// Every reason for which a service cannot be deployed as it is written.
    pub fn decide(
        frame: &Frame<'w>,
        wanted: &'w Wanted,
        completes: bool,
        rank: usize,
        before: &[Work<'w>],
    ) -> Result<Self> {
        let service = &wanted.service;
        check_name(service)?;
        let volumes = volumes::of_service(frame.key, service, &frame.goal.volumes)?;
        let decided = |name: &ServiceName| before.iter().find(|work| work.name() == name);
        let lender = service.shares().into_iter().next();
        let lender = lender.and_then(|share| Some((decided(&share.of)?, share)));
        let mut partners = BTreeMap::new();
        let numbers = match lender {
            Some((work, share)) => {
                let places = shares::beside(service, &share, work)?;
                partners = places
                    .iter()
                    .map(|(own, (_, partner))| (*own, *partner))
                    .collect();
                places
                    .into_iter()
                    .map(|(own, (host, _))| (own, host))
                    .collect()
            }
            None => placed(frame, wanted, &volumes)?,
        };
        let borrowed = shares::borrowed(service, &numbers, &partners, decided)?;
        let mut configured = BTreeMap::new();
        let files = Files {
            digests: &wanted.binds,
            kept: wanted.kept,
        };
        for host in numbers.values() {
            let Some(member) = frame.fleet.get(host) else {
                continue;
            };
            if !configured.contains_key(host) {
                let one = configure(frame.setting(), service, &volumes, files, member.host)?;
                configured.insert(host.clone(), one);
            }
        }
        let images = configured.keys().filter_map(|host| {
            let platform = &frame.fleet.get(host)?.observed.platform;
            let image = wanted.image.known()?.on(platform);
            Some((host, &image.manifest.digest))
        });
        let slots = diff::slots(
            &Desired {
                service: &service.name,
                images: images.collect(),
                configured: &configured,
                numbers: &numbers,
                force: frame.inputs.options.force_recreate,
                completes: completes || service.may_end,
                hooked: !service.post_start.is_empty(),
                borrowed: &borrowed,
                renewed: renewed(service, before),
            },
            frame.current,
        );
        let stop_first = rollout::stop_first(service, &volumes);
        let recorded = frame.current.recorded(&service.name);
        Ok(Self {
            wanted,
            volumes,
            numbers,
            configured,
            slots,
            batches: Vec::new(),
            stop_first,
            optional: completes && is_optional(frame.goal, service),
            borrowed,
            partners,
            rank,
            key: frame.key,
            replicas: BTreeMap::new(),
            completes,
            grace_of_old: recorded.map_or(service.stop_grace, |old| old.service.stop_grace),
            recorded: recorded.map(|old| &old.service),
            release: frame.release,
        })
    }

    pub fn name(&self) -> &'w ServiceName {
        &self.wanted.service.name
    }

    pub fn image(&self) -> Option<&'w Image> {
        self.wanted.image.known()
    }

    /// Names the containers and gives them host ports (spec §10).
    ///
    /// # Errors
    /// A block of ports is exhausted.
    pub fn allocate(&mut self, book: &mut PortBook<'_>) -> Result<()> {
        let service = &self.wanted.service;
        let proxied: BTreeSet<u16> = service.ingress.iter().map(|one| one.port).collect();
        for slot in &self.slots {
            let standing = match (&slot.kept, &slot.new) {
                (Some(kept), _) => kept,
                (None, Some(Coming::Adopted(adopted))) => adopted,
                (None, Some(Coming::Fresh)) => {
                    let replica = WantedReplica {
                        container: self.fresh_name(slot.number),
                        ports: fresh_ports(service, slot, &self.batches, &proxied, book)?,
                    };
                    self.replicas.insert(slot.number, replica);
                    continue;
                }
                (None, None) => continue,
            };
            let replica = WantedReplica {
                container: standing.name.clone(),
                ports: if is_on_host_network(service) {
                    own_ports(&proxied)
                } else {
                    let ports = standing.ports.iter();
                    let ports = ports.filter(|(port, _)| proxied.contains(port));
                    ports.map(|(port, host)| (*port, *host)).collect()
                },
            };
            self.replicas.insert(slot.number, replica);
        }
        Ok(())
    }

    fn fresh_name(&self, number: u32) -> String {
        let service = &self.wanted.service;
        service
            .container_name
            .clone()
            .unwrap_or_else(|| names::container(self.key, &service.name, number, self.release))
    }

    /// The container that a replica has in the end, the release that made it, and whether it comes
    /// in this plan.
    pub fn container_of(&self, number: u32) -> Option<(String, ReleaseId, bool)> {
        let host = self.numbers.get(&number)?;
        let mut slots = self.slots.iter();
        let slot = slots.find(|slot| slot.number == number && slot.host == *host)?;
        match (&slot.kept, &slot.new) {
            (Some(kept), _) => Some((kept.name.clone(), kept.release, false)),
            (None, Some(Coming::Adopted(one))) => Some((one.name.clone(), one.release, true)),
            (None, Some(Coming::Fresh)) => Some((self.fresh_name(number), self.release, true)),
            (None, None) => None,
        }
    }

    /// The replica that comes in this slot.
    pub fn coming(&self, slot: &Slot) -> Option<&WantedReplica> {
        slot.new.as_ref()?;
        self.replicas.get(&slot.number)
    }

    /// The create body of a new container; none while its image is not known.
    pub fn body(
        &self,
        slot: &Slot,
        configured: &Configured,
        member: &Member<'_>,
        replica: &WantedReplica,
    ) -> Option<Template> {
        Some(
            configured.body(
                &self.wanted.service,
                member.host,
                &Identity {
                    image: self.image()?.on(&member.observed.platform),
                    release: self.release,
                    replica: slot.number,
                    ports: &replica.ports,
                    all_networks: engines::takes_all_networks(member),
                    borrowed: self
                        .borrowed
                        .get(&slot.number)
                        .map_or(&[][..], Vec::as_slice),
                },
            ),
        )
    }

    /// Hosts on which containers are created.
    pub fn fresh_hosts(&self) -> BTreeSet<&HostName> {
        self.slots
            .iter()
            .filter(|slot| matches!(slot.new, Some(Coming::Fresh)))
            .map(|slot| &slot.host)
            .collect()
    }

    /// What the release record calls the service's configuration: the same wherever it runs.
    pub fn config(&self) -> Digest {
        template::service_digest(&self.wanted.service, &self.wanted.binds)
    }

    /// The service as `container` was made from it: the release that serves remembers it. When
    /// nothing is remembered, what is wanted is as near as one gets.
    pub fn was(&self, container: &Standing) -> Option<&'w Service> {
        match self.recorded {
            Some(recorded) => container.committed.then_some(recorded),
            None => Some(&self.wanted.service),
        }
    }

    /// Every container that goes, leftovers included.
    pub fn leaving(&self) -> impl Iterator<Item = &Standing> {
        self.slots
            .iter()
            .flat_map(|slot| slot.old.iter().chain(&slot.extras))
    }
}

/// `depends_on` with `restart: true`: what is older than the newest container that comes in place
/// of another one there is made anew. Services it shares with are not looked at: each container
/// knows its own partner.
fn renewed(service: &Service, before: &[Work<'_>]) -> Option<(ReleaseId, Reason)> {
    let shares = service.shares();
    let restarts = service
        .depends_on
        .iter()
        .filter(|(name, how)| how.restart && !shares.iter().any(|share| share.of == **name));
    let newest = restarts.filter_map(|(name, _)| {
        let work = before.iter().find(|work| work.name() == name)?;
        let replaced = work.slots.iter().filter_map(|slot| match &slot.new {
            Some(Coming::Adopted(one)) => Some(one.release),
            Some(Coming::Fresh) => slot.old.as_ref().map(|_| work.release),
            None => None,
        });
        let why = format!("`{name}` is replaced, and `restart: true` says to follow");
        Some((replaced.max()?, why))
    });
    newest.max()
}

/// Two replicas with one name, or a hostile one.
fn check_name(service: &Service) -> Result<()> {
    let Some(name) = &service.container_name else {
        return Ok(());
    };
    names::written("service", service.name.as_str(), name)?;
    if service.replicas > 1 {
        return Err(Error::user(format!(
            "service `{}` wants {} replicas, but `container_name: {name}` allows one container",
            service.name, service.replicas
        ))
        .hint(
            "drop `container_name`; webpods names containers after context, project and service",
        ));
    }
    Ok(())
}

/// Hosts and numbers of the replicas.
fn placed(
    frame: &Frame<'_>,
    wanted: &Wanted,
    volumes: &[Volume],
) -> Result<BTreeMap<u32, HostName>> {
    let (inputs, fleet, current) = (frame.inputs, frame.fleet, frame.current);
    let service = &wanted.service;
    let counts_now = current.counts(&service.name, fleet);
    let existing = current.numbers(&service.name, fleet);
    let recorded = wanted
        .placed
        .as_ref()
        .filter(|placed| placed.keys().all(|host| fleet.get(host).is_some()));
    if let Some(placed) = recorded {
        return Ok(replicas::number(placed, &existing, fleet.names()));
    }
    let followers = followers(frame.goal, &service.name);
    let mut eligible = eligible::eligible(inputs.context, fleet, service)?;
    let mut all = volumes.to_vec();
    for follower in followers {
        eligible = eligible::also(eligible, service, follower)?;
        all.extend(volumes::of_service(
            frame.key,
            follower,
            &frame.goal.volumes,
        )?);
    }
    let volumes = all.as_slice();
    if service.mode.is_global() {
        let counts: BTreeMap<HostName, u32> = eligible
            .iter()
            .map(|member| (member.name().clone(), 1))
            .collect();
        return Ok(replicas::number(&counts, &existing, fleet.names()));
    }
    let left_out: Vec<HostName> = current
        .recorded(&service.name)
        .into_iter()
        .flat_map(|recorded| &recorded.replicas)
        .map(|replica| replica.host.clone())
        .filter(|host| fleet.left_out.contains(&host))
        .collect();
    let counts = volumes::place_with_volumes(
        inputs.policy,
        &Stay {
            fleet,
            service,
            volumes,
            eligible: &eligible,
            cap: cap(service),
            current: &counts_now,
            left_out: &left_out,
            move_volumes: inputs.options.move_volumes,
        },
    )?;
    Ok(replicas::number(&counts, &existing, fleet.names()))
}

/// Whether nobody needs the job: all that wait for its end say `required: false`.
fn is_optional(goal: &Goal, job: &Service) -> bool {
    let services = goal.services.iter();
    let mut waiting = services.filter_map(|wanted| wanted.service.depends_on.get(&job.name));
    !job.mode.is_job() && waiting.all(|how| !how.required)
}

/// Services that will run beside this one's containers, directly or beside each other.
fn followers<'g>(goal: &'g Goal, name: &ServiceName) -> Vec<&'g Service> {
    let mut found: Vec<&Service> = Vec::new();
    let mut names = vec![name.clone()];
    while let Some(name) = names.pop() {
        for wanted in &goal.services {
            let service = &wanted.service;
            let first = service.shares().into_iter().next();
            let follows = first.is_some_and(|share| share.of == name);
            if follows && !found.iter().any(|one| one.name == service.name) {
                names.push(service.name.clone());
                found.push(service);
            }
        }
    }
    found
}

fn cap(service: &Service) -> Option<Cap> {
    let proxied = service.ingress.first().map(|ingress| ingress.port);
    let fixed = service.ports.iter().find_map(PortPublication::fixed);
    if let Some(port) = fixed.or(proxied.filter(|_| is_on_host_network(service))) {
        return Some(Cap {
            most: 1,
            because: CapReason::HostPort(port),
        });
    }
    service.placement.max_per_host.map(|most| Cap {
        most,
        because: CapReason::MaxPerHost,
    })
}

fn is_on_host_network(service: &Service) -> bool {
    service.network_mode.as_deref() == Some("host")
}

/// On the host's own network the program's ports are the host's ports.
fn own_ports(proxied: &BTreeSet<u16>) -> BTreeMap<u16, u16> {
    proxied.iter().map(|port| (*port, *port)).collect()
}

fn fresh_ports(
    service: &Service,
    slot: &Slot,
    batches: &[Batch],
    proxied: &BTreeSet<u16>,
    book: &mut PortBook<'_>,
) -> Result<BTreeMap<u16, u16>> {
    if is_on_host_network(service) {
        return Ok(own_ports(proxied));
    }
    let start_first = batches
        .iter()
        .any(|batch| batch.start_first && batch.replicas.contains(&slot.number));
    let mut ports = BTreeMap::new();
    for port in proxied {
        let reuse = slot
            .old
            .as_ref()
            .filter(|_| !start_first)
            .and_then(|old| old.ports.get(port).copied());
        let host_port = book.allocate(&service.name, &slot.host, slot.number, *port, reuse)?;
        ports.insert(*port, host_port);
    }
    Ok(ports)
}
