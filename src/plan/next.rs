//! The state to write when everything worked (spec §20.1).

use indexmap::IndexMap;

use super::current::Current;
use super::fleet::Fleet;
use super::goal::Goal;
use super::routes::Routing;
use super::work::Work;
use crate::error::Result;
use crate::model::{
    PortTable, ProjectState, Release, ReleaseId, ReleaseService, ReleaseStatus, Replica,
    ServiceName, StackKey,
};

/// The record of the release that a plan makes. `created` and `by` are empty: the planner knows
/// neither the time nor the person.
///
/// None while an image is not known.
///
/// # Errors
/// The proxy script fails.
pub(super) fn release(
    id: ReleaseId,
    goal: &Goal,
    works: &[Work<'_>],
    current: &Current<'_>,
    fleet: &Fleet<'_>,
    routing: &Routing<'_>,
) -> Result<Option<Release>> {
    let mut services: IndexMap<ServiceName, ReleaseService> = IndexMap::new();
    for work in works {
        let Some(image) = work.image() else {
            return Ok(None);
        };
        let replicas = work.numbers.iter().filter_map(|(number, host)| {
            let replica = work.replicas.get(number)?;
            Some(Replica {
                number: *number,
                host: host.clone(),
                container: replica.container.clone(),
                ports: replica.ports.clone(),
            })
        });
        services.insert(
            work.name().clone(),
            ReleaseService {
                service: work.wanted.service.clone(),
                image: image.clone(),
                config: work.config(),
                binds: work.wanted.binds.clone(),
                replicas: replicas.collect(),
            },
        );
    }
    for name in &goal.untouched {
        if let Some(recorded) = current.recorded(name) {
            services.insert(name.clone(), recorded.clone());
        }
    }
    let mut proxy_files = routing.final_files()?;
    for host in &fleet.left_out {
        let recorded = current
            .active
            .and_then(|release| release.proxy_files.get(*host));
        if let Some(files) = recorded {
            proxy_files.insert((*host).clone(), files.clone());
        }
    }
    Ok(Some(Release {
        id,
        created: String::new(),
        by: String::new(),
        status: ReleaseStatus::Active,
        restored: goal.restored,
        services,
        networks: goal.networks.clone(),
        volumes: goal.volumes.clone(),
        routes: routing.routes(true),
        proxy_files,
    }))
}

/// Whether two releases describe the same containers and routes.
pub(super) fn is_same(new: &Release, old: &Release) -> bool {
    let same_services = new.services.len() == old.services.len()
        && new.services.iter().all(|(name, service)| {
            old.services.get(name).is_some_and(|recorded| {
                recorded.image.is_same(&service.image)
                    && recorded.config == service.config
                    && recorded.replicas == service.replicas
            })
        });
    same_services && new.routes == old.routes
}

/// The state with `release` as the active one, and the releases that retention drops.
pub(super) fn state(
    key: &StackKey,
    before: Option<&ProjectState>,
    release: Release,
    fleet: &Fleet<'_>,
    retain: usize,
) -> (ProjectState, Vec<Release>) {
    let mut state = before
        .cloned()
        .unwrap_or_else(|| ProjectState::empty(key.clone()));
    state.serial += 1;
    state.last = state.last.max(release.id);
    state.active = Some(release.id);
    state.ports = ports(&state.ports, &release, fleet);
    for old in &mut state.releases {
        if old.status == ReleaseStatus::Active {
            old.status = ReleaseStatus::Superseded;
        }
    }
    state.releases.push(release);
    let dropped = retention(&mut state, retain);
    (state, dropped)
}

/// Keeps the newest `retain` releases that served, and no failed one older than those.
pub(super) fn retention(state: &mut ProjectState, retain: usize) -> Vec<Release> {
    let served = |release: &&Release| release.status != ReleaseStatus::Failed;
    let active = state.active;
    let oldest = state
        .releases
        .iter()
        .rev()
        .filter(served)
        .take(retain.max(1))
        .last()
        .map(|release| release.id);
    let (keep, drop) = std::mem::take(&mut state.releases)
        .into_iter()
        .partition(|release| {
            Some(release.id) == active || oldest.is_none_or(|oldest| release.id >= oldest)
        });
    state.releases = keep;
    drop
}

/// Ports of the release's replicas; hosts that did not take part keep theirs.
fn ports(before: &PortTable, release: &Release, fleet: &Fleet<'_>) -> PortTable {
    let mut table = before.clone();
    for hosts in table.values_mut() {
        hosts.retain(|host, _| fleet.left_out.contains(&host));
    }
    for (name, service) in &release.services {
        for replica in service.replicas.iter().filter(|one| !one.ports.is_empty()) {
            table
                .entry(name.clone())
                .or_default()
                .entry(replica.host.clone())
                .or_default()
                .insert(replica.number, replica.ports.clone());
        }
    }
    table.retain(|_, hosts| !hosts.is_empty());
    table
}
