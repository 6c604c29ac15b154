//! What is to be done for one service: the decisions that its stages are made of.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::allocate::WantedReplica;
use super::current::{Current, Standing};
use super::diff::{self, Coming, Desired, Slot};
use super::fleet::{Fleet, Member};
use super::goal::{Goal, Wanted};
use super::inputs::Inputs;
use super::mounts::Files;
use super::rollout::{self, StopFirst};
use super::shares::{self, Borrowed};
use super::template::{Configured, Identity, Setting, configure};
use super::volumes::{self, Volume};
use super::{Batch, Reason, engines, names, spread, template};
use crate::error::{Error, Result};
use crate::model::{Digest, HostName, Image, ReleaseId, Service, ServiceName, StackKey, Template};

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
    /// The release this plan makes, if it makes one.
    pub release: ReleaseId,
    pub key: &'w StackKey,
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
            None => spread::placed(frame, wanted, &volumes)?,
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

/// Whether nobody needs the job: all that wait for its end say `required: false`.
fn is_optional(goal: &Goal, job: &Service) -> bool {
    let services = goal.services.iter();
    let mut waiting = services.filter_map(|wanted| wanted.service.depends_on.get(&job.name));
    !job.mode.is_job() && waiting.all(|how| !how.required)
}
