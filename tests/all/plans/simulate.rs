//! A fleet that carries plans out, as strict as an engine: it refuses a name twice, a port twice,
//! an image or a network that is not there, and the removal of what runs.

use std::collections::BTreeSet;

use webpods::model::{
    ContainerObserved, HostName, HostObserved, Observed, RunState, StackKey, Template,
};
use webpods::plan::{Plan, Step, StepKind};

/// Carries out the first `stages` stages, all by default.
pub fn apply(observed: &mut Observed, plan: &Plan, stages: Option<usize>) -> Result<(), String> {
    let many = stages.unwrap_or(plan.stages.len());
    for stage in plan.stages.iter().take(many) {
        for step in &stage.steps {
            carry_out(observed, plan, step)
                .map_err(|why| format!("stage `{}` on `{}`: {why}", stage.name, step.host))?;
        }
    }
    Ok(())
}

fn carry_out(observed: &mut Observed, plan: &Plan, step: &Step) -> Result<(), String> {
    if let StepKind::Commit {} = step.kind {
        observed.state.clone_from(&plan.state);
        return Ok(());
    }
    if let StepKind::Prune {
        everything: true, ..
    } = step.kind
    {
        observed.state = None;
    }
    if let StepKind::Ship { blobs, .. } = &step.kind {
        for blob in blobs {
            let Some(from) = &blob.from else { continue };
            let source = observed.hosts.get(from).ok_or("unknown source")?;
            if *from == step.host || !source.blobs.contains(&blob.digest) {
                return Err(format!(
                    "{from} cannot pass blob {} on",
                    blob.digest.short()
                ));
            }
        }
    }
    let host = observed.hosts.get_mut(&step.host).ok_or("unknown host")?;
    match &step.kind {
        StepKind::Ship { blobs, .. } => {
            for blob in blobs {
                if !host.blobs.insert(blob.digest.clone()) {
                    return Err(format!("blob {} was there already", blob.digest.short()));
                }
            }
        }
        StepKind::Load { image } => {
            for blob in image.blobs() {
                let held =
                    host.blobs.contains(&blob.digest) || host.engine_layers.contains(&blob.digest);
                if !held {
                    return Err(format!("blob {} is missing", blob.digest.short()));
                }
            }
            host.images.insert(image.manifest.digest.clone());
            host.engine_layers
                .extend(image.layers.iter().map(|layer| layer.digest.clone()));
        }
        StepKind::Prepare {
            networks, volumes, ..
        } => {
            let name = |body: &serde_json::Value| body["Name"].as_str().unwrap().to_owned();
            for body in networks.iter().chain(volumes) {
                let settings = body["Labels"]["webpods.config"].as_str().unwrap();
                host.made_from.insert(name(body), settings.to_owned());
            }
            host.networks.extend(networks.iter().map(name));
            host.volumes.extend(volumes.iter().map(name));
        }
        StepKind::Start {
            container,
            body,
            networks,
            replaces,
            ..
        } => start(
            host,
            &step.host,
            plan,
            container,
            body,
            networks.keys(),
            replaces.as_deref(),
        )?,
        StepKind::Health {
            container,
            completes,
            ..
        } => {
            let one = find(host, container)?;
            if *completes {
                one.state = RunState::Stopped;
                one.status = String::from("Exited (0) 1 second ago");
            } else if one.state != RunState::Running {
                return Err(format!("{container} does not run"));
            }
        }
        StepKind::Route { files, before, .. } => {
            for file in before {
                let now = host.proxy_files.get(&file.path).cloned().flatten();
                if now != file.content {
                    return Err(format!("{} is not what the plan thinks", file.path));
                }
            }
            for file in files {
                host.proxy_files
                    .insert(file.path.clone(), file.content.clone());
            }
        }
        StepKind::Stop { container, .. } => {
            let one = find(host, container)?;
            if one.state == RunState::Stopped {
                return Err(format!("{container} is stopped already"));
            }
            one.state = RunState::Stopped;
            one.status = String::from("Exited (137) 1 second ago");
        }
        StepKind::Remove { container, .. } => {
            if find(host, container)?.state != RunState::Stopped {
                return Err(format!("{container} still runs"));
            }
            host.containers
                .retain(|one| one.name != *container && one.id != *container);
        }
        StepKind::Prune {
            images,
            networks,
            volumes,
            ..
        } => {
            host.images
                .retain(|image| !images.iter().any(|tag| tag.contains(image.hex())));
            for name in networks {
                if !host.networks.remove(name) {
                    return Err(format!("network {name} is not there"));
                }
            }
            for name in volumes {
                if !host.volumes.remove(name) {
                    return Err(format!("volume {name} is not there"));
                }
            }
        }
        StepKind::Drain { .. } | StepKind::Commit {} => {}
    }
    Ok(())
}

fn find<'h>(
    host: &'h mut HostObserved,
    container: &str,
) -> Result<&'h mut ContainerObserved, String> {
    host.containers
        .iter_mut()
        .find(|one| one.name == container || one.id == container)
        .ok_or_else(|| format!("{container} is not there"))
}

fn start<'n>(
    host: &mut HostObserved,
    at: &HostName,
    plan: &Plan,
    name: &str,
    body: &'n Template,
    networks: impl Iterator<Item = &'n String>,
    replaces: Option<&str>,
) -> Result<(), String> {
    if let Some(id) = replaces {
        let old = find(host, id)?;
        if old.state != RunState::Stopped {
            return Err(format!("{} still runs under the name {name}", old.id));
        }
        old.name = format!("{name}-{id}");
    }
    if host.containers.iter().any(|one| one.name == name) {
        return Err(format!("the name {name} is taken"));
    }
    let image = body.0.image.clone().unwrap_or_default();
    let loaded = |digest: &&webpods::model::Digest| {
        webpods::model::Image::digest_of_tag(&image).as_ref() == Some(*digest)
    };
    if !host.images.iter().any(|digest| loaded(&digest)) {
        return Err(format!("the image {image} is not loaded"));
    }
    let host_config = body.0.host_config.clone().unwrap_or_default();
    let first = body.0.networking_config.iter().flat_map(|networking| {
        networking
            .endpoints_config
            .iter()
            .flat_map(std::collections::HashMap::keys)
    });
    for network in first.chain(networks) {
        if !host.networks.contains(network) {
            return Err(format!("the network {network} is not there"));
        }
    }
    let modes = [
        &host_config.network_mode,
        &host_config.ipc_mode,
        &host_config.pid_mode,
    ];
    for mode in modes.into_iter().flatten() {
        if mode.starts_with("service:") {
            return Err(format!("there is no mode {mode}"));
        }
        if let Some(lender) = mode.strip_prefix("container:")
            && find(host, lender)?.state != RunState::Running
        {
            return Err(format!("{lender} does not run"));
        }
    }
    for from in host_config.volumes_from.iter().flatten() {
        let lender = from.split_once(':').map_or(from.as_str(), |(name, _)| name);
        find(host, lender)?;
    }
    for mount in host_config.mounts.iter().flatten() {
        let volume = mount.typ == Some(bollard::models::MountType::VOLUME);
        if let Some(source) = mount.source.as_ref().filter(|_| volume)
            && !host.volumes.contains(source)
        {
            return Err(format!("the volume {source} is not there"));
        }
    }
    let labels = body.0.labels.clone().unwrap_or_default();
    let label = |key: &str| labels.get(key).map(String::as_str).unwrap_or_default();
    let key = StackKey {
        context: label("webpods.context")
            .parse()
            .map_err(|e| format!("{e}"))?,
        project: label("webpods.project")
            .parse()
            .map_err(|e| format!("{e}"))?,
    };
    if key != plan.key {
        return Err(format!("{name} is labelled {key}"));
    }
    let mut ports = std::collections::BTreeMap::new();
    let mut held: BTreeSet<u16> = host.taken_ports.clone();
    for one in &host.containers {
        if one.state != RunState::Stopped {
            held.extend(one.ports.values());
        }
    }
    for (container_port, bindings) in host_config.port_bindings.iter().flatten() {
        let (number, protocol) = container_port.split_once('/').unwrap();
        for binding in bindings.iter().flatten() {
            let Some(host_port) = binding.host_port.as_ref().and_then(|p| p.parse().ok()) else {
                continue;
            };
            if protocol == "tcp" {
                if held.contains(&host_port) {
                    return Err(format!("port {host_port} is already allocated"));
                }
                ports.insert(number.parse().unwrap(), host_port);
            }
        }
    }
    host.containers.push(ContainerObserved {
        id: format!("id-of-{name}-{}-{at}", plan.release),
        name: name.to_owned(),
        service: label("webpods.service").parse().unwrap(),
        replica: label("webpods.replica").parse().unwrap(),
        release: label("webpods.release").parse().unwrap(),
        config: label("webpods.config").parse().ok(),
        image: label("webpods.image").parse().ok(),
        shares: label("webpods.shares").to_owned(),
        state: RunState::Running,
        healthy: body.0.healthcheck.as_ref().map(|_| true),
        ports,
        created: 0,
        status: "Up 1 second".to_owned(),
    });
    Ok(())
}

/// Changes one container: `stopped`, `crashing`, `unhealthy`, `gone`.
pub fn harm(observed: &mut Observed, which: &str, how: &str) {
    let (service, replica) = which.split_once('/').unwrap();
    let replica: u32 = replica.parse().unwrap();
    let mut hit = 0;
    for host in observed.hosts.values_mut() {
        if how == "gone" {
            let before = host.containers.len();
            host.containers
                .retain(|one| one.service.as_str() != service || one.replica != replica);
            hit += before - host.containers.len();
            continue;
        }
        for one in &mut host.containers {
            if one.service.as_str() != service || one.replica != replica {
                continue;
            }
            hit += 1;
            // What is stopped neither crashes nor answers.
            if one.state == RunState::Stopped {
                continue;
            }
            match how {
                "stopped" => {
                    one.state = RunState::Stopped;
                    one.status = String::from("Exited (1) 5 minutes ago");
                }
                "ended" => {
                    one.state = RunState::Stopped;
                    one.status = String::from("Exited (0) 5 minutes ago");
                }
                "crashing" => one.state = RunState::Restarting,
                "starting" => {
                    one.healthy = Some(false);
                    one.status = String::from("Up 2 seconds (health: starting)");
                }
                "unhealthy" => one.healthy = Some(false),
                other => panic!("unknown harm {other}"),
            }
        }
    }
    assert!(hit > 0, "no container {which}");
}

/// Names of hosts with their containers, for messages.
pub fn running(observed: &Observed) -> Vec<(HostName, String)> {
    let mut names = Vec::new();
    for (host, seen) in &observed.hosts {
        for one in &seen.containers {
            names.push((host.clone(), one.name.clone()));
        }
    }
    names
}
