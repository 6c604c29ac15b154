//! Validated data that every room shares: names, contexts, projects, releases, observations.
//!
//! In: strings and trees from outside, parsed once. Out: types that cannot hold a wrong name.
//! No I/O here, no clock, no randomness.

mod build;
pub mod content;
mod context;
#[cfg(test)]
pub mod fixtures;
mod hook;
mod image;
mod labels;
mod names;
mod observed;
mod project;
mod reference;
mod release;
mod secret;
mod share;
mod template;

pub use build::{Build, BuildSecret, Concealed, NamedContext, SecretSource, Ulimit};
pub use context::{
    ArtifactMode, Artifacts, Confirm, Context, Defaults, Destructive, Host, HostKeyCheck, Origin,
    Ports, Proxy, Safety, SafetyLevel, Ssh, Tls, Upstreams,
};
pub use hook::Hook;
pub use image::{Blob, Image, ImageState, machine};
pub use labels::Labels;
pub use names::{
    ContextName, Digest, HostName, NameError, ProjectName, ReleaseId, ServiceName, StackKey,
};
pub use observed::{Claim, ContainerObserved, HostObserved, Observed, RunState, Store};
pub use project::{
    Condition, Constraint, Dependency, FileMount, ImageSource, Ingress, Mode, MountKind,
    NamedNetwork, NamedVolume, NetworkAttachment, Placement, PortPublication, Project, Service,
    ServiceMount, UpdateOrder,
};
pub use reference::{Pinned, Reference, RegistryPath, Repository};
pub use release::{
    PortTable, ProjectState, ProxyFile, Release, ReleaseService, ReleaseStatus, Replica, Route,
    Upstream,
};
pub use secret::is_secret_name;
pub use share::{Lender, Share, Shared, VolumesFrom};
pub use template::Template;
