//! Properties that hold for any fleet, any services and any mishap: a plan passes the check, is the
//! same when made again, can be carried out by an engine, never takes capacity away, and leaves
//! nothing to do.

use std::collections::{BTreeMap, BTreeSet};

use indexmap::IndexMap;
use proptest::prelude::*;
use webpods::model::{HostName, RunState, UpdateOrder, Upstreams};
use webpods::plan::{self, Inputs, Plan, PlanOptions, StepKind};

use super::policy::Plain;
use super::render::render;
use super::scenario::{ContextSpec, HostSpec, ServiceSpec, World};
use super::simulate;

const HOSTS: [&str; 4] = ["a", "b", "c", "d"];
const SERVICES: [&str; 4] = ["web", "api", "db", "job"];

/// What happens in one round, before the `up`.
#[derive(Debug, Clone)]
struct Round {
    services: Vec<(usize, Option<ServiceSpec>)>,
    harms: Vec<(prop::sample::Index, &'static str)>,
    options: PlanOptions,
    lose_state: bool,
    lose_proxy_files: bool,
    killed_after: Option<usize>,
}

fn service() -> impl Strategy<Value = ServiceSpec> {
    let image = (0..3u8).prop_map(|n| format!("image:{n}"));
    let order = prop::option::of(prop_oneof![
        Just(UpdateOrder::StartFirst),
        Just(UpdateOrder::StopFirst)
    ]);
    let shape = (0..5u32, 0..4u32, order, 0..4u8, any::<bool>());
    let place = (
        prop::option::weighted(0.3, prop::sample::subsequence(HOSTS.to_vec(), 1..=3)),
        prop::option::weighted(0.2, 2..4u32),
        prop_oneof![Just("spread"), Just("pack")],
        prop_oneof![3 => Just("rolling"), 1 => Just("recreate")],
    );
    (image, shape, place, 0..3u8).prop_map(
        |(image, (replicas, parallelism, order, feature, ingress), place, colour)| {
            let (hosts, max_per_host, strategy, rollout) = place;
            ServiceSpec {
                image,
                replicas: Some(replicas),
                parallelism: Some(parallelism),
                order,
                env: BTreeMap::from([("COLOUR".to_owned(), colour.to_string())]),
                hosts: hosts.map(|hosts| hosts.into_iter().map(str::to_owned).collect()),
                max_per_host,
                strategy: Some(strategy.to_owned()),
                rollout: Some(rollout.to_owned()),
                ingress: if ingress {
                    vec![String::new()]
                } else {
                    Vec::new()
                },
                volumes: if feature == 1 {
                    vec!["data:/data".to_owned()]
                } else {
                    Vec::new()
                },
                ports: if feature == 2 {
                    vec!["80:80".to_owned()]
                } else {
                    Vec::new()
                },
                healthcheck: feature == 3,
                ..ServiceSpec::default()
            }
        },
    )
}

/// Gives a generated service what depends on its name: its domain, its fixed port, and one service
/// before it.
fn named(at: usize, mut spec: ServiceSpec) -> ServiceSpec {
    for ingress in &mut spec.ingress {
        *ingress = format!("{}.example.com:8080/up", SERVICES[at]);
    }
    for port in &mut spec.ports {
        *port = format!("{}:80", 80 + at);
    }
    if at > 0 {
        spec.depends_on = IndexMap::from([(SERVICES[at - 1].to_owned(), "started".to_owned())]);
    }
    spec
}

fn round() -> impl Strategy<Value = Round> {
    let services = prop::collection::vec(
        (0..SERVICES.len(), prop::option::weighted(0.85, service())),
        0..3,
    );
    let harm = prop_oneof![
        Just("stopped"),
        Just("crashing"),
        Just("unhealthy"),
        Just("gone")
    ];
    let harms = prop::collection::vec((any::<prop::sample::Index>(), harm), 0..3);
    let options = (
        prop::bool::weighted(0.1),
        any::<bool>(),
        prop::bool::weighted(0.2),
        any::<bool>(),
        prop::option::weighted(0.15, prop::sample::subsequence(HOSTS.to_vec(), 1..=2)),
    )
        .prop_map(
            |(force_recreate, remove_orphans, move_volumes, fanout, hosts)| PlanOptions {
                force_recreate,
                remove_orphans,
                move_volumes,
                fanout,
                hosts: hosts
                    .into_iter()
                    .flatten()
                    .map(|host| host.parse().unwrap())
                    .collect(),
                ..PlanOptions::default()
            },
        );
    (
        services,
        harms,
        options,
        prop::bool::weighted(0.05),
        prop::bool::weighted(0.1),
        prop::option::weighted(0.3, 0..12usize),
    )
        .prop_map(
            |(services, harms, options, lose_state, lose_proxy_files, killed_after)| Round {
                services: services
                    .into_iter()
                    .map(|(at, spec)| (at, spec.map(|spec| named(at, spec))))
                    .collect(),
                harms,
                options,
                lose_state,
                lose_proxy_files,
                killed_after,
            },
        )
}

fn world() -> impl Strategy<Value = World> {
    let host = (
        any::<bool>(),
        prop::collection::vec(20_000..20_020u16, 0..3),
    );
    let hosts = prop::collection::vec(host, 1..=HOSTS.len());
    let context = (
        prop_oneof![4 => Just("caddy"), 1 => Just("none")],
        prop_oneof![3 => Just(Upstreams::All), 1 => Just(Upstreams::Local)],
        1..4usize,
    );
    (hosts, context, prop::collection::vec(service(), 1..4)).prop_map(
        |(hosts, (driver, upstreams, retain), services)| {
            let hosts = hosts.into_iter().enumerate().map(|(at, (mesh, taken))| {
                let spec = HostSpec {
                    mesh: mesh.then(|| format!("10.0.0.{}", at + 1)),
                    taken,
                    ..HostSpec::default()
                };
                (HOSTS[at].to_owned(), spec)
            });
            let services = services.into_iter().enumerate();
            let mut world = World {
                context_spec: ContextSpec {
                    driver: driver.to_owned(),
                    upstreams,
                    retain,
                    ports: (20_000, 20_399),
                    ..ContextSpec::default()
                },
                hosts: hosts.collect(),
                services: services
                    .map(|(at, spec)| (SERVICES[at].to_owned(), named(at, spec)))
                    .collect(),
                networks: IndexMap::new(),
                volumes: IndexMap::new(),
                images: BTreeMap::new(),
                files: BTreeMap::new(),
                observed: webpods::model::Observed::default(),
            };
            world.observe_new_hosts();
            world
        },
    )
}

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
