//! What planning needs: plain data, gathered by others.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use super::Policy;
use crate::model::{
    Context, Digest, HostName, ImageState, MountKind, Observed, Project, ServiceName, StackKey,
};

/// Everything a plan is made from. The same inputs give the same plan.
#[derive(Clone, Copy)]
pub struct Inputs<'a> {
    /// Where to.
    pub context: &'a Context,
    /// What is wanted. For a rollback and for `down` only its name and networks matter.
    pub project: &'a Project,
    /// Per service, what is known of its image. For a rollback: the images whose bytes are in the
    /// local store, so that they can be shipped again.
    pub images: &'a BTreeMap<ServiceName, ImageState>,
    /// Content digests of [`bind_sources`]; a path that does not exist is left out.
    pub files: &'a BTreeMap<PathBuf, Digest>,
    /// What is there.
    pub observed: &'a Observed,
    /// What the command line says.
    pub options: &'a PlanOptions,
    /// The scripts that decide.
    pub policy: &'a dyn Policy,
}

impl Inputs<'_> {
    /// Whose containers.
    #[must_use]
    pub fn key(&self) -> StackKey {
        StackKey {
            context: self.context.name.clone(),
            project: self.project.name.clone(),
        }
    }
}

/// The part of the command line that changes plans (spec §6.3).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PlanOptions {
    /// `--scale`: replicas of this invocation.
    pub scale: BTreeMap<ServiceName, u32>,
    /// Only these services and what they depend on; empty means all.
    pub services: Vec<ServiceName>,
    /// `--hosts`: only these hosts take part; empty means all.
    pub hosts: Vec<HostName>,
    /// Recreate containers that would be kept.
    pub force_recreate: bool,
    /// Remove services that are no longer in the Compose file.
    pub remove_orphans: bool,
    /// Let services leave the hosts that hold their volumes.
    pub move_volumes: bool,
    /// Let hosts pass blobs on to each other; a context may say so too.
    pub fanout: bool,
}

/// The project's own files that are mounted into containers and whose content decides whether a
/// container is recreated: the engine digests them before planning.
///
/// Empty when every host is this machine, where the files are mounted in place.
#[must_use]
pub fn bind_sources(context: &Context, project: &Project) -> BTreeSet<PathBuf> {
    if context.hosts.iter().all(|host| host.local) {
        return BTreeSet::new();
    }
    let mounts = project
        .services
        .values()
        .flat_map(|service| &service.mounts);
    mounts
        .filter_map(|mount| match &mount.kind {
            MountKind::Bind {
                source,
                in_project: true,
                ..
            } => Some(source.clone()),
            _ => None,
        })
        .collect()
}
