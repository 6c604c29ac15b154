//! The stages of a plan in order: ship, load, prepare; then service by service and batch by batch;
//! then what is no longer wanted, commit, remove, prune.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::current::Standing;
use super::diff::{Coming, Slot};
use super::fleet::Fleet;
use super::routes::{Routing, Switch};
use super::work::Work;
use super::{Stage, Step, StepKind, health};
use crate::error::Result;
use crate::model::{HostName, ServiceName};

/// Numbers steps and leaves out stages in which nothing happens.
#[derive(Default)]
pub(super) struct Stages {
    pub list: Vec<Stage>,
    next: usize,
}

impl Stages {
    pub fn push(&mut self, name: impl Into<String>, steps: Vec<(HostName, StepKind)>) {
        if steps.is_empty() {
            return;
        }
        let steps = steps
            .into_iter()
            .map(|(host, kind)| {
                let id = self.next;
                self.next += 1;
                Step { id, host, kind }
            })
            .collect();
        self.list.push(Stage {
            name: name.into(),
            steps,
        });
    }
}

/// A container that goes.
pub(super) struct Leaving<'a> {
    pub service: &'a ServiceName,
    pub grace: Duration,
    pub container: &'a Standing,
}

/// One service's part of a batch.
struct Part<'w> {
    work: &'w Work<'w>,
    start_first: bool,
    slots: Vec<&'w Slot>,
    /// `web 1/2`.
    title: String,
}

/// The rollout of all services whose level is the same, batch by batch.
pub(super) fn roll_out<'w>(
    stages: &mut Stages,
    routing: &mut Routing<'_>,
    fleet: &Fleet<'_>,
    level: &[&'w Work<'w>],
) -> Result<()> {
    let most = level
        .iter()
        .map(|work| work.batches.len())
        .max()
        .unwrap_or(0);
    for k in 0..most {
        let parts: Vec<Part<'w>> = level.iter().filter_map(|work| part(work, k)).collect();
        let stop_first = |part: &&Part<'_>| !part.start_first;
        let start_first = |part: &&Part<'_>| part.start_first;

        let stopping = stops(&parts, &stop_first);
        if !stopping.is_empty() {
            retire(routing, &parts, &stop_first);
            let routed = title(&parts, |part| {
                !part.start_first && routing.knows(part.work.name())
            });
            switch(stages, routing, &routed, grace(&parts), false)?;
            stages.push(format!("stop {}", touched(&parts, &stopping)), stopping);
        }

        let mut starts = Vec::new();
        let mut gates = Vec::new();
        for part in &parts {
            let work = part.work;
            for slot in &part.slots {
                let Some(replica) = work.coming(slot) else {
                    continue;
                };
                if let Some(start) = work.start(fleet, slot) {
                    starts.push((slot.host.clone(), start));
                }
                let gate = health::gate(
                    &work.wanted.service,
                    slot.number,
                    &replica.container,
                    &replica.ports,
                    work.completes,
                );
                gates.push((slot.host.clone(), gate));
                if !work.completes {
                    routing
                        .live
                        .entry(work.name().clone())
                        .or_default()
                        .insert((slot.number, slot.host.clone()), replica.ports.clone());
                }
            }
        }
        stages.push(format!("start {}", touched(&parts, &starts)), starts);
        stages.push(format!("health {}", touched(&parts, &gates)), gates);
        // The old ones of a stop-first batch are gone already.
        retire(routing, &parts, &start_first);
        let routed = title(&parts, |part| routing.knows(part.work.name()));
        switch(stages, routing, &routed, grace(&parts), false)?;
        let stopping = stops(&parts, &start_first);
        stages.push(format!("stop {}", touched(&parts, &stopping)), stopping);
    }
    Ok(())
}

fn part<'w>(work: &'w Work<'w>, k: usize) -> Option<Part<'w>> {
    let batch = work.batches.get(k)?;
    let slots = work
        .slots
        .iter()
        .filter(|slot| slot.changes() && batch.replicas.contains(&slot.number))
        .collect();
    let title = match work.batches.len() {
        1 => work.name().to_string(),
        all => format!("{} {}/{all}", work.name(), k + 1),
    };
    Some(Part {
        work,
        start_first: batch.start_first,
        slots,
        title,
    })
}

/// `web 1/2, users`
fn title(parts: &[Part<'_>], chosen: impl Fn(&Part<'_>) -> bool) -> String {
    let chosen = parts.iter().filter(|part| chosen(part));
    let titles: Vec<&str> = chosen.map(|part| part.title.as_str()).collect();
    titles.join(", ")
}

/// The title of the parts that these steps are about.
fn touched(parts: &[Part<'_>], steps: &[(HostName, StepKind)]) -> String {
    let services: BTreeSet<&ServiceName> = steps
        .iter()
        .filter_map(|(_, step)| match step {
            StepKind::Start { service, .. }
            | StepKind::Health { service, .. }
            | StepKind::Stop { service, .. } => Some(service),
            _ => None,
        })
        .collect();
    title(parts, |part| services.contains(part.work.name()))
}

/// Takes the old replicas of these parts out of the routes; where a new one has taken the place
/// already there is nothing to take out.
fn retire(routing: &mut Routing<'_>, parts: &[Part<'_>], chosen: &dyn Fn(&&Part<'_>) -> bool) {
    for part in parts.iter().filter(chosen) {
        let Some(live) = routing.live.get_mut(part.work.name()) else {
            continue;
        };
        for slot in part.slots.iter().filter(|slot| slot.old.is_some()) {
            let replaced = slot.new.is_some() && part.start_first;
            if !replaced {
                live.remove(&(slot.number, slot.host.clone()));
            }
        }
    }
}

fn stops(parts: &[Part<'_>], chosen: &dyn Fn(&&Part<'_>) -> bool) -> Vec<(HostName, StepKind)> {
    let mut steps = Vec::new();
    for part in parts.iter().filter(chosen) {
        for old in part.slots.iter().filter_map(|slot| slot.old.as_ref()) {
            steps.extend(stop(&Leaving {
                service: part.work.name(),
                grace: part.work.grace_of_old,
                container: old,
            }));
        }
    }
    steps
}

/// The `stop` step of a container that is not stopped.
pub(super) fn stop(leaving: &Leaving<'_>) -> Option<(HostName, StepKind)> {
    let container = leaving.container;
    container.is_live().then(|| {
        (
            container.host.clone(),
            StepKind::Stop {
                service: leaving.service.clone(),
                replica: container.number,
                container: container.name.clone(),
                grace: leaving.grace.as_secs(),
            },
        )
    })
}

/// The `remove` step of a stopped container. One whose name a new container has by then is named
/// by its identifier.
pub(super) fn remove(
    leaving: &Leaving<'_>,
    taken: &BTreeSet<(HostName, String)>,
) -> (HostName, StepKind) {
    let container = leaving.container;
    let renamed = taken.contains(&(container.host.clone(), container.name.clone()));
    (
        container.host.clone(),
        StepKind::Remove {
            service: leaving.service.clone(),
            replica: container.number,
            container: if renamed {
                container.id.clone()
            } else {
                container.name.clone()
            },
        },
    )
}

fn grace(parts: &[Part<'_>]) -> Duration {
    let graces = parts.iter().map(|part| part.work.grace_of_old);
    graces.max().unwrap_or(Duration::from_secs(10))
}

/// Brings every proxy to the routes of this point, then waits for what it no longer sends to.
pub(super) fn switch(
    stages: &mut Stages,
    routing: &mut Routing<'_>,
    title: &str,
    grace: Duration,
    done: bool,
) -> Result<()> {
    let driver = routing.driver().to_owned();
    let (mut routes, mut drains) = (Vec::new(), Vec::new());
    for Switch {
        host,
        route,
        drained,
    } in routing.switch(done)?
    {
        if let Some(switched) = route {
            routes.push((
                host.clone(),
                StepKind::Route {
                    driver: driver.clone(),
                    files: switched.files,
                    before: switched.before,
                    routes: switched.routes,
                },
            ));
        }
        if !drained.is_empty() {
            drains.push((
                host,
                StepKind::Drain {
                    driver: driver.clone(),
                    upstreams: drained,
                    timeout: grace.as_secs(),
                },
            ));
        }
    }
    let name = |what: &str| format!("{what} {title}").trim_end().to_owned();
    stages.push(name("route"), routes);
    stages.push(name("drain"), drains);
    Ok(())
}

/// A replica that comes: its container's name and host ports.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ComingReplica {
    pub container: String,
    pub ports: BTreeMap<u16, u16>,
}

impl Work<'_> {
    /// The container that comes in this slot.
    pub fn coming(&self, slot: &Slot) -> Option<&ComingReplica> {
        slot.new.as_ref()?;
        self.replicas.get(&slot.number)
    }

    /// The `start` step of this slot, when a container must be created.
    fn start(&self, fleet: &Fleet<'_>, slot: &Slot) -> Option<StepKind> {
        if !matches!(slot.new, Some(Coming::Fresh)) {
            return None;
        }
        let replica = self.replicas.get(&slot.number)?;
        let configured = self.configured.get(&slot.host)?;
        let member = fleet.get(&slot.host)?;
        let in_the_way = member
            .observed
            .containers
            .iter()
            .find(|container| container.name == replica.container);
        Some(StepKind::Start {
            service: self.name().clone(),
            replica: slot.number,
            container: replica.container.clone(),
            body: Box::new(self.body(slot, configured, member.host, replica)?),
            networks: configured.networks.clone(),
            replaces: in_the_way.map(|container| container.id.clone()),
        })
    }
}
