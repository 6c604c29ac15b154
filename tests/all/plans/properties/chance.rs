//! Fleets, services and mishaps made up by chance.

use std::collections::BTreeMap;

use indexmap::IndexMap;
use proptest::prelude::*;
use webpods::model::{UpdateOrder, Upstreams};
use webpods::plan::PlanOptions;

use super::super::scenario::{ContextSpec, HostSpec, ServiceSpec, World};

const HOSTS: [&str; 4] = ["a", "b", "c", "d"];
pub(super) const SERVICES: [&str; 4] = ["web", "api", "db", "job"];

/// What happens in one round, before the `up`.
#[derive(Debug, Clone)]
pub(super) struct Round {
    pub services: Vec<(usize, Option<ServiceSpec>)>,
    pub harms: Vec<(prop::sample::Index, &'static str)>,
    pub options: PlanOptions,
    pub lose_state: bool,
    pub lose_proxy_files: bool,
    pub killed_after: Option<usize>,
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

pub(super) fn round() -> impl Strategy<Value = Round> {
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

pub(super) fn world() -> impl Strategy<Value = World> {
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
