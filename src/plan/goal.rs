//! What a plan converges to: services of the Compose file, or of an older release.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use indexmap::IndexMap;

use super::Action;
use super::place::Counts;
use crate::model::{
    Digest, ImageState, NamedNetwork, NamedVolume, ReleaseId, Service, ServiceName,
};

/// One service as it shall be.
#[derive(Debug, Clone)]
pub(super) struct Wanted {
    /// With the replicas of this invocation.
    pub service: Service,
    pub image: ImageState,
    /// Digests of the project's own files.
    pub binds: BTreeMap<PathBuf, Digest>,
    /// Where an older release had its replicas; none: the placement script decides.
    pub placed: Option<Counts>,
    /// Its files are on the hosts, perhaps no longer here: it comes from a release's record.
    pub kept: bool,
    /// The image's bytes are here, so that they can be shipped.
    pub local: bool,
}

/// What a plan converges to.
#[derive(Debug)]
pub(super) struct Goal {
    pub action: Action,
    /// In the order of the Compose file.
    pub services: Vec<Wanted>,
    /// Services that stay as they are, whatever they are.
    pub untouched: BTreeSet<ServiceName>,
    pub networks: IndexMap<String, NamedNetwork>,
    pub volumes: IndexMap<String, NamedVolume>,
    /// The release that is restored.
    pub restored: Option<ReleaseId>,
    pub warnings: Vec<String>,
}
