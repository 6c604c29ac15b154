//! The scenario format: a fleet, services, and a story of changes and commands.
//!
//! Everything has a default, so that a scenario says only what it is about. See
//! `tests/plans/*.yml` for examples.

mod service;
mod world;

use std::collections::BTreeMap;

use indexmap::IndexMap;
use serde::Deserialize;
use serde_json::Value;
use webpods::model::{Constraint, Mode, Tls, UpdateOrder, Upstreams};
use webpods::plan::PlanOptions;

pub use world::World;

/// One file of `tests/plans/`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// What it shows.
    pub about: String,
    #[serde(default)]
    pub context: ContextSpec,
    pub hosts: IndexMap<String, HostSpec>,
    #[serde(default)]
    pub services: IndexMap<String, ServiceSpec>,
    #[serde(default)]
    pub networks: IndexMap<String, NetworkSpec>,
    #[serde(default)]
    pub volumes: IndexMap<String, VolumeSpec>,
    #[serde(default)]
    pub images: BTreeMap<String, ImageSpec>,
    pub story: Vec<Chapter>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ContextSpec {
    pub name: String,
    pub project: String,
    pub driver: String,
    pub upstreams: Upstreams,
    pub domains: Vec<String>,
    pub tls: Tls,
    pub ports: (u16, u16),
    pub retain: usize,
    pub fanout: bool,
    pub fanout_by: Option<String>,
}

impl Default for ContextSpec {
    fn default() -> Self {
        Self {
            name: "lab".to_owned(),
            project: "shop".to_owned(),
            driver: "caddy".to_owned(),
            upstreams: Upstreams::All,
            domains: Vec::new(),
            tls: Tls::Off,
            ports: (20_000, 31_999),
            retain: 5,
            fanout: false,
            fanout_by: None,
        }
    }
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct HostSpec {
    pub labels: BTreeMap<String, String>,
    pub mesh: Option<String>,
    pub local: bool,
    pub platform: Option<String>,
    pub emulates: Vec<String>,
    pub taken: Vec<u16>,
    pub claims: Vec<ClaimSpec>,
    pub volumes: Vec<String>,
    pub networks: Vec<String>,
    /// Networks and volumes, and what they were made from.
    pub made_from: BTreeMap<String, String>,
    /// Images that hosts pull and that somebody pulled here before.
    pub pulled: Vec<String>,
    /// Layers that the engine has where it cannot supply them, and hands out.
    pub adoptable: Vec<String>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClaimSpec {
    pub owner: String,
    #[serde(default)]
    pub domains: Vec<String>,
    #[serde(default)]
    pub ports: Vec<u16>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ServiceSpec {
    pub image: String,
    /// With `pending`: the platforms it will be built for.
    pub made_for: Vec<String>,
    /// `build: source changed`: the image is not known yet.
    pub pending: Option<String>,
    pub replicas: Option<u32>,
    pub hosts: Option<Vec<String>>,
    pub strategy: Option<String>,
    pub max_per_host: Option<u32>,
    pub min_hosts: Option<u32>,
    /// `domain:port[/health]`
    pub ingress: Vec<String>,
    pub tls: Option<Tls>,
    pub env: BTreeMap<String, String>,
    /// `key:target[:ro]`; a key with `/` is a bind, with `./` one of the project.
    pub volumes: Vec<String>,
    /// `target: content`
    pub configs: BTreeMap<String, String>,
    pub secrets: BTreeMap<String, String>,
    /// `[ip:]published:target[/udp]`
    pub ports: Vec<String>,
    pub depends_on: IndexMap<String, String>,
    pub networks: Option<Vec<String>>,
    pub network_mode: Option<String>,
    pub container_name: Option<String>,
    pub healthcheck: bool,
    pub order: Option<UpdateOrder>,
    pub parallelism: Option<u32>,
    /// Seconds.
    pub delay: u64,
    pub monitor: u64,
    pub rollout: Option<String>,
    pub platform: Option<String>,
    pub grace: Option<u64>,
    /// Commands, words apart by spaces.
    pub constraints: Vec<Constraint>,
    pub mode: Mode,
    pub may_end: bool,
    pub links: Vec<String>,
    /// `service[:ro]` or `container:name[:ro]`
    pub volumes_from: Vec<String>,
    pub pid: Option<String>,
    pub post_start: Vec<String>,
    pub pre_stop: Vec<String>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct NetworkSpec {
    pub name: Option<String>,
    pub external: bool,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct VolumeSpec {
    pub name: Option<String>,
    pub external: bool,
    pub driver: Option<String>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ImageSpec {
    pub platform: Option<String>,
    /// Made for several, each its own.
    pub platforms: Vec<String>,
    /// Names of layers; images that share a name share the layer.
    pub layers: Vec<String>,
    /// The registry that hosts pull it from themselves.
    pub pull: Option<String>,
}

/// One chapter: first changes to the world and the wishes, then a command.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Chapter {
    /// Services to add or replace; `null` removes one.
    pub services: IndexMap<String, Option<Value>>,
    /// Context settings to change.
    pub context: Option<Value>,
    /// Hosts to add or replace.
    pub hosts: IndexMap<String, HostSpec>,
    /// `web/1: stopped`, `web/1: unhealthy`, …
    pub containers: IndexMap<String, String>,
    /// Contents of files of the project by path; they stay.
    pub files: BTreeMap<String, String>,
    /// Forget the state on every host.
    pub lose_state: bool,
    /// `host: [port, …]` that something else takes from now on.
    pub taken: BTreeMap<String, Vec<u16>>,
    /// Hosts whose proxy files somebody removed.
    pub proxy_lost: Vec<String>,
    pub up: Option<UpSpec>,
    /// `r1`, or `previous`.
    pub rollback: Option<String>,
    pub down: Option<DownSpec>,
    /// Stages that are carried out; all by default. The client is killed after them.
    pub killed_after: Option<usize>,
    /// Golden JSON of the plan as well.
    pub json: bool,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct UpSpec {
    pub scale: BTreeMap<String, u32>,
    pub services: Vec<String>,
    pub hosts: Vec<String>,
    pub force_recreate: bool,
    pub remove_orphans: bool,
    pub move_volumes: bool,
    pub fanout: bool,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DownSpec {
    pub volumes: bool,
    pub hosts: Vec<String>,
}

impl UpSpec {
    pub fn options(&self) -> PlanOptions {
        PlanOptions {
            scale: self
                .scale
                .iter()
                .map(|(name, n)| (name.parse().unwrap(), *n))
                .collect(),
            services: self.services.iter().map(|s| s.parse().unwrap()).collect(),
            hosts: self.hosts.iter().map(|h| h.parse().unwrap()).collect(),
            force_recreate: self.force_recreate,
            remove_orphans: self.remove_orphans,
            move_volumes: self.move_volumes,
            fanout: self.fanout,
        }
    }
}
