//! Properties that hold for any fleet, any services and any mishap: a plan passes the check, is the
//! same when made again, can be carried out by an engine, never takes capacity away, and leaves
//! nothing to do.

mod chance;

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use webpods::model::{HostName, RunState, UpdateOrder};
use webpods::plan::{self, Inputs, Plan, PlanOptions, StepKind};

use chance::{Round, SERVICES, round, world};

use super::policy::Plain;
use super::render::render;
use super::scenario::World;
use super::simulate;

fn up(world: &World, options: &PlanOptions) -> webpods::error::Result<Plan> {
    let (context, project, images) = (world.context(), world.project(), world.image_states());
    plan::up(&Inputs {
        context: &context,
        project: &project,
        images: &images,
        files: &world.files,
        observed: &world.observed,
        options,
        policy: &Plain,
    })
}

fn prepare(world: &mut World, round: &Round) {
    for (at, spec) in &round.services {
        match spec {
            Some(spec) => {
                world
                    .services
                    .insert(SERVICES[*at].to_owned(), spec.clone());
            }
            None => {
                world.services.shift_remove(SERVICES[*at]);
            }
        }
    }
    let present: Vec<String> = world.services.keys().cloned().collect();
    for spec in world.services.values_mut() {
        spec.depends_on.retain(|on, _| present.contains(on));
    }
    for (which, how) in &round.harms {
        let mut all = Vec::new();
        for host in world.observed.hosts.values() {
            for one in &host.containers {
                all.push(format!("{}/{}", one.service, one.replica));
            }
        }
        if !all.is_empty() {
            let which: &String = which.get(&all);
            simulate::harm(&mut world.observed, which, how);
        }
    }
    if round.lose_state {
        world.observed.state = None;
    }
    if round.lose_proxy_files {
        for host in world.observed.hosts.values_mut() {
            host.proxy_files.clear();
        }
    }
}

/// Hosts that the context lacks are not named.
fn options(world: &World, round: &Round) -> PlanOptions {
    let mut options = round.options.clone();
    options
        .hosts
        .retain(|host| world.hosts.contains_key(host.as_str()));
    options
}

/// Replicas of one service that run, as (host, container, number).
type Live = BTreeSet<(HostName, String, u32)>;

/// Counts the replicas of every service that run, stage by stage: with start-first everywhere there
/// are never fewer than before or after, whichever is less. Two containers of one replica, as a
/// killed client leaves them, count once.
fn capacity(world: &World, plan: &Plan) -> Result<(), String> {
    let mut live: BTreeMap<&str, Live> = BTreeMap::new();
    for (host, seen) in &world.observed.hosts {
        for one in &seen.containers {
            if one.state != RunState::Stopped {
                let container = (host.clone(), one.name.clone(), one.replica);
                live.entry(one.service.as_str())
                    .or_default()
                    .insert(container);
            }
        }
    }
    let count = |live: &BTreeMap<&str, Live>, service: &str| {
        let all = live.get(service).into_iter().flatten();
        all.map(|(_, _, number)| number)
            .collect::<BTreeSet<_>>()
            .len()
    };
    let mut least: BTreeMap<&str, usize> = BTreeMap::new();
    for (name, service) in &plan.services {
        let spec = world.services.get(name.as_str());
        let start_first = spec.is_some_and(|spec| {
            spec.order != Some(UpdateOrder::StopFirst)
                && (spec.volumes.is_empty() || spec.order == Some(UpdateOrder::StartFirst))
                && spec.ports.is_empty()
                && spec.rollout.as_deref() != Some("recreate")
        });
        let after: u32 = service.placement_after.values().sum();
        if start_first {
            let before = count(&live, name.as_str());
            least.insert(name.as_str(), before.min(after as usize));
        }
    }
    for stage in &plan.stages {
        for step in &stage.steps {
            match &step.kind {
                StepKind::Start {
                    service,
                    replica,
                    container,
                    ..
                } => {
                    let container = (step.host.clone(), container.clone(), *replica);
                    live.entry(service.as_str()).or_default().insert(container);
                }
                StepKind::Stop {
                    service, container, ..
                } => {
                    live.entry(service.as_str())
                        .or_default()
                        .retain(|(host, name, _)| *host != step.host || name != container);
                }
                _ => {}
            }
        }
        for (service, least) in &least {
            let now = count(&live, service);
            if now < *least {
                return Err(format!(
                    "after `{}` there are {now} of {service}, at least {least} are needed",
                    stage.name
                ));
            }
        }
    }
    Ok(())
}

/// `PROPTEST_CASES` asks for more than the quick default.
fn config() -> ProptestConfig {
    let given = ProptestConfig::default();
    let cases = if std::env::var_os("PROPTEST_CASES").is_some() {
        given.cases
    } else {
        150
    };
    ProptestConfig {
        cases,
        failure_persistence: None,
        ..given
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn any_story_ends_well(
        mut world in world(),
        rounds in prop::collection::vec(round(), 1..5),
    ) {
        for round in &rounds {
            prepare(&mut world, round);
            let options = options(&world, round);
            let plan = match up(&world, &options) {
                Ok(plan) => plan,
                Err(error) => {
                    // Refused, not wrong: the check is not what refuses.
                    prop_assert!(!error.message().contains("cannot be right"), "{error}");
                    continue;
                }
            };
            let again = up(&world, &options).unwrap();
            prop_assert_eq!(
                serde_json::to_string(&plan).unwrap(),
                serde_json::to_string(&again).unwrap()
            );
            if let Err(why) = capacity(&world, &plan) {
                return Err(TestCaseError::fail(format!("{why}\n{}", render(&plan))));
            }
            if let Err(why) = simulate::apply(&mut world.observed, &plan, round.killed_after) {
                return Err(TestCaseError::fail(format!("{why}\n{}", render(&plan))));
            }
            if round.killed_after.is_some_and(|after| after < plan.stages.len()) {
                continue;
            }
            let options = PlanOptions { force_recreate: false, ..options };
            let settled = up(&world, &options).unwrap();
            prop_assert!(
                settled.is_empty(),
                "not settled after\n{}\nbut\n{}",
                render(&plan),
                render(&settled)
            );
        }
    }

    #[test]
    fn down_leaves_nothing(mut world in world(), rounds in prop::collection::vec(round(), 1..3)) {
        for round in &rounds {
            prepare(&mut world, round);
            if let Ok(plan) = up(&world, &PlanOptions::default()) {
                simulate::apply(&mut world.observed, &plan, round.killed_after).unwrap();
            }
        }
        let (context, project, images) = (world.context(), world.project(), world.image_states());
        let plan = plan::down(
            &Inputs {
                context: &context,
                project: &project,
                images: &images,
                files: &world.files,
                observed: &world.observed,
                options: &PlanOptions::default(),
                policy: &Plain,
            },
            true,
        )
        .unwrap();
        if let Err(why) = simulate::apply(&mut world.observed, &plan, None) {
            return Err(TestCaseError::fail(format!("{why}\n{}", render(&plan))));
        }
        for (name, host) in &world.observed.hosts {
            prop_assert!(host.containers.is_empty(), "{name}");
            prop_assert!(host.networks.is_empty(), "{name}: {:?}", host.networks);
            prop_assert!(host.volumes.is_empty(), "{name}: {:?}", host.volumes);
            prop_assert!(host.proxy_files.values().all(Option::is_none), "{name}");
        }
        prop_assert_eq!(&world.observed.state, &None);
    }

    #[test]
    fn every_kept_release_can_be_restored(
        mut world in world(),
        rounds in prop::collection::vec(round(), 2..5),
    ) {
        for round in &rounds {
            prepare(&mut world, round);
            if let Ok(plan) = up(&world, &PlanOptions::default()) {
                simulate::apply(&mut world.observed, &plan, None).unwrap();
            }
        }
        let Some(state) = world.observed.state.clone() else {
            return Ok(());
        };
        let (context, project) = (world.context(), world.project());
        for release in &state.releases {
            if state.active == Some(release.id) {
                continue;
            }
            let mut observed = world.observed.clone();
            let plan = plan::rollback(
                &Inputs {
                    context: &context,
                    project: &project,
                    images: &BTreeMap::new(),
                    files: &world.files,
                    observed: &observed,
                    options: &PlanOptions::default(),
                    policy: &Plain,
                },
                Some(release.id),
            )
            .unwrap();
            if let Err(why) = simulate::apply(&mut observed, &plan, None) {
                return Err(TestCaseError::fail(format!("{why}\n{}", render(&plan))));
            }
            let now = observed.state.unwrap();
            let now = now.active_release().unwrap();
            for (name, service) in &release.services {
                prop_assert_eq!(
                    &now.services[name].image.manifest.digest,
                    &service.image.manifest.digest
                );
                prop_assert_eq!(&now.services[name].config, &service.config);
            }
            prop_assert_eq!(now.services.len(), release.services.len());
        }
    }
}
