//! What hosts look like now: one observation per command.

use std::collections::{BTreeMap, BTreeSet};

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use super::{Digest, HostName, ProjectState, ReleaseId, ServiceName, StackKey};

/// The fleet as observed, hosts in inventory order.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Observed {
    /// By name.
    pub hosts: IndexMap<HostName, HostObserved>,
    /// The newest state found on any host.
    pub state: Option<ProjectState>,
    /// Hosts whose state differs from the newest (spec §20.2).
    #[serde(default)]
    pub stale: Vec<HostName>,
}

/// One host.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HostObserved {
    /// `linux/amd64`.
    pub platform: String,
    /// Architectures that the kernel hands to an emulator: `arm64`.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub emulates: BTreeSet<String>,
    /// The engine's version.
    pub engine: String,
    /// How the engine stores images.
    pub store: Store,
    /// Bytes free where the cache is.
    pub disk_free: u64,
    /// Containers with this context's and project's labels, stopped ones included.
    pub containers: Vec<ContainerObserved>,
    /// TCP ports that something other than this project's containers holds.
    pub taken_ports: BTreeSet<u16>,
    /// Names of networks that exist.
    pub networks: BTreeSet<String>,
    /// Names of volumes that exist.
    pub volumes: BTreeSet<String>,
    /// What networks and volumes of this project were made from, by name: the digest of their
    /// settings, of those that webpods made.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub made_from: BTreeMap<String, String>,
    /// What other projects on this host claim.
    pub claims: Vec<Claim>,
    /// Manifest digests of images the engine holds under their host tag.
    pub images: BTreeSet<Digest>,
    /// Blobs in the cache, of those that were asked for. Of an image that the host pulls: its
    /// manifest, when the engine holds it under another name than the host tag.
    pub blobs: BTreeSet<Digest>,
    /// Layers (diff IDs) the engine can supply itself, so that they need not be sent.
    pub engine_layers: BTreeSet<Digest>,
    /// Layers that the host can copy from its engine into its cache, of the others.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub adoptable: BTreeSet<Digest>,
    /// This project's proxy files as they are now; none: absent.
    pub proxy_files: BTreeMap<String, Option<String>>,
}

/// How an engine stores images.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Store {
    /// Graph drivers: layers are known by chain.
    #[default]
    Classic,
    /// containerd's content store: layers are known by digest.
    Containerd,
}

/// A container of this project.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContainerObserved {
    /// The engine's identifier.
    pub id: String,
    /// Without the leading slash.
    pub name: String,
    /// From its label.
    pub service: ServiceName,
    /// From its label.
    pub replica: u32,
    /// From its label.
    pub release: ReleaseId,
    /// From its label.
    pub config: Option<Digest>,
    /// From its label.
    pub image: Option<Digest>,
    /// From its label: containers whose namespaces or volumes it uses; nothing when it has none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub shares: String,
    /// Running or not.
    pub state: RunState,
    /// None: no health check.
    pub healthy: Option<bool>,
    /// container port → host port (TCP).
    pub ports: BTreeMap<u16, u16>,
    /// When it was created, seconds since the epoch.
    pub created: i64,
    /// The engine's own words: `Up 3 hours (healthy)`.
    pub status: String,
}

/// A container's state, as far as planning cares.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RunState {
    /// Up.
    Running,
    /// Created, exited, dead or paused.
    Stopped,
    /// Crashing and started again by the engine.
    Restarting,
}

/// What another project holds on a host (spec §7.5, §7.6).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claim {
    /// Whose.
    pub owner: StackKey,
    /// Domains of its active release.
    pub domains: Vec<String>,
    /// Host ports in its table.
    pub ports: BTreeSet<u16>,
}
