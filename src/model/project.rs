//! A Compose project after loading, merging and normalising (spec §8).

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use super::{Build, Hook, ProjectName, ServiceName, Template, Tls, VolumesFrom};

/// A loaded project: what the planner and the builder need, typed.
///
/// The canonical tree that `webpods config` prints stays in `compose`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Project {
    /// Resolved by spec §7.2.
    pub name: ProjectName,
    /// The folder relative paths are relative to, absolute.
    pub working_dir: PathBuf,
    /// Services with an active profile, in file order.
    pub services: IndexMap<ServiceName, Service>,
    /// Networks by key, `default` included when a service uses it.
    pub networks: IndexMap<String, NamedNetwork>,
    /// Named volumes by key.
    pub volumes: IndexMap<String, NamedVolume>,
    /// What was understood but cannot be carried out as written, one line each.
    pub warnings: Vec<String>,
}

/// One service.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Service {
    /// Its key.
    pub name: ServiceName,
    /// `image:`, as written.
    pub image: Option<String>,
    /// `build:`.
    pub build: Option<Build>,
    /// `platform:`.
    pub platform: Option<String>,
    /// `deploy.replicas`, else `scale`, else 1 (spec §8.2).
    pub replicas: u32,
    /// `x-placement` (spec §8.3).
    pub placement: Placement,
    /// `x-ingress` (spec §11.3); a list is allowed.
    pub ingress: Vec<Ingress>,
    /// Everything else of the container, in the Engine's form: command, environment, limits,
    /// health check, user labels, … The planner adds image, labels, mounts, networks and ports.
    pub template: Template,
    /// `volumes:` and `tmpfs:`.
    pub mounts: Vec<ServiceMount>,
    /// `configs:` and `secrets:` with their content.
    pub files: Vec<FileMount>,
    /// Networks by key in priority order. Empty with `network_mode`.
    pub networks: IndexMap<String, NetworkAttachment>,
    /// `network_mode:` as written.
    pub network_mode: Option<String>,
    /// `ports:` that the user publishes themselves.
    pub ports: Vec<PortPublication>,
    /// `depends_on:`; an ordering hint within the project (spec §8.1).
    pub depends_on: IndexMap<ServiceName, Dependency>,
    /// `container_name:`.
    pub container_name: Option<String>,
    /// `stop_grace_period`, default 10 s.
    pub stop_grace: Duration,
    /// A health check is defined and not disabled.
    pub healthcheck: bool,
    /// `deploy.update_config.parallelism`; 0 means all at once.
    pub parallelism: u32,
    /// Seconds that a batch is watched while it serves, before the next one:
    /// `deploy.update_config.delay`.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub update_delay: u64,
    /// The same after every batch: `deploy.update_config.monitor`.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub update_monitor: u64,
    /// `deploy.update_config.order`, when written.
    pub update_order: Option<UpdateOrder>,
    /// `x-rollout: {strategy: …}`, the script `rollout/<strategy>.lua`; `rolling` by default.
    pub rollout: String,
    /// `x-artifacts: {source: …}`, when written; else the context's `artifacts.mode` decides.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image_source: Option<ImageSource>,
    /// `deploy.mode`.
    #[serde(default, skip_serializing_if = "Mode::is_replicated")]
    pub mode: Mode,
    /// `restart: "no"` is written: a container that exited with 0 has done its work.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub may_end: bool,
    /// `links` and `external_links`, as `name:alias`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub links: Vec<String>,
    /// `pull_policy`, when written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pull_policy: Option<String>,
    /// `volumes_from:`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub volumes_from: Vec<VolumesFrom>,
    /// `post_start:`, run in each container right after it starts, before it is judged healthy.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub post_start: Vec<Hook>,
    /// `pre_stop:`, run in each container right before it is stopped.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pre_stop: Vec<Hook>,
    /// `attach:`; whether `up` follows its logs.
    #[serde(default = "yes")]
    pub attach: bool,
    /// Docker Compose's labels that say where the service comes from, for other tools. They do not
    /// decide whether a container is kept.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub compose_labels: BTreeMap<String, String>,
}

fn yes() -> bool {
    true
}

/// Who brings a service's image to hosts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ImageSource {
    /// The machine that runs the command sends it.
    Client,
    /// Every host pulls it, by digest.
    Host,
}

/// `x-placement` (spec §8.3).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Placement {
    /// Eligible hosts by name; none means all of the context.
    pub hosts: Option<Vec<String>>,
    /// The script `placement/<strategy>.lua`.
    pub strategy: String,
    /// Most replicas on one host.
    pub max_per_host: Option<u32>,
    /// Fewest eligible hosts.
    pub min_hosts: Option<u32>,
    /// `deploy.placement.constraints`: all of them hold for an eligible host.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub constraints: Vec<Constraint>,
}

/// One of `deploy.placement.constraints`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Constraint {
    /// A label of the host; none: its name.
    pub label: Option<String>,
    /// `==`, else `!=`.
    pub equal: bool,
    /// The value compared with, without regard to case.
    pub value: String,
}

/// `deploy.mode`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// As many containers as replicas.
    #[default]
    Replicated,
    /// One on every eligible host.
    Global,
    /// As many as replicas, run to their end.
    ReplicatedJob,
    /// One on every eligible host, run to its end.
    GlobalJob,
}

impl Mode {
    /// Whether it is the default.
    #[must_use]
    pub fn is_replicated(&self) -> bool {
        *self == Self::Replicated
    }

    /// One container per eligible host.
    #[must_use]
    pub fn is_global(self) -> bool {
        matches!(self, Self::Global | Self::GlobalJob)
    }

    /// A release waits until its containers have exited with 0.
    #[must_use]
    pub fn is_job(self) -> bool {
        matches!(self, Self::ReplicatedJob | Self::GlobalJob)
    }
}

impl Default for Placement {
    fn default() -> Self {
        Self {
            hosts: None,
            strategy: "spread".to_owned(),
            max_per_host: None,
            min_hosts: None,
            constraints: Vec::new(),
        }
    }
}

/// `x-ingress` (spec §11.3).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Ingress {
    /// The domain.
    pub host: String,
    /// The container's port.
    pub port: u16,
    /// Probed before traffic is switched, and by the proxy afterwards.
    pub health_path: Option<String>,
    /// Over the context's `proxy.tls`.
    pub tls: Option<Tls>,
}

/// Where a mount's content comes from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum MountKind {
    /// A key of [`Project::volumes`].
    Volume { key: String },
    /// A volume without a name.
    Anonymous,
    /// A path. `in_project` paths are shipped to remote hosts and mounted read-only; others are
    /// paths of the host.
    Bind {
        source: PathBuf,
        in_project: bool,
        create_host_path: bool,
    },
    /// Memory.
    Tmpfs,
    /// Another type, which is not carried out: `image`, `npipe`, `cluster`.
    Other { what: String },
}

/// One entry of `volumes:` or `tmpfs:`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ServiceMount {
    /// What is mounted.
    #[serde(flatten)]
    pub kind: MountKind,
    /// The path inside the container.
    pub target: String,
    /// `:ro`.
    pub read_only: bool,
    /// Remaining options in the Engine's `Mount` form (`BindOptions`, `VolumeOptions`,
    /// `TmpfsOptions`, `Consistency`), and `SELinux`, when any were written.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub options: BTreeMap<String, serde_json::Value>,
}

/// A config or secret mounted as a file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FileMount {
    /// The key of the config or secret.
    pub key: String,
    /// The path inside the container.
    pub target: String,
    /// The bytes; redacted wherever they are shown when `secret`.
    #[serde(with = "super::content")]
    pub content: Vec<u8>,
    /// From `secrets:`.
    pub secret: bool,
    /// Permission bits, default 0444.
    pub mode: u32,
    /// Owner, when written.
    pub uid: Option<u32>,
    /// Group, when written.
    pub gid: Option<u32>,
}

/// How a service is attached to a network.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct NetworkAttachment {
    /// Aliases besides the service's name.
    pub aliases: Vec<String>,
    /// A static address.
    pub ipv4_address: Option<String>,
    /// A static address.
    pub ipv6_address: Option<String>,
    /// Further addresses, of the link only.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub link_local_ips: Vec<String>,
    /// The address of the interface.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mac_address: Option<String>,
    /// Which network is the way out: the highest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gw_priority: Option<i64>,
    /// Options of the network's driver for this container, the interface's name among them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub driver_opts: BTreeMap<String, String>,
}

/// One entry of `ports:`, long form.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PortPublication {
    /// The container's port.
    pub target: u16,
    /// The host's port; none: the engine picks one.
    pub published: Option<u16>,
    /// The last of a range of which the engine picks one; `published` is the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last: Option<u16>,
    /// The host's address.
    pub host_ip: Option<String>,
    /// `tcp`, `udp` or `sctp`.
    pub protocol: String,
}

impl PortPublication {
    /// The one host port it can have; none when the engine picks one.
    #[must_use]
    pub fn fixed(&self) -> Option<u16> {
        self.published.filter(|_| self.last.is_none())
    }

    /// The host's port as the engine takes it: `80`, `80-90`, or nothing.
    #[must_use]
    pub fn host_port(&self) -> String {
        match (self.published, self.last) {
            (Some(first), Some(last)) => format!("{first}-{last}"),
            (Some(port), None) => port.to_string(),
            (None, _) => String::new(),
        }
    }
}

/// `depends_on` of one service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dependency {
    /// When the dependent may start.
    pub condition: Condition,
    /// False: a missing dependency only warns.
    pub required: bool,
    /// True: the dependent is made anew when the dependency is replaced.
    #[serde(default)]
    pub restart: bool,
}

/// When a dependency counts as ready.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Condition {
    /// It was started.
    ServiceStarted,
    /// Its health check passes.
    ServiceHealthy,
    /// It exited with 0.
    ServiceCompletedSuccessfully,
}

/// `deploy.update_config.order`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum UpdateOrder {
    /// The new container runs before the old one stops.
    StartFirst,
    /// The old container stops before the new one starts.
    StopFirst,
}

/// An entry of the top-level `networks:`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NamedNetwork {
    /// `name:` as written by the user; none: webpods names it after context, project and key.
    pub name: Option<String>,
    /// Exists already; never created or removed.
    pub external: bool,
    /// The Engine's create body without name and our labels (`Driver`, `Internal`, `IPAM`, …).
    pub body: serde_json::Value,
}

/// An entry of the top-level `volumes:`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NamedVolume {
    /// `name:` as written by the user; none: webpods names it after context, project and key.
    pub name: Option<String>,
    /// Exists already; never created or removed.
    pub external: bool,
    /// The Engine's create body without name and our labels (`Driver`, `DriverOpts`, …).
    pub body: serde_json::Value,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde hands over a reference"
)]
fn is_zero(seconds: &u64) -> bool {
    *seconds == 0
}
