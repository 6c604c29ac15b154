//! From a goal and an observation to a plan: the one way for `up` and `rollback`.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::current::{Current, Standing};
use super::fleet::Fleet;
use super::goal::{Goal, Wanted};
use super::inputs::Inputs;
use super::order::{Turn, Turns};
use super::ports::PortBook;
use super::routes::{self, Routing};
use super::stages::{self, Leaving, Stages};
use super::work::{Frame, Work};
use super::{
    Plan, StepKind, batches, fanout, images, ingress, next, order, prepare, prune, published,
    summary, together, warnings,
};
use crate::error::Result;
use crate::model::{Condition, HostName, ReleaseId, Service, ServiceName};

/// A service that runs and is not wanted.
pub(super) struct Removed<'a> {
    pub name: &'a ServiceName,
    /// As the release that serves has it.
    pub was: Option<&'a Service>,
    pub grace: Duration,
    pub containers: Vec<&'a Standing>,
}

/// Plans the way from what is observed to the goal.
///
/// # Errors
/// Every reason for which the goal cannot be reached.
pub(super) fn converge(inputs: &Inputs<'_>, mut goal: Goal) -> Result<Plan> {
    let key = inputs.key();
    let observed = inputs.observed;
    let fleet = Fleet::select(inputs.context, observed, &inputs.options.hosts)?;
    let current = Current::of(&fleet, observed);
    let state = observed.state.as_ref();
    let serving = current.active.map(|release| release.id);
    let release = state
        .map_or(ReleaseId(0), |state| state.last)
        .max(current.highest_release())
        .next();
    let mut warnings = std::mem::take(&mut goal.warnings);
    let frame = Frame {
        inputs,
        key: &key,
        goal: &goal,
        fleet: &fleet,
        current: &current,
        release,
    };

    let wanted_domains = ingress::domains_of(
        inputs.context,
        &key,
        observed,
        goal.services.iter().map(|wanted| &wanted.service),
    )?;
    let turns = order::turns_after(
        goal.services.iter().map(|wanted| &wanted.service),
        &ingress::handovers(&wanted_domains, current.active),
    )?;
    let jobs = jobs(&goal);
    let mut works = decide(&frame, &turns, &jobs)?;
    together::order(inputs.policy, &mut works)?;

    let mut book = PortBook::open(inputs.context, &key, &fleet, state, &current)?;
    published::reserve(&works, &fleet, &mut book)?;
    for work in &mut works {
        work.allocate(&mut book)?;
    }

    let removed = removed(&goal, &current);
    let routing = {
        let mut domains = wanted_domains;
        let untouched = current.active.map(ingress::recorded_domains);
        let untouched = untouched.unwrap_or_default().into_iter();
        domains.extend(untouched.filter(|domain| goal.untouched.contains(&domain.service)));
        ingress::refuse_doubles(&domains)?;
        Routing::new(
            inputs.context,
            &key,
            inputs.policy,
            &fleet,
            current.active,
            domains,
        )
    };
    let mut routing = begin(routing, &works, &goal, &current, &removed);
    let mut images = images::images(&works, &fleet, &mut warnings)?;
    fanout::route(inputs, &fleet, &mut images);
    warnings::collect(&frame, &works, &mut warnings);

    let pending = works.iter().any(|work| work.image().is_none());
    let leaving = leaving(&works, &removed);
    let mut stages = Stages::default();
    if !pending {
        stages.push("ship", images::ships(&images));
        stages.push("fan out", images::passes(&images));
        stages.push("load", images::loads(&images));
        stages.push("prepare", prepare::steps(&key, &goal, &works, &fleet)?);
        let last = turns.values().map(|turn| turn.level).max().unwrap_or(0);
        for level in 0..=last {
            let level: Vec<&Work<'_>> = works
                .iter()
                .filter(|work| {
                    turns
                        .get(work.name())
                        .is_some_and(|turn| turn.level == level)
                })
                .collect();
            batches::roll_out(&mut stages, &mut routing, &fleet, &level, &leaving)?;
        }
    }

    // What is left: services that go, and leftovers of runs that did not finish.
    for one in &removed {
        routing.live.remove(one.name);
    }
    settle(&mut routing, &works);
    if !pending {
        let grace = leaving.iter().map(|one| one.grace).max();
        stages::switch(
            &mut stages,
            &mut routing,
            "",
            grace.unwrap_or(Duration::from_secs(10)),
            true,
        )?;
        stop_in_order(&mut stages, &leaving, &current);
    }

    let record = next::release(release, &goal, &works, &current, &fleet, &routing)?;
    let after = record.as_ref().map(|record| record.routes.clone());
    let after = after.unwrap_or_else(|| routing.routes(true));
    let before = current.active.map(|active| active.routes.clone());
    let mut plan = Plan {
        version: 1,
        action: goal.action,
        release,
        previous: serving,
        hosts: fleet.planned(),
        services: summary::services(&works, &goal, &current, &fleet, &removed, serving),
        images,
        routes: routes::changes(&before.unwrap_or_default(), &after),
        warnings,
        stages: Vec::new(),
        state: None,
        key: key.clone(),
    };
    let Some(record) = record.filter(|_| !pending) else {
        return Ok(plan);
    };
    let unchanged = current
        .active
        .is_some_and(|active| goal.restored.is_none() && next::is_same(&record, active));
    let taken = started(&stages);
    let gone = leaving.iter().map(|one| stages::remove(one, &taken));
    if unchanged {
        // At most a repair: leftovers go, a lost proxy file comes back. That is no release.
        stages.push("remove", gone.collect());
        plan.release = serving.unwrap_or(release);
        plan.stages = stages.list;
        return Ok(plan);
    }
    let retain = inputs.context.artifacts.retain_releases;
    let limited = inputs.context.artifacts.max_cache_bytes.is_some();
    let (next_state, dropped) = next::state(&key, state, record, &fleet, retain);
    let commits = fleet
        .names()
        .map(|host| (host.clone(), StepKind::Commit {}));
    stages.push("commit", commits.collect());
    stages.push("remove", gone.collect());
    stages.push(
        "prune",
        prune::steps(&key, &next_state, &dropped, &fleet, limited)?,
    );
    plan.stages = stages.list;
    plan.state = Some(next_state);
    Ok(plan)
}

/// The decisions of every service, in the order of the goal. Each is taken when those it depends on
/// are known.
fn decide<'w>(
    frame: &Frame<'w>,
    turns: &Turns<'_>,
    jobs: &BTreeSet<&ServiceName>,
) -> Result<Vec<Work<'w>>> {
    let turn = |name: &ServiceName| turns.get(name).copied().unwrap_or_default();
    let mut order: Vec<(usize, &Wanted)> = frame.goal.services.iter().enumerate().collect();
    order.sort_by_key(|(at, wanted)| (turn(&wanted.service.name), *at));
    let mut works: Vec<Work<'_>> = Vec::new();
    for (_, wanted) in &order {
        let name = &wanted.service.name;
        let completes = jobs.contains(name);
        works.push(Work::decide(
            frame,
            wanted,
            completes,
            turn(name).rank,
            &works,
        )?);
    }
    let place: BTreeMap<&ServiceName, usize> = order
        .iter()
        .map(|(at, wanted)| (&wanted.service.name, *at))
        .collect();
    works.sort_by_key(|work| place.get(work.name()).copied());
    Ok(works)
}

/// Stops what is left, those that others of it depend on last.
fn stop_in_order(stages: &mut Stages, leaving: &[Leaving<'_>], current: &Current<'_>) {
    let recorded = current.active.into_iter();
    let recorded = recorded.flat_map(|release| release.services.values());
    // A recorded release had an order once; were it broken, all stop at once.
    let turns = order::turns(recorded.map(|one| &one.service)).unwrap_or_default();
    let turn = |one: &Leaving<'_>| turns.get(one.service).copied().unwrap_or_default();
    let all: BTreeSet<Turn> = leaving.iter().map(&turn).collect();
    for at in all.into_iter().rev() {
        let gone = stages.stopped();
        let now: Vec<Leaving<'_>> = leaving
            .iter()
            .filter(|one| turn(one) == at && one.is_live() && !gone.contains(&one.place()))
            .copied()
            .collect();
        let mut now_and_inside = stages::inside(&now, leaving, &gone);
        now_and_inside.extend(now);
        stages::stop_inside_first(stages, &now_and_inside);
    }
}

/// Jobs, and services that others wait for to exit with 0.
fn jobs(goal: &Goal) -> BTreeSet<&ServiceName> {
    let dependencies = goal
        .services
        .iter()
        .flat_map(|wanted| &wanted.service.depends_on);
    let awaited = dependencies
        .filter(|(_, how)| how.condition == Condition::ServiceCompletedSuccessfully)
        .map(|(name, _)| name);
    let services = goal.services.iter().map(|wanted| &wanted.service);
    let jobs = services
        .filter(|service| service.mode.is_job())
        .map(|service| &service.name);
    awaited.chain(jobs).collect()
}

/// What runs or is recorded, and is neither wanted nor left alone.
fn removed<'a>(goal: &'a Goal, current: &'a Current<'_>) -> Vec<Removed<'a>> {
    let wanted: BTreeSet<&ServiceName> = goal
        .services
        .iter()
        .map(|wanted| &wanted.service.name)
        .chain(&goal.untouched)
        .collect();
    let recorded = current.active.map(|active| active.services.keys());
    let names: BTreeSet<&ServiceName> = recorded
        .into_iter()
        .flatten()
        .chain(current.services.keys())
        .filter(|name| !wanted.contains(name))
        .collect();
    names
        .into_iter()
        .map(|name| Removed {
            name,
            was: current.recorded(name).map(|recorded| &recorded.service),
            grace: current
                .recorded(name)
                .map_or(Duration::from_secs(10), |r| r.service.stop_grace),
            containers: current
                .slots(name)
                .into_iter()
                .flat_map(BTreeMap::values)
                .flatten()
                .collect(),
        })
        .collect()
}

/// Tells the routing what serves before anything happens.
fn begin<'a>(
    mut routing: Routing<'a>,
    works: &[Work<'_>],
    goal: &Goal,
    current: &Current<'_>,
    removed: &[Removed<'_>],
) -> Routing<'a> {
    let mut serve = |name: &ServiceName, one: &Standing| {
        if one.is_live() {
            routing
                .live
                .entry(name.clone())
                .or_default()
                // The first of a place serves; others there were left by unfinished runs.
                .entry((one.number, one.host.clone()))
                .or_insert_with(|| one.ports.clone());
        }
    };
    for work in works.iter().filter(|work| !work.completes) {
        for slot in &work.slots {
            for one in slot.old.iter().chain(&slot.kept) {
                serve(work.name(), one);
            }
        }
    }
    for one in removed {
        for standing in &one.containers {
            serve(one.name, standing);
        }
    }
    for name in &goal.untouched {
        let slots = current.slots(name).into_iter().flat_map(BTreeMap::values);
        for standing in slots.filter_map(|slot| slot.first()) {
            serve(name, standing);
        }
    }
    for work in works {
        routing.expect(work.name(), work.numbers.len());
    }
    routing.begin();
    routing
}

/// The routing once every service is done; it is there already unless stages were left out because
/// images are not known yet.
fn settle(routing: &mut Routing<'_>, works: &[Work<'_>]) {
    for work in works.iter().filter(|work| !work.completes) {
        let live = work.numbers.iter().filter_map(|(number, host)| {
            let replica = work.replicas.get(number)?;
            Some(((*number, host.clone()), replica.ports.clone()))
        });
        routing.live.insert(work.name().clone(), live.collect());
    }
}

/// Every container that goes in this plan.
fn leaving<'a>(works: &'a [Work<'_>], removed: &'a [Removed<'_>]) -> Vec<Leaving<'a>> {
    let replaced = works.iter().flat_map(|work| {
        work.leaving().map(|container| Leaving {
            service: work.name(),
            was: work.was(container),
            grace: work.grace_of_old,
            container,
        })
    });
    let gone = removed.iter().flat_map(|one| {
        one.containers.iter().map(|container| Leaving {
            service: one.name,
            was: one.was.filter(|_| container.committed),
            grace: one.grace,
            container,
        })
    });
    replaced.chain(gone).collect()
}

fn started(stages: &Stages) -> BTreeSet<(HostName, String)> {
    let steps = stages.list.iter().flat_map(|stage| &stage.steps);
    steps
        .filter_map(|step| match &step.kind {
            StepKind::Start { container, .. } => Some((step.host.clone(), container.clone())),
            _ => None,
        })
        .collect()
}
