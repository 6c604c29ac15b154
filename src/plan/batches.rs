//! The rollout of services that may change together, batch by batch (spec §13.4): out of the routes
//! and stopped when only one container can be; started, gated, routed; drained and stopped.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::diff::{Coming, Slot};
use super::fleet::Fleet;
use super::routes::Routing;
use super::stages::{self, Leaving, Stages, stop, switch};
use super::work::Work;
use super::{StepKind, engines, health};
use crate::error::Result;
use crate::model::{HostName, ServiceName};

/// One service's part of a batch.
struct Part<'w> {
    work: &'w Work<'w>,
    slots: Vec<(&'w Slot, When)>,
    /// `web 1/2`.
    title: String,
}

/// When the old container of a slot stops.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum When {
    /// Before the new one starts.
    Before,
    /// Once the new one serves. Always when the new one runs already.
    After,
}

/// Adds the stages of services whose level is the same.
///
/// # Errors
/// The proxy script fails.
pub(super) fn roll_out<'w>(
    stages: &mut Stages,
    routing: &mut Routing<'_>,
    fleet: &Fleet<'_>,
    level: &[&'w Work<'w>],
    leaving: &[Leaving<'_>],
) -> Result<()> {
    let batches = level.iter().map(|work| work.batches.len());
    for k in 0..batches.max().unwrap_or(0) {
        let parts: Vec<Part<'w>> = level.iter().filter_map(|work| part(work, k)).collect();
        let before = |rank: usize| {
            stops(&parts, When::Before, rank)
                .iter()
                .any(Leaving::is_live)
        };
        if ranks(&parts).into_iter().any(before) {
            take_away(stages, routing, &parts, When::Before, leaving)?;
        }
        let mut watched = Steps::new();
        for rank in ranks(&parts) {
            let (starts, gates) = bring_up(routing, fleet, &parts, rank);
            watched.extend(watches(&parts, &gates, k));
            stages.push(format!("start {}", touched(&parts, &starts)), starts);
            stages.push(format!("health {}", touched(&parts, &gates)), gates);
        }
        take_away(stages, routing, &parts, When::After, leaving)?;
        stages.push(format!("watch {}", touched(&parts, &watched)), watched);
    }
    Ok(())
}

/// Those whose namespaces others use have the lower ranks.
fn ranks(parts: &[Part<'_>]) -> BTreeSet<usize> {
    parts.iter().map(|part| part.work.rank).collect()
}

fn part<'w>(work: &'w Work<'w>, k: usize) -> Option<Part<'w>> {
    let batch = work.batches.get(k)?;
    let here = || {
        work.slots
            .iter()
            .filter(|slot| slot.changes() && batch.replicas.contains(&slot.number))
    };
    let adopted: BTreeSet<u32> = here()
        .filter(|slot| matches!(slot.new, Some(Coming::Adopted(_))))
        .map(|slot| slot.number)
        .collect();
    let when = |slot: &Slot| {
        if batch.start_first || adopted.contains(&slot.number) {
            When::After
        } else {
            When::Before
        }
    };
    let title = match work.batches.len() {
        1 => work.name().to_string(),
        all => format!("{} {}/{all}", work.name(), k + 1),
    };
    let slots: Vec<(&Slot, When)> = here().map(|slot| (slot, when(slot))).collect();
    (!slots.is_empty()).then_some(Part { work, slots, title })
}

type Steps = Vec<(HostName, StepKind)>;

/// What is watched once batch `k` serves: `delay` only counts when another batch follows.
fn watches(parts: &[Part<'_>], gates: &Steps, k: usize) -> Steps {
    let seconds = |of: &ServiceName| {
        let part = parts.iter().find(|part| part.work.name() == of)?;
        let service = &part.work.wanted.service;
        let more = k + 1 < part.work.batches.len();
        let delay = if more { service.update_delay } else { 0 };
        Some(delay.max(service.update_monitor)).filter(|seconds| *seconds > 0)
    };
    let watch = |(host, gate): &(HostName, StepKind)| match gate {
        StepKind::Health {
            service,
            completes: false,
            ..
        } => Some((host.clone(), health::watch(gate.clone(), seconds(service)?))),
        _ => None,
    };
    gates.iter().filter_map(watch).collect()
}

/// The `start` and `health` steps of a batch; from here on its replicas count as serving.
fn bring_up(
    routing: &mut Routing<'_>,
    fleet: &Fleet<'_>,
    parts: &[Part<'_>],
    rank: usize,
) -> (Steps, Steps) {
    let (mut starts, mut gates) = (Vec::new(), Vec::new());
    for part in parts.iter().filter(|part| part.work.rank == rank) {
        let work = part.work;
        for (slot, _) in &part.slots {
            let Some(replica) = work.coming(slot) else {
                continue;
            };
            if let Some(start) = start(work, fleet, slot) {
                starts.push((slot.host.clone(), start));
            }
            let gate = health::gate(
                &work.wanted.service,
                slot.number,
                &replica.container,
                &replica.ports,
                work.completes,
                work.optional,
            );
            gates.push((slot.host.clone(), gate));
            if !work.completes {
                let live = routing.live.entry(work.name().clone()).or_default();
                live.insert((slot.number, slot.host.clone()), replica.ports.clone());
            }
        }
    }
    (starts, gates)
}

/// Routes without the old replicas, then waits for their requests, then stops them.
fn take_away(
    stages: &mut Stages,
    routing: &mut Routing<'_>,
    parts: &[Part<'_>],
    when: When,
    leaving: &[Leaving<'_>],
) -> Result<()> {
    let ranks = ranks(parts);
    let now: Vec<Leaving<'_>> = ranks
        .iter()
        .rev()
        .flat_map(|rank| stops(parts, when, *rank))
        .collect();
    let gone = stages.stopped();
    // Whoever lives in what stops, and belongs to another batch or to none, goes before it.
    let inside = stages::inside(&now, leaving, &gone);
    for one in &inside {
        let container = one.container;
        let key = (container.number, container.host.clone());
        if let Some(live) = routing.live.get_mut(one.service)
            && live.get(&key) == Some(&container.ports)
        {
            live.remove(&key);
        }
    }
    for part in parts {
        let Some(live) = routing.live.get_mut(part.work.name()) else {
            continue;
        };
        for (slot, at) in &part.slots {
            // What came in the same place after the old one has replaced it already.
            let replaced = when == When::After && slot.new.is_some();
            if *at == when && slot.old.is_some() && !replaced {
                live.remove(&(slot.number, slot.host.clone()));
            }
        }
    }
    let grace = parts.iter().map(|part| part.work.grace_of_old).max();
    let routed = title(parts, |part| {
        let now = when == When::After || part.slots.iter().any(|(_, at)| *at == when);
        now && routing.knows(part.work.name())
    });
    let grace = grace.unwrap_or(Duration::from_secs(10));
    switch(stages, routing, &routed, grace, false)?;
    stages::stop_inside_first(stages, &inside);
    for rank in ranks.into_iter().rev() {
        let stopping = stops(parts, when, rank);
        let stopping = stopping
            .iter()
            .filter(|one| !gone.contains(&one.place()))
            .filter_map(stop)
            .collect::<Steps>();
        stages.push(format!("stop {}", touched(parts, &stopping)), stopping);
    }
    Ok(())
}

fn stops<'p>(parts: &'p [Part<'_>], when: When, rank: usize) -> Vec<Leaving<'p>> {
    let mut leaving = Vec::new();
    for part in parts.iter().filter(|part| part.work.rank == rank) {
        let slots = part.slots.iter().filter(|(_, at)| *at == when);
        for old in slots.filter_map(|(slot, _)| slot.old.as_ref()) {
            leaving.push(Leaving {
                service: part.work.name(),
                was: part.work.was(old),
                grace: part.work.grace_of_old,
                container: old,
            });
        }
    }
    leaving
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

/// The `start` step of a slot, when a container must be created.
fn start(work: &Work<'_>, fleet: &Fleet<'_>, slot: &Slot) -> Option<StepKind> {
    if !matches!(slot.new, Some(Coming::Fresh)) {
        return None;
    }
    let replica = work.replicas.get(&slot.number)?;
    let configured = work.configured.get(&slot.host)?;
    let member = fleet.get(&slot.host)?;
    let in_the_way = member
        .observed
        .containers
        .iter()
        .find(|container| container.name == replica.container);
    Some(StepKind::Start {
        service: work.name().clone(),
        replica: slot.number,
        container: replica.container.clone(),
        body: Box::new(work.body(slot, configured, member, replica)?),
        networks: if engines::takes_all_networks(member) {
            BTreeMap::new()
        } else {
            configured.further(&work.wanted.service, slot.number)
        },
        replaces: in_the_way.map(|container| container.id.clone()),
        post_start: work.wanted.service.post_start.clone(),
    })
}
