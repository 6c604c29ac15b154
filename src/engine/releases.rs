//! What is remembered: releases and what serves now (spec §3.4, §15, §20).

use std::collections::BTreeMap;

use indexmap::IndexMap;
use serde::Serialize;

use crate::error::{Error, Result};
use crate::image::Inventory;
use crate::model::{
    Digest, HostName, Image, ProjectState, Release, ReleaseId, ReleaseStatus, RunState, ServiceName,
};
use crate::state::Copies;

use super::Engine;

/// One line of `release ls`.
#[derive(Debug, Clone, Serialize)]
pub struct ReleaseRow {
    /// Its number.
    pub id: ReleaseId,
    /// `active`, `superseded`, `failed`.
    pub status: String,
    /// When, RFC 3339 UTC.
    pub created: String,
    /// Who.
    pub by: String,
    /// `web ×2 a1b2c3`.
    pub services: Vec<String>,
    /// `yes`, or why not.
    pub restorable: String,
}

/// What serves.
#[derive(Debug, Clone, Serialize)]
pub struct Status {
    /// Whose.
    pub context: String,
    /// Whose.
    pub project: String,
    /// The release that serves.
    pub active: Option<ReleaseId>,
    /// When it was made.
    pub since: Option<String>,
    /// Its services and those that have containers.
    pub services: Vec<ServiceStatus>,
    /// Domains that are routed, and what is odd.
    pub notes: Vec<String>,
}

/// One service.
#[derive(Debug, Clone, Serialize)]
pub struct ServiceStatus {
    /// Its name.
    pub service: ServiceName,
    /// Containers that run.
    pub running: usize,
    /// Replicas of the active release.
    pub wanted: usize,
    /// `2/2`, or `-` without a health check.
    pub healthy: String,
    /// Manifest digest of the active release.
    pub image: Option<Digest>,
    /// Where containers are.
    pub hosts: Vec<HostName>,
}

impl Status {
    /// The first line for people.
    #[must_use]
    pub fn headline(&self) -> String {
        match (&self.active, &self.since) {
            (Some(active), Some(since)) => format!(
                "{}/{}: {active} serves since {since}",
                self.context, self.project
            ),
            _ => format!("{}/{}: nothing is deployed", self.context, self.project),
        }
    }
}

impl Engine {
    pub(super) async fn state(&self) -> Result<Option<ProjectState>> {
        let key = self.key().await?;
        let found = Copies::of(self.nodes().await?, &key).read().await?;
        for warning in &found.warnings {
            self.settings.events.warn(warning);
        }
        Ok(found.state)
    }

    /// The releases, newest first.
    ///
    /// # Errors
    /// A host cannot be asked; a state cannot be read.
    pub async fn releases(&self) -> Result<Vec<ReleaseRow>> {
        let nodes = self.nodes().await?;
        let (state, kept) = tokio::join!(self.state(), self.inventories(nodes));
        let Some(state) = state? else {
            return Ok(Vec::new());
        };
        let kept: BTreeMap<HostName, Kept> = kept?
            .into_iter()
            .map(|(host, images)| {
                let engine = nodes.get(&host).and_then(|node| node.acquaintance());
                let platform = engine.map(|it| it.platform).unwrap_or_default();
                (host, Kept { platform, images })
            })
            .collect();
        let store = self.store().await?;
        let mut rows: Vec<ReleaseRow> = state
            .releases
            .iter()
            .map(|release| {
                let missing = missing_on(release, &kept, |image| store.complete(image));
                row(release, state.active, &missing)
            })
            .collect();
        rows.reverse();
        Ok(rows)
    }

    /// One release, whole.
    ///
    /// # Errors
    /// It is not remembered; those that are get named.
    pub async fn release(&self, id: ReleaseId) -> Result<Release> {
        let state = self.state().await?;
        let releases = state.map(|state| state.releases).unwrap_or_default();
        let known: Vec<String> = releases.iter().map(|r| r.id.to_string()).collect();
        releases
            .into_iter()
            .find(|release| release.id == id)
            .ok_or_else(|| {
                let error = Error::user(format!("there is no release `{id}`"));
                if known.is_empty() {
                    error.hint("nothing was deployed yet: `webpods up`")
                } else {
                    error.hint(format!("releases: {}", known.join(", ")))
                }
            })
    }

    /// What serves now, compared with what should.
    ///
    /// # Errors
    /// A host cannot be asked.
    pub async fn status(&self) -> Result<Status> {
        let key = self.key().await?;
        let copies = Copies::of(self.nodes().await?, &key);
        let (found, operation, seen) =
            tokio::try_join!(copies.read(), copies.last_operation(), self.containers())?;
        let active = found.state.as_ref().and_then(ProjectState::active_release);
        let mut notes = found.warnings.clone();
        if !found.stale.is_empty() {
            let hosts: Vec<&str> = found.stale.iter().map(HostName::as_str).collect();
            notes.push(format!(
                "state is out of date on {}; the next `webpods up` writes it",
                hosts.join(", ")
            ));
        }
        if let Some(release) = active {
            notes.extend(release.routes.iter().map(|route| {
                format!(
                    "{} -> {} ({} upstreams)",
                    route.domain,
                    route.service,
                    route.upstreams.len()
                )
            }));
        }
        if let Some(operation) = operation {
            notes.push(format!("last operation: {}", operation.summary()));
        }
        let mut services: IndexMap<ServiceName, ServiceStatus> = active
            .iter()
            .flat_map(|release| &release.services)
            .map(|(name, service)| {
                let status = ServiceStatus {
                    wanted: service.replicas.len(),
                    image: Some(service.image.manifest.digest.clone()),
                    ..empty(name)
                };
                (name.clone(), status)
            })
            .collect();
        let mut health: IndexMap<ServiceName, (usize, usize)> = IndexMap::new();
        for (host, containers) in &seen {
            for container in containers {
                let status = services
                    .entry(container.service.clone())
                    .or_insert_with(|| empty(&container.service));
                if container.state != RunState::Running {
                    continue;
                }
                status.running += 1;
                if !status.hosts.contains(host) {
                    status.hosts.push(host.clone());
                }
                if let Some(healthy) = container.healthy {
                    let (good, all) = health.entry(container.service.clone()).or_default();
                    *good += usize::from(healthy);
                    *all += 1;
                }
            }
        }
        for (service, (good, all)) in health {
            if let Some(status) = services.get_mut(&service) {
                status.healthy = format!("{good}/{all}");
            }
        }
        Ok(Status {
            context: key.context.to_string(),
            project: key.project.to_string(),
            active: active.map(|release| release.id),
            since: active.map(|release| release.created.clone()),
            services: services.into_values().collect(),
            notes,
        })
    }
}

fn empty(service: &ServiceName) -> ServiceStatus {
    ServiceStatus {
        service: service.clone(),
        running: 0,
        wanted: 0,
        healthy: "-".to_owned(),
        image: None,
        hosts: Vec::new(),
    }
}

/// A host's images and the platform they run on.
struct Kept {
    platform: String,
    images: Inventory,
}

/// Hosts that lack bytes of the release and cannot get them from here.
fn missing_on(
    release: &Release,
    kept: &BTreeMap<HostName, Kept>,
    local: impl Fn(&Image) -> bool,
) -> Vec<HostName> {
    let mut missing = Vec::new();
    for service in release.services.values() {
        if local(&service.image) {
            continue;
        }
        for replica in &service.replicas {
            let complete = kept.get(&replica.host).is_some_and(|host| {
                let image = service.image.on(&host.platform);
                let Inventory { engine, blobs, .. } = &host.images;
                engine.contains(&image.manifest.digest)
                    || image
                        .blobs()
                        .all(|blob| blobs.get(&blob.digest) == Some(&blob.size))
            });
            if !complete && !missing.contains(&replica.host) {
                missing.push(replica.host.clone());
            }
        }
    }
    missing
}

fn row(release: &Release, active: Option<ReleaseId>, missing: &[HostName]) -> ReleaseRow {
    let restored = release
        .restored
        .map(|from| format!(" (restored {from})"))
        .unwrap_or_default();
    let status = match release.status {
        _ if Some(release.id) == active => "active",
        ReleaseStatus::Active | ReleaseStatus::Superseded => "superseded",
        ReleaseStatus::Failed => "failed",
    };
    ReleaseRow {
        id: release.id,
        status: format!("{status}{restored}"),
        created: release.created.clone(),
        by: release.by.clone(),
        services: release
            .services
            .iter()
            .map(|(name, service)| {
                format!(
                    "{name} x{} {}",
                    service.replicas.len(),
                    service.image.manifest.digest.short()
                )
            })
            .collect(),
        restorable: match (release.status, missing) {
            (ReleaseStatus::Failed, _) => "no: it never served".to_owned(),
            (_, []) => "yes".to_owned(),
            (_, hosts) => format!(
                "no: images are gone on {}",
                hosts
                    .iter()
                    .map(HostName::as_str)
                    .collect::<Vec<_>>()
                    .join(", ")
            ),
        },
    }
}
