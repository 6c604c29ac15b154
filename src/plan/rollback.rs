//! `rollback`: converge to a release that served before (spec §15).

use std::collections::{BTreeMap, BTreeSet};

use super::converge::converge;
use super::fleet::list;
use super::goal::{Goal, Wanted};
use super::inputs::Inputs;
use super::{Action, Plan, check};
use crate::error::{Error, Result};
use crate::model::{
    HostName, ImageState, ProjectState, Release, ReleaseId, ReleaseService, ReleaseStatus,
};

/// Plans the way back to release `to`, or to the one that served before the active one.
///
/// Services, images, networks, volumes and placement come from the release's record; the Compose
/// file is not looked at. A rollback of a rollback goes one release further back.
///
/// # Errors
/// There is no such release, it never served, it serves already, or the bytes of its images are
/// neither on the hosts that need them nor here.
pub fn rollback(inputs: &Inputs<'_>, to: Option<ReleaseId>) -> Result<Plan> {
    let key = inputs.key();
    let Some(state) = inputs.observed.state.as_ref() else {
        return Err(Error::user(format!(
            "project `{}` was never deployed to context `{}`, so there is no release to return to",
            key.project, key.context
        ))
        .hint("deploy it with `webpods up`"));
    };
    let release = rollback_target(state, to)?;
    let goal = Goal {
        action: Action::Rollback,
        services: release
            .services
            .values()
            .map(|recorded| wanted(inputs, recorded))
            .collect(),
        untouched: BTreeSet::new(),
        networks: release.networks.clone(),
        volumes: release.volumes.clone(),
        restored: Some(release.id),
        warnings: Vec::new(),
    };
    let plan = converge(inputs, goal)?;
    check::verify(&plan, inputs.observed)?;
    Ok(plan)
}

/// The release that a rollback returns to: `to`, else the one that served before.
///
/// # Errors
/// As [`rollback`].
pub fn rollback_target(state: &ProjectState, to: Option<ReleaseId>) -> Result<&Release> {
    match to {
        Some(id) => named(state, id),
        None => previous(state),
    }
}

fn wanted(inputs: &Inputs<'_>, recorded: &ReleaseService) -> Wanted {
    let mut placed: BTreeMap<HostName, u32> = BTreeMap::new();
    for replica in &recorded.replicas {
        *placed.entry(replica.host.clone()).or_default() += 1;
    }
    let local = inputs
        .images
        .get(&recorded.service.name)
        .and_then(ImageState::known)
        .is_some_and(|image| image.is_same(&recorded.image));
    Wanted {
        service: recorded.service.clone(),
        image: ImageState::Known(recorded.image.clone()),
        binds: recorded.binds.clone(),
        placed: Some(placed),
        kept: true,
        local,
    }
}

fn named(state: &ProjectState, id: ReleaseId) -> Result<&Release> {
    let Some(release) = state.release(id) else {
        return Err(unknown(state, id));
    };
    if state.active == Some(id) {
        return Err(Error::user(format!("release {id} serves already"))
            .hint("name an older one; `webpods release ls` lists them"));
    }
    if release.status == ReleaseStatus::Failed {
        return Err(Error::user(format!(
            "release {id} failed and never served, so there is nothing to return to"
        ))
        .hint(restorable_hint(state)));
    }
    Ok(release)
}

/// The release that served before the active one; before the one that it restored, when the active
/// one is a rollback itself.
fn previous(state: &ProjectState) -> Result<&Release> {
    let mut at = state.active.ok_or_else(|| {
        Error::user("no release serves, so there is none before it").hint(restorable_hint(state))
    })?;
    while let Some(restored) = state.release(at).and_then(|release| release.restored) {
        if restored >= at {
            break;
        }
        at = restored;
    }
    state
        .releases
        .iter()
        .rev()
        .find(|release| {
            release.id < at && release.status != ReleaseStatus::Failed && release.restored.is_none()
        })
        .ok_or_else(|| {
            Error::user(format!("there is no release before {at}")).hint(restorable_hint(state))
        })
}

fn unknown(state: &ProjectState, id: ReleaseId) -> Error {
    let known: Vec<String> = state
        .releases
        .iter()
        .map(|release| release.id.to_string())
        .collect();
    let what = if id <= state.last {
        format!("release {id} is not kept any more")
    } else {
        format!("there is no release {id}")
    };
    Error::user(what).hint(format!(
        "releases there are: {}; `artifacts.retain_releases` says how many are kept",
        list(known)
    ))
}

fn restorable_hint(state: &ProjectState) -> String {
    let served: Vec<String> = state
        .releases
        .iter()
        .filter(|release| release.status == ReleaseStatus::Superseded)
        .map(|release| release.id.to_string())
        .collect();
    if served.is_empty() {
        "no earlier release is kept; `webpods release ls` lists them all".to_owned()
    } else {
        format!("say `--to` with one of {}", list(served))
    }
}
