//! `up`: converge to the Compose project.

use std::collections::{BTreeMap, BTreeSet};

use super::converge::converge;
use super::goal::{Goal, Wanted};
use super::inputs::Inputs;
use super::{Action, Plan, check};
use crate::error::{Error, Result, near_miss};
use crate::model::{ImageState, MountKind, Project, ReleaseService, Service, ServiceName};

/// Plans the way from what is observed to the project (spec §13.1).
///
/// While images are [`Pending`](crate::model::ImageState::Pending) the plan is a forecast: it has
/// no stages and no state, and is made again when they are known.
///
/// # Errors
/// Every reason for which the project cannot be deployed; nothing was changed anywhere.
pub fn up(inputs: &Inputs<'_>) -> Result<Plan> {
    let project = inputs.project;
    let options = inputs.options;
    for name in options.services.iter().chain(options.scale.keys()) {
        if !project.services.contains_key(name) {
            return Err(unknown_service(project, name));
        }
    }
    for name in options.scale.keys() {
        if project
            .services
            .get(name)
            .is_some_and(|one| one.mode.is_global())
        {
            return Err(Error::user(format!(
                "service `{name}` cannot be scaled: with its `deploy.mode` it has one container on \
                 every host that may run it"
            ))
            .hint("choose the hosts with `x-placement.hosts`"));
        }
    }
    let chosen = with_dependencies(project, &options.services);
    let mut goal = Goal {
        action: Action::Up,
        services: Vec::new(),
        untouched: BTreeSet::new(),
        networks: project.networks.clone(),
        volumes: project.volumes.clone(),
        restored: None,
        warnings: project.warnings.clone(),
    };
    for (name, service) in &project.services {
        if chosen.contains(name) {
            goal.services.push(wanted(inputs, service)?);
        } else {
            goal.untouched.insert(name.clone());
        }
    }
    leave_others_alone(inputs, &mut goal);
    take_along(inputs, &mut goal);
    remember(inputs, &mut goal);
    let plan = converge(inputs, goal)?;
    check::verify(&plan, inputs.observed)?;
    Ok(plan)
}

fn wanted(inputs: &Inputs<'_>, service: &Service) -> Result<Wanted> {
    let image = inputs.images.get(&service.name).ok_or_else(|| {
        Error::user(format!(
            "service `{}` has neither an image nor a build",
            service.name
        ))
        .hint("add `image:` or `build:` to it")
    })?;
    let mut service = service.clone();
    if let Some(replicas) = inputs.options.scale.get(&service.name) {
        service.replicas = *replicas;
    }
    let binds = service
        .mounts
        .iter()
        .filter_map(|mount| match &mount.kind {
            MountKind::Bind { source, .. } => {
                let digest = inputs.files.get(source)?;
                Some((source.clone(), digest.clone()))
            }
            _ => None,
        })
        .collect::<BTreeMap<_, _>>();
    Ok(Wanted {
        service,
        image: image.clone(),
        binds,
        placed: None,
        kept: false,
        local: true,
    })
}

/// The named services and everything they depend on, as `docker compose up web` does.
fn with_dependencies<'p>(
    project: &'p Project,
    named: &'p [ServiceName],
) -> BTreeSet<&'p ServiceName> {
    if named.is_empty() {
        return project.services.keys().collect();
    }
    let mut chosen = BTreeSet::new();
    let mut open: Vec<&ServiceName> = named.iter().collect();
    while let Some(name) = open.pop() {
        let Some(service) = project.services.get(name) else {
            continue;
        };
        if chosen.insert(name) {
            open.extend(service.depends_on.keys());
        }
    }
    chosen
}

/// Services that run and are not in the Compose file stay, unless `--remove-orphans` or nothing
/// else was asked for.
fn leave_others_alone(inputs: &Inputs<'_>, goal: &mut Goal) {
    if inputs.options.remove_orphans {
        return;
    }
    let state = inputs.observed.state.as_ref();
    let recorded = state.and_then(|state| state.active_release());
    let recorded = recorded
        .into_iter()
        .flat_map(|release| release.services.keys());
    let hosts = inputs.observed.hosts.values();
    let running = hosts.flat_map(|host| host.containers.iter().map(|one| &one.service));
    let orphans: BTreeSet<&ServiceName> = recorded
        .chain(running)
        .filter(|name| !inputs.project.services.contains_key(*name))
        .collect();
    for orphan in orphans {
        goal.warnings.push(format!(
            "service `{orphan}` runs but is not in the Compose file; `up --remove-orphans` removes \
             it"
        ));
        goal.untouched.insert(orphan.clone());
    }
}

/// Services that stay as they are but live in the namespaces of one that may be replaced: they are
/// wanted as they were deployed, so that they follow it.
fn take_along(inputs: &Inputs<'_>, goal: &mut Goal) {
    let state = inputs.observed.state.as_ref();
    let Some(active) = state.and_then(|state| state.active_release()) else {
        return;
    };
    loop {
        let chosen = |name: &ServiceName| {
            goal.services
                .iter()
                .any(|wanted| wanted.service.name == *name)
        };
        let follows = |recorded: &ReleaseService| {
            let shares = recorded.service.shares();
            !shares.is_empty() && shares.iter().all(|share| chosen(&share.of))
        };
        let found = active
            .services
            .values()
            .find(|one| goal.untouched.contains(&one.service.name) && follows(one));
        let Some(found) = found else {
            return;
        };
        goal.untouched.remove(&found.service.name);
        goal.services.push(Wanted {
            service: found.service.clone(),
            image: ImageState::Known(found.image.clone()),
            binds: found.binds.clone(),
            placed: None,
            kept: true,
            local: false,
        });
    }
}

/// Networks and volumes of services that stay as they are, when the Compose file lacks them.
fn remember(inputs: &Inputs<'_>, goal: &mut Goal) {
    let state = inputs.observed.state.as_ref();
    let Some(active) = state.and_then(|state| state.active_release()) else {
        return;
    };
    let recorded = active.services.values().filter(|recorded| {
        let name = &recorded.service.name;
        let along = |wanted: &Wanted| wanted.kept && wanted.service.name == *name;
        goal.untouched.contains(name) || goal.services.iter().any(along)
    });
    for recorded in recorded.collect::<Vec<_>>() {
        for key in recorded.service.networks.keys() {
            if let (None, Some(network)) = (goal.networks.get(key), active.networks.get(key)) {
                goal.networks.insert(key.clone(), network.clone());
            }
        }
        for mount in &recorded.service.mounts {
            let MountKind::Volume { key } = &mount.kind else {
                continue;
            };
            if let (None, Some(volume)) = (goal.volumes.get(key), active.volumes.get(key)) {
                goal.volumes.insert(key.clone(), volume.clone());
            }
        }
    }
}

fn unknown_service(project: &Project, name: &ServiceName) -> Error {
    let known = || project.services.keys().map(ServiceName::as_str);
    let error = Error::user(format!(
        "service `{name}` is not in project `{}`",
        project.name
    ));
    match near_miss(name.as_str(), known()) {
        Some(near) => error.hint(format!("did you mean `{near}`?")),
        None => error.hint(format!("its services are {}", super::fleet::list(known()))),
    }
}
