//! Removing what nothing needs any more: `cleanup` and `prune` (spec §19).

use std::collections::BTreeSet;
use std::time::Duration;

use futures_util::future::join_all;
use serde::Serialize;

use crate::docker::Nodes;
use crate::error::{Error, Result};
use crate::image;
use crate::interrupt::interrupted;
use crate::model::{HostName, ProjectState, ReleaseId, ReleaseStatus, RunState, StackKey};
use crate::state::{self, Copies, Lease, Who, together};

use super::phases::ended;
use super::{Authority, Engine, containers};

/// What `prune` frees on one host.
#[derive(Debug, Clone, Serialize)]
pub struct Freed {
    /// The host.
    pub host: HostName,
    /// Bytes of blobs in the cache, and of transfers to it that broke off long ago.
    pub bytes: u64,
    /// Blobs removed.
    pub blobs: usize,
    /// Images removed from the engine.
    pub images: usize,
    /// Releases of the project that can no longer be restored from this host.
    pub evicted: Vec<ReleaseId>,
}

impl Engine {
    /// Removes the project's stopped containers that the active release does not list, and
    /// releases beyond `artifacts.retain_releases`. One line per thing removed.
    ///
    /// # Errors
    /// A host cannot be reached; the lock is held.
    pub async fn cleanup(
        &self,
        authority: &Authority,
        dry_run: bool,
        wait: Option<Duration>,
    ) -> Result<Vec<String>> {
        let key = self.key().await?;
        let nodes = self.nodes().await?;
        if dry_run {
            return self.while_looking(self.clean(nodes, &key, None)).await;
        }
        let lease = self.lease(nodes, &key, authority, wait).await?;
        let stopped = || in_part("cleanup");
        let cleaned = self.clean(nodes, &key, Some(&lease));
        let interrupt = &self.settings.interrupt;
        let result = interrupt.unless_requested(stopped, cleaned).await;
        self.let_go(lease, &result).await;
        result
    }

    /// Frees blobs and images that no retained release of any project on the host refers to.
    ///
    /// # Errors
    /// As [`Engine::cleanup`].
    pub async fn prune(
        &self,
        authority: &Authority,
        dry_run: bool,
        wait: Option<Duration>,
    ) -> Result<Vec<Freed>> {
        let key = self.key().await?;
        let nodes = self.connect_selected().await?;
        if dry_run {
            return self.while_looking(self.free(nodes, &key, true)).await;
        }
        let lease = self.lease(nodes, &key, authority, wait).await?;
        let stopped = || in_part("prune");
        let freed = self.free(nodes, &key, false);
        let interrupt = &self.settings.interrupt;
        let result = interrupt.unless_requested(stopped, freed).await;
        self.let_go(lease, &result).await;
        result
    }

    pub(super) async fn lease(
        &self,
        nodes: &Nodes,
        key: &StackKey,
        authority: &Authority,
        wait: Option<Duration>,
    ) -> Result<Lease> {
        Copies::of(nodes, key)
            .lock(&state::Request {
                who: Who::here(&self.settings.by),
                verb: authority.verb.to_owned(),
                release: None,
                goal: None,
                wait,
                stop: self.settings.interrupt.clone(),
                events: self.settings.events.clone(),
            })
            .await
    }

    pub(super) async fn let_go<T>(&self, lease: Lease, result: &Result<T>) {
        let (outcome, message) = match result {
            Ok(_) => (state::Outcome::Done, None),
            Err(error) => (ended(error.kind()), Some(error.message().to_owned())),
        };
        if let Err(error) = lease.release(outcome, message).await {
            self.settings.events.warn(error.to_string());
        }
    }

    async fn clean(
        &self,
        nodes: &Nodes,
        key: &StackKey,
        lease: Option<&Lease>,
    ) -> Result<Vec<String>> {
        let mut done = Vec::new();
        let asked = nodes.ask_each(async |node| containers::of(node, key).await);
        let copies = Copies::of(nodes, key);
        let (state, containers) = tokio::join!(copies.read(), asked);
        let (state, containers) = (state?.state, together(containers)?);
        let live: BTreeSet<String> = state
            .iter()
            .filter_map(ProjectState::active_release)
            .flat_map(|release| release.services.values())
            .flat_map(|service| &service.replicas)
            .map(|replica| replica.container.clone())
            .collect();
        for (host, containers) in containers {
            for container in containers {
                if live.contains(&container.name) || container.state != RunState::Stopped {
                    continue;
                }
                if lease.is_some()
                    && let Some(node) = nodes.get(&host)
                {
                    let engine = node.engine().await?;
                    engine.remove_container(&container.id, false).await?;
                }
                done.push(format!("container {} on {host}", container.name));
            }
        }
        if let Some(mut state) = state {
            let gone = retire(&mut state, self.settings.context.artifacts.retain_releases);
            done.extend(gone.iter().map(|id| format!("release {id}")));
            if let (Some(lease), false) = (lease, gone.is_empty()) {
                state.serial += 1;
                lease.write(&state).await?;
            }
        }
        Ok(done)
    }

    async fn free(&self, nodes: &Nodes, key: &StackKey, dry_run: bool) -> Result<Vec<Freed>> {
        let cache = &self.settings.context.artifacts.remote_cache_dir;
        let state = Copies::of(nodes, key).read().await?.state;
        let keep: Vec<ReleaseId> = state
            .iter()
            .flat_map(|state| &state.releases)
            .map(|release| release.id)
            .collect();
        let asked = nodes.iter().map(|node| {
            let keep = image::Keep {
                key,
                releases: &keep,
                active: state.as_ref().and_then(|state| state.active),
                limit: self.settings.context.artifacts.max_cache_bytes,
                also: &[],
            };
            image::prune(node, cache, keep, dry_run)
        });
        join_all(asked)
            .await
            .into_iter()
            .zip(nodes.iter())
            .map(|(pruned, node)| {
                let pruned = pruned?;
                pruned.tell(node.name(), &self.settings.events, dry_run);
                Ok(Freed {
                    host: node.name().clone(),
                    bytes: pruned.bytes(),
                    blobs: pruned.blobs.len(),
                    images: pruned.images.len(),
                    evicted: pruned.evicted,
                })
            })
            .collect()
    }
}

/// A stop in the middle of something that can be done again for the rest.
pub(super) fn in_part(verb: &str) -> Error {
    interrupted("a part of it may be done, and the lock is released")
        .hint(format!("run `{verb}` again: it does the rest"))
}

/// Drops failed releases and the oldest beyond `retain`; never the active one. Returns which.
fn retire(state: &mut ProjectState, retain: usize) -> Vec<ReleaseId> {
    let active = state.active;
    let mut gone: Vec<ReleaseId> = state
        .releases
        .iter()
        .filter(|r| r.status == ReleaseStatus::Failed && Some(r.id) != active)
        .map(|r| r.id)
        .collect();
    let kept = state.releases.len() - gone.len();
    let excess: Vec<ReleaseId> = state
        .releases
        .iter()
        .map(|r| r.id)
        .filter(|id| !gone.contains(id) && Some(*id) != active)
        .take(kept.saturating_sub(retain.max(1)))
        .collect();
    gone.extend(excess);
    gone.sort();
    state.releases.retain(|release| !gone.contains(&release.id));
    gone
}
