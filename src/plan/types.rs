//! The plan: immutable, serialisable, complete (spec §14.1).

use std::collections::BTreeMap;

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use super::{BlobShipment, ImagePlan};
use crate::model::{
    Digest, Hook, HostName, Image, ProjectState, ProxyFile, ReleaseId, Route, ServiceName,
    StackKey, Template,
};

/// Everything that will happen, in order, and why. `diff --format json` prints it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// The format; 1.
    pub version: u32,
    /// Whose containers.
    #[serde(flatten)]
    pub key: StackKey,
    /// What was asked for.
    pub action: Action,
    /// The number of the release this makes; the active one's when nothing changes.
    pub release: ReleaseId,
    /// The release that serves now.
    pub previous: Option<ReleaseId>,
    /// The hosts taking part, in inventory order.
    pub hosts: Vec<PlannedHost>,
    /// Per service: what changes and why. Removed services are included.
    pub services: IndexMap<ServiceName, ServicePlan>,
    /// Images to ship, by manifest digest.
    pub images: Vec<ImagePlan>,
    /// Routes that appear, change or vanish.
    pub routes: Vec<RouteChange>,
    /// What to know before agreeing.
    pub warnings: Vec<String>,
    /// Stages run one after another; the steps of a stage run concurrently.
    pub stages: Vec<Stage>,
    /// The state to write when everything worked. `created`, `by` of the new release are filled in
    /// by the engine just before it is written. None: nothing to write.
    pub state: Option<ProjectState>,
}

impl Plan {
    /// Whether applying it would change anything on any host.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.stages.iter().all(|stage| stage.steps.is_empty()) && !self.is_pending()
    }

    /// Whether images must be built or pulled before the plan is exact.
    #[must_use]
    pub fn is_pending(&self) -> bool {
        self.services.values().any(|service| service.pending)
    }
}

/// What a plan carries out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// Converge to the project.
    Up,
    /// Converge to an older release.
    Rollback,
    /// Remove everything of the project.
    Down,
}

/// A host that takes part.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedHost {
    /// Its name.
    pub name: HostName,
    /// Its platform, `linux/amd64`.
    pub platform: String,
}

/// One line of reasoning, for people: `image changed`, `same image and config as r12`.
pub type Reason = String;

/// What happens to a service (spec §14.1).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ServicePlan {
    /// Manifest digest deployed now.
    pub current: Option<Digest>,
    /// Manifest digest wanted; none when removed or not known before the build.
    pub desired: Option<Digest>,
    /// The image must be built or pulled first; the plan for this service is then a forecast.
    pub pending: bool,
    /// What the Compose file calls the image.
    pub image: String,
    /// Replicas now, by host.
    pub placement_before: BTreeMap<HostName, u32>,
    /// Replicas afterwards, by host.
    pub placement_after: BTreeMap<HostName, u32>,
    /// Per replica, by number.
    pub replicas: Vec<ReplicaPlan>,
    /// Why this service changes or does not.
    pub reasons: Vec<Reason>,
}

/// What happens to one replica.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReplicaPlan {
    /// Its number.
    pub number: u32,
    /// Where it is or will be.
    pub host: HostName,
    /// What happens.
    pub action: ReplicaAction,
    /// Container port → host port.
    pub ports: BTreeMap<u16, u16>,
    /// Why, when it changes.
    pub reason: Option<Reason>,
}

/// What happens to a replica.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ReplicaAction {
    /// Nothing.
    Keep,
    /// A new container where there was none.
    Create,
    /// A new container in place of the old one.
    Recreate,
    /// The container goes.
    Remove,
}

/// A change of one domain's route.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RouteChange {
    /// The domain.
    pub domain: String,
    /// Now.
    pub before: Option<Route>,
    /// Afterwards.
    pub after: Option<Route>,
}

/// Steps that run concurrently.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Stage {
    /// `ship`, `load`, `prepare`, `start web 1/2`, …
    pub name: String,
    /// At most one per (kind, host, replica).
    pub steps: Vec<Step>,
}

/// One thing done on one host by the script `steps/<kind>.lua`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// Position in the whole plan, from 0.
    pub id: usize,
    /// Where.
    pub host: HostName,
    /// What.
    #[serde(flatten)]
    pub kind: StepKind,
}

/// The step kinds with everything their scripts need.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum StepKind {
    /// Send missing blobs of all images into the host's cache.
    Ship {
        blobs: Vec<BlobShipment>,
        images: Vec<Image>,
    },
    /// Assemble an archive on the host and load it into the engine, or have the engine pull it.
    Load { image: Image },
    /// Networks, volumes and files that containers of this release need. Idempotent.
    Prepare {
        /// Engine create bodies, `Name` and labels included.
        networks: Vec<serde_json::Value>,
        /// Engine create bodies, `Name` and labels included.
        volumes: Vec<serde_json::Value>,
        /// Files below the release's folder.
        files: Vec<StagedFile>,
    },
    /// Create and start a container.
    Start {
        service: ServiceName,
        replica: u32,
        container: String,
        /// The complete create body: image, labels, ports, mounts, networks.
        body: Box<Template>,
        /// Further networks to connect before the start: name → endpoint settings.
        networks: BTreeMap<String, serde_json::Value>,
        /// The engine's identifier of a stopped container that has the name this one gets. It is
        /// renamed first, so that undoing can start it again; its `remove` step names it by
        /// identifier.
        replaces: Option<String>,
        /// Run in the container once it runs; one that fails fails the step.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        post_start: Vec<Hook>,
    },
    /// Wait until a started container is ready.
    Health {
        service: ServiceName,
        replica: u32,
        container: String,
        /// Wait for the engine's health check.
        healthcheck: bool,
        /// Probe this path on this host port through the connection.
        probe: Option<HttpProbe>,
        /// Seconds until the step fails.
        timeout: u64,
        /// Wait for the container to exit with 0 instead (`service_completed_successfully`).
        completes: bool,
        /// A container that exited with 0 is ready too: it has done its work.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        may_end: bool,
        /// Only a warning when it does not complete: nothing that starts needs it.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        optional: bool,
        /// Seconds that it must stay ready; 0: it is enough that it is.
        #[serde(default, skip_serializing_if = "is_zero")]
        watch: u64,
    },
    /// Put the proxy's files in place and reload it. `before` undoes it.
    Route {
        driver: String,
        files: Vec<ProxyFile>,
        before: Vec<ProxyFile>,
        /// What must be live afterwards.
        routes: Vec<Route>,
    },
    /// Wait until the proxy has no requests in flight to these addresses.
    Drain {
        driver: String,
        /// `addr:port` as the host's proxy dials them.
        upstreams: Vec<String>,
        /// Seconds until the step gives up waiting and goes on.
        timeout: u64,
    },
    /// Stop a container; it stays until `remove`, so that a failure can start it again.
    Stop {
        service: ServiceName,
        replica: u32,
        container: String,
        /// Seconds between the stop signal and SIGKILL.
        grace: u64,
        /// Run in the container before the stop signal; one that fails fails the step.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        pre_stop: Vec<Hook>,
        /// Run when undoing starts the container again.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        post_start: Vec<Hook>,
    },
    /// Remove a stopped container.
    Remove {
        service: ServiceName,
        replica: u32,
        container: String,
    },
    /// Write the plan's state and refs to the host.
    Commit {},
    /// Remove networks, files, images and blobs that no retained release needs.
    Prune {
        /// Releases that stay.
        keep: Vec<ReleaseId>,
        /// Host tags of images to remove from the engine.
        images: Vec<String>,
        /// Networks to remove by name.
        networks: Vec<String>,
        /// Volumes to remove by name; only `down --volumes` lists any.
        volumes: Vec<String>,
        /// Remove the project's state, refs and files too.
        everything: bool,
    },
}

/// Where to probe for health.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HttpProbe {
    /// The host port on 127.0.0.1.
    pub port: u16,
    /// The path, starting with `/`.
    pub path: String,
    /// The `Host` header.
    pub domain: String,
}

/// A file shipped into a release's folder for a bind mount, config or secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StagedFile {
    /// Absolute path on the host; the name holds the content's digest.
    pub path: String,
    /// Permission bits of [`FileSource::Content`]; other sources keep the bits they have.
    pub mode: u32,
    /// Owner, when the service names one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uid: Option<u32>,
    /// Group, when the service names one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gid: Option<u32>,
    /// Where the bytes come from: a local file, or the content itself.
    pub source: FileSource,
    /// Secret content is never shown.
    pub secret: bool,
}

/// Where a staged file's bytes come from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FileSource {
    /// A file or folder of the project, absolute.
    Local(std::path::PathBuf),
    /// The bytes themselves.
    Content(#[serde(with = "crate::model::content")] Vec<u8>),
    /// Nowhere: an earlier release put the file there, and the one that is restored needs it.
    /// When it is gone the step fails.
    Kept,
}

impl StepKind {
    /// The step script's name: `ship`, `load`, …
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Ship { .. } => "ship",
            Self::Load { .. } => "load",
            Self::Prepare { .. } => "prepare",
            Self::Start { .. } => "start",
            Self::Health { .. } => "health",
            Self::Route { .. } => "route",
            Self::Drain { .. } => "drain",
            Self::Stop { .. } => "stop",
            Self::Remove { .. } => "remove",
            Self::Commit {} => "commit",
            Self::Prune { .. } => "prune",
        }
    }
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde hands over a reference"
)]
fn is_zero(seconds: &u64) -> bool {
    *seconds == 0
}
