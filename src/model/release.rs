//! What is remembered on hosts: releases, ports, the active release (spec §3.4, §20).

use std::collections::BTreeMap;

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use super::{
    Digest, HostName, Image, NamedNetwork, NamedVolume, ReleaseId, Service, ServiceName, StackKey,
};

/// `state.json` of one (context, project); the same on every host (spec §20).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ProjectState {
    /// The format; 1.
    pub version: u32,
    /// Whose state this is.
    #[serde(flatten)]
    pub key: StackKey,
    /// Grows with every write; the highest among hosts is the newest.
    pub serial: u64,
    /// The last number given out, whether that release succeeded or not.
    pub last: ReleaseId,
    /// The release that serves.
    pub active: Option<ReleaseId>,
    /// Retained releases, oldest first.
    pub releases: Vec<Release>,
    /// Host ports that belong to this project.
    pub ports: PortTable,
}

impl ProjectState {
    /// The state of a project that was never deployed.
    #[must_use]
    pub fn empty(key: StackKey) -> Self {
        Self {
            version: 1,
            key,
            serial: 0,
            last: ReleaseId(0),
            active: None,
            releases: Vec::new(),
            ports: PortTable::new(),
        }
    }

    /// The release with this number.
    #[must_use]
    pub fn release(&self, id: ReleaseId) -> Option<&Release> {
        self.releases.iter().find(|release| release.id == id)
    }

    /// The release that serves.
    #[must_use]
    pub fn active_release(&self) -> Option<&Release> {
        self.release(self.active?)
    }
}

/// service → host → replica number → container port → host port.
pub type PortTable = BTreeMap<ServiceName, BTreeMap<HostName, BTreeMap<u32, BTreeMap<u16, u16>>>>;

/// A recorded deployment (spec §3.4); holds all that a rollback needs except image bytes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Release {
    /// Its number.
    pub id: ReleaseId,
    /// When it was committed, RFC 3339 UTC.
    pub created: String,
    /// `user@machine`, or the CI job's URL.
    pub by: String,
    /// How it ended.
    pub status: ReleaseStatus,
    /// The release that was rolled back to, when this one is a rollback.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restored: Option<ReleaseId>,
    /// Services with their images and placement.
    pub services: IndexMap<ServiceName, ReleaseService>,
    /// Networks the services use.
    pub networks: IndexMap<String, NamedNetwork>,
    /// Volumes the services use.
    pub volumes: IndexMap<String, NamedVolume>,
    /// Routes that were live.
    pub routes: Vec<Route>,
    /// Proxy configuration per host, as rendered.
    pub proxy_files: BTreeMap<HostName, Vec<ProxyFile>>,
}

/// How a release ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ReleaseStatus {
    /// It serves.
    Active,
    /// It served until another release took over.
    Superseded,
    /// It never served.
    Failed,
}

/// One service of a release.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ReleaseService {
    /// The service as it was deployed.
    pub service: Service,
    /// Its image.
    pub image: Image,
    /// Digest of its configuration, image excluded.
    pub config: Digest,
    /// Digests of the project's own files it mounts, by local path.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub binds: BTreeMap<std::path::PathBuf, Digest>,
    /// Its replicas by number.
    pub replicas: Vec<Replica>,
}

/// One container of a service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Replica {
    /// From 1, across hosts.
    pub number: u32,
    /// Where it runs.
    pub host: HostName,
    /// The container's name.
    pub container: String,
    /// container port → host port, for ports webpods allocated.
    pub ports: BTreeMap<u16, u16>,
}

/// A domain and where its requests go.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Route {
    /// The domain.
    pub domain: String,
    /// The service.
    pub service: ServiceName,
    /// Probed by the proxy.
    pub health_path: Option<String>,
    /// Resolved from `x-ingress` and the context.
    pub tls: super::Tls,
    /// In replica order.
    pub upstreams: Vec<Upstream>,
}

/// One replica as a proxy sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Upstream {
    /// Where the replica runs; its own proxy uses 127.0.0.1.
    pub host: HostName,
    /// What other hosts use: `mesh_ip` or `addr`.
    pub addr: String,
    /// The host port.
    pub port: u16,
}

/// A file a proxy driver rendered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProxyFile {
    /// Absolute path on the host.
    pub path: String,
    /// Its text. None removes the file.
    pub content: Option<String>,
}
