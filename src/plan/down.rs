//! `down`: remove everything of the project, and nothing else (spec §7.7).

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use indexmap::IndexMap;

use super::current::{Current, Standing};
use super::fleet::Fleet;
use super::inputs::Inputs;
use super::networks::resolve_network;
use super::order::Turn;
use super::routes::{self, Routing};
use super::stages::{self, Leaving, Stages};
use super::{Action, Plan, ServicePlan, StepKind, check, names, order, prune, summary, volumes};
use crate::error::{Error, Result};
use crate::model::{HostName, ReleaseId, Service, ServiceName};

/// Plans the removal of the project from every host: routes first, then requests in flight, then
/// containers, networks and state; its volumes too with `with_volumes`.
///
/// Works from what is observed and recorded, so services that are no longer in the Compose file go
/// as well.
///
/// # Errors
/// `--hosts` was given: half a project has no meaning. Or the proxy script fails.
pub fn down(inputs: &Inputs<'_>, with_volumes: bool) -> Result<Plan> {
    let key = inputs.key();
    let fleet = Fleet::select(inputs.context, inputs.observed, &inputs.options.hosts)?;
    if !fleet.left_out.is_empty() {
        return Err(
            Error::user("`down` removes the whole project and takes no part of the hosts").hint(
                "to empty one host, leave it out of `x-placement.hosts` and run `webpods up`",
            ),
        );
    }
    let current = Current::of(&fleet, inputs.observed);
    let state = inputs.observed.state.as_ref();

    let mut routing = Routing::new(
        inputs.context,
        &key,
        inputs.policy,
        &fleet,
        current.active,
        Vec::new(),
    );
    for (service, slots) in &current.services {
        let live = routing.live.entry(service.clone()).or_default();
        for one in slots.values().filter_map(|slot| slot.first()) {
            if one.is_live() {
                live.insert((one.number, one.host.clone()), one.ports.clone());
            }
        }
    }
    routing.begin();
    routing.live.clear();

    let mut stages = Stages::default();
    let longest = current.services.keys().map(|name| grace(&current, name));
    let longest = longest.max().unwrap_or_default();
    stages::switch(&mut stages, &mut routing, "", longest, true)?;
    let turns = turns(inputs, &current)?;
    let leaving: Vec<Leaving<'_>> = turns
        .values()
        .rev()
        .flatten()
        .flat_map(|name| containers(&current, name).map(|container| (*name, container)))
        .map(|(service, container)| Leaving {
            service,
            was: was(inputs, &current, container, service),
            grace: grace(&current, service),
            container,
        })
        .collect();
    for turn in turns.values().rev() {
        let gone = stages.stopped();
        let now: Vec<Leaving<'_>> = leaving
            .iter()
            .filter(|one| turn.contains(&one.service))
            .filter(|one| one.is_live() && !gone.contains(&one.place()))
            .copied()
            .collect();
        let mut with_inside = stages::inside(&now, &leaving, &gone);
        with_inside.extend(now);
        stages::stop_inside_first(&mut stages, &with_inside);
    }
    let nothing_starts = BTreeSet::new();
    let removes = leaving.iter();
    let removes = removes
        .map(|one| stages::remove(one, &nothing_starts))
        .collect();
    stages.push("remove", removes);
    stages.push("prune", prunes(inputs, &fleet, with_volumes)?);

    let serving = current.active.map(|release| release.id);
    let before = current.active.map(|active| active.routes.clone());
    let plan = Plan {
        version: 1,
        action: Action::Down,
        release: serving
            .or(state.map(|state| state.last))
            .unwrap_or(ReleaseId(0)),
        previous: serving,
        hosts: fleet.planned(),
        services: services(&current, &fleet),
        images: Vec::new(),
        routes: routes::changes(&before.unwrap_or_default(), &[]),
        warnings: Vec::new(),
        stages: stages.list,
        state: None,
        key,
    };
    check::verify(&plan, inputs.observed)?;
    Ok(plan)
}

fn containers<'c>(
    current: &'c Current<'_>,
    name: &ServiceName,
) -> impl Iterator<Item = &'c Standing> + use<'c> {
    let slots = current.slots(name).into_iter();
    slots.flat_map(BTreeMap::values).flatten()
}

fn grace(current: &Current<'_>, name: &ServiceName) -> Duration {
    current
        .recorded(name)
        .map_or(Duration::from_secs(10), |recorded| {
            recorded.service.stop_grace
        })
}

/// The service as the container was made from it: as recorded; as written when nothing is.
fn was<'c>(
    inputs: &Inputs<'c>,
    current: &'c Current<'_>,
    container: &Standing,
    name: &ServiceName,
) -> Option<&'c Service> {
    match current.recorded(name) {
        Some(recorded) => container.committed.then_some(&recorded.service),
        None => inputs.project.services.get(name),
    }
}

/// Services that run, by how many others they wait for; those that wait for most stop first.
fn turns<'c>(
    inputs: &Inputs<'_>,
    current: &'c Current<'_>,
) -> Result<BTreeMap<Turn, Vec<&'c ServiceName>>> {
    let recorded = current
        .active
        .into_iter()
        .flat_map(|release| release.services.values().map(|one| &one.service));
    let written = inputs
        .project
        .services
        .values()
        .filter(|service| current.recorded(&service.name).is_none());
    let known = order::turns(recorded.chain(written))?;
    let mut turns: BTreeMap<Turn, Vec<&ServiceName>> = BTreeMap::new();
    let last = Turn {
        level: usize::MAX,
        rank: 0,
    };
    for name in current.services.keys() {
        let turn = known.get(name).copied().unwrap_or(last);
        turns.entry(turn).or_default().push(name);
    }
    Ok(turns)
}

/// Networks, volumes and the state itself.
fn prunes(
    inputs: &Inputs<'_>,
    fleet: &Fleet<'_>,
    with_volumes: bool,
) -> Result<Vec<(HostName, StepKind)>> {
    let key = inputs.key();
    let state = inputs.observed.state.as_ref();
    let (mut networks, mut kept) = (BTreeSet::new(), BTreeSet::new());
    let releases = state.into_iter().flat_map(|state| &state.releases);
    for release in releases {
        networks.extend(prune::networks(&key, Some(release))?);
        for (volume, defined) in &release.volumes {
            if !defined.external {
                kept.insert(volumes::resolve(&key, volume, defined)?);
            }
        }
    }
    for (network, defined) in &inputs.project.networks {
        if !defined.external {
            networks.insert(resolve_network(&key, network, defined)?);
        }
    }
    for (volume, defined) in &inputs.project.volumes {
        if !defined.external {
            kept.insert(volumes::resolve(&key, volume, defined)?);
        }
    }
    let mut steps = Vec::new();
    for member in &fleet.members {
        let ours = |name: &&String, known: &BTreeSet<String>| {
            known.contains(*name) || names::belongs(&key, name)
        };
        let here = |there: &BTreeSet<String>, known: &BTreeSet<String>| -> Vec<String> {
            let mine = there.iter().filter(|name| ours(name, known));
            mine.cloned().collect()
        };
        let networks = here(&member.observed.networks, &networks);
        let volumes = if with_volumes {
            here(&member.observed.volumes, &kept)
        } else {
            Vec::new()
        };
        let anything = !networks.is_empty()
            || !volumes.is_empty()
            || !member.observed.containers.is_empty()
            || state.is_some();
        if anything {
            steps.push((
                member.name().clone(),
                StepKind::Prune {
                    keep: Vec::new(),
                    images: Vec::new(),
                    networks,
                    volumes,
                    everything: true,
                },
            ));
        }
    }
    Ok(steps)
}

fn services(current: &Current<'_>, fleet: &Fleet<'_>) -> IndexMap<ServiceName, ServicePlan> {
    let recorded = current.active.into_iter();
    let recorded = recorded.flat_map(|release| release.services.keys());
    let names: BTreeSet<&ServiceName> = recorded.chain(current.services.keys()).collect();
    let mut plans = IndexMap::new();
    for name in names {
        let why = "the project is removed".to_owned();
        let plan = summary::gone(name, containers(current, name), current, fleet, why);
        plans.insert(name.clone(), plan);
    }
    plans
}
