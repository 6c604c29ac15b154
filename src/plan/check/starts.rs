//! Containers start with all they need and nobody in their way, and stop only when something has
//! taken their place or will.

use std::collections::BTreeSet;

use super::replay::{Moment, Replayed, ReplayedHost};
use super::shares;
use crate::model::{Hook, Labels, Template};
use crate::plan::{Plan, StepKind};

/// Checks a `start` step and carries it out.
pub(super) fn start(moment: &Moment<'_>, host: &mut ReplayedHost, wrong: &mut Vec<String>) {
    let StepKind::Start {
        service,
        replica,
        container,
        body,
        networks,
        replaces,
        post_start,
    } = &moment.step.kind
    else {
        return;
    };
    let wanted = moment.plan.state.as_ref().and_then(|state| {
        let release = state.active_release()?;
        release.services.get(service)
    });
    if wanted.is_some_and(|wanted| wanted.service.post_start != *post_start) {
        wrong.push(format!(
            "it runs other `post_start` hooks than `{service}` has"
        ));
    }
    labels(moment.plan, body, service.as_str(), *replica, wrong);
    let Some(settled) = moment.settled.get(&moment.step.host) else {
        return;
    };
    let image = body.0.image.clone().unwrap_or_default();
    if !settled.images.contains(&image) {
        wrong.push(format!("the image `{image}` is not loaded"));
    }
    needs(settled, body, networks.keys(), wrong);
    let shares = shares::check_start(settled, body, wrong);
    if let Some(old) = replaces {
        match settled.container(old) {
            Some(one) if one.live => wrong.push(format!("`{old}`, in its way, still runs")),
            Some(_) => {}
            None => wrong.push(format!("`{old}`, in its way, is not there")),
        }
        for one in &mut host.containers {
            if one.id == *old {
                one.name = format!("{}-renamed", one.name);
            }
        }
    }
    if host.containers.iter().any(|one| one.name == *container) {
        wrong.push(format!("the name `{container}` is taken"));
    }
    let holds = published(body);
    let seen = moment.observed.hosts.get(&moment.step.host);
    for (protocol, address, port) in &holds {
        let foreign = protocol == "tcp"
            && seen.is_some_and(|seen| {
                seen.taken_ports.contains(port)
                    || seen
                        .claims
                        .iter()
                        .any(|claim| claim.owner != moment.plan.key && claim.ports.contains(port))
            });
        let own = host.containers.iter().any(|one| {
            let meets = |held: &(String, String, u16)| {
                held.0 == *protocol && held.2 == *port && meets(&held.1, address)
            };
            one.live && one.holds.iter().any(meets)
        });
        if foreign || own {
            wrong.push(format!("port {port}/{protocol} is taken on the host"));
        }
    }
    let on_host_network = body
        .0
        .host_config
        .as_ref()
        .and_then(|c| c.network_mode.as_deref())
        == Some("host");
    host.containers.push(Replayed {
        id: container.clone(),
        name: container.clone(),
        service: service.clone(),
        number: *replica,
        live: true,
        gated: false,
        fresh: true,
        shares,
        release: moment.plan.release,
        reached: (!on_host_network).then(|| holds.iter().map(|(_, _, port)| *port).collect()),
        holds,
    });
}

/// Two addresses that exclude each other for one port. What was observed has no address.
fn meets(a: &str, b: &str) -> bool {
    let all = |address: &str| matches!(address, "" | "0.0.0.0" | "::");
    all(a) || all(b) || a == b
}

/// (protocol, address, port) of everything the container publishes at a fixed port. The same port
/// on several addresses of one container is one use of it per address.
fn published(body: &Template) -> BTreeSet<(String, String, u16)> {
    let bindings = body
        .0
        .host_config
        .as_ref()
        .and_then(|config| config.port_bindings.as_ref());
    let mut holds = BTreeSet::new();
    for (port, list) in bindings.into_iter().flatten() {
        let protocol = port.split_once('/').map_or("tcp", |(_, protocol)| protocol);
        for binding in list.iter().flatten() {
            let fixed = binding
                .host_port
                .as_ref()
                .and_then(|port| port.parse().ok());
            if let Some(fixed) = fixed {
                holds.insert((
                    protocol.to_owned(),
                    binding.host_ip.clone().unwrap_or_default(),
                    fixed,
                ));
            }
        }
    }
    holds
}

fn labels(plan: &Plan, body: &Template, service: &str, replica: u32, wrong: &mut Vec<String>) {
    let replica = replica.to_string();
    for (label, value) in [
        (Labels::CONTEXT, plan.key.context.as_str()),
        (Labels::PROJECT, plan.key.project.as_str()),
        (Labels::SERVICE, service),
        (Labels::RELEASE, plan.release.to_string().as_str()),
        (Labels::REPLICA, replica.as_str()),
    ] {
        let there = body.0.labels.as_ref().and_then(|labels| labels.get(label));
        if there.map(String::as_str) != Some(value) {
            wrong.push(format!("its label `{label}` is not `{value}`"));
        }
    }
}

fn needs<'n>(
    settled: &ReplayedHost,
    body: &Template,
    further: impl Iterator<Item = &'n String>,
    wrong: &mut Vec<String>,
) {
    let endpoints = body
        .0
        .networking_config
        .as_ref()
        .and_then(|config| config.endpoints_config.as_ref());
    let first = endpoints.into_iter().flat_map(|endpoints| endpoints.keys());
    for network in first.cloned().chain(further.cloned()) {
        if !settled.networks.contains(&network) {
            wrong.push(format!("the network `{network}` is not there"));
        }
    }
    let mounts = body
        .0
        .host_config
        .as_ref()
        .and_then(|config| config.mounts.as_ref());
    for mount in mounts.into_iter().flatten() {
        let volume = mount.typ == Some(bollard::models::MountType::VOLUME);
        if let Some(name) = mount.source.as_ref().filter(|_| volume)
            && !settled.volumes.contains(name)
        {
            wrong.push(format!("the volume `{name}` is not there"));
        }
    }
}

/// A container stops when its successor is healthy, when its successor starts later, or when no
/// replica of this number is wanted any more. In between it must serve.
pub(super) fn check_stop(moment: &Moment<'_>, old: &Replayed, wrong: &mut Vec<String>) {
    let wanted = moment.plan.state.as_ref().and_then(|state| {
        let service = state.active_release()?.services.get(&old.service)?;
        service
            .replicas
            .iter()
            .find(|replica| replica.number == old.number)
    });
    let Some(wanted) = wanted else {
        return;
    };
    let successor = moment.settled.get(&wanted.host).and_then(|host| {
        host.container(&wanted.container)
            .filter(|one| one.id != old.id)
    });
    match successor {
        Some(one) if one.live && one.gated => {}
        Some(one) if one.live => wrong.push(format!(
            "`{}` stops before `{}`, which replaces it, is healthy",
            old.name, one.name
        )),
        _ if starts_later(moment, &wanted.container) => {}
        _ => wrong.push(format!("`{}` stops and nothing takes its place", old.name)),
    }
}

/// What the release that serves says of a container is what its stop runs in it.
pub(super) fn check_hooks(
    moment: &Moment<'_>,
    container: &str,
    pre_stop: &[Hook],
    wrong: &mut Vec<String>,
) {
    let state = moment.observed.state.as_ref();
    let services = state
        .and_then(|state| state.active_release())
        .into_iter()
        .flat_map(|release| release.services.values());
    for service in services {
        let recorded = service
            .replicas
            .iter()
            .any(|one| one.host == moment.step.host && one.container == container);
        if recorded && service.service.pre_stop != pre_stop {
            wrong.push(format!(
                "`{container}` stops with other `pre_stop` hooks than it was deployed with"
            ));
        }
    }
}

fn starts_later(moment: &Moment<'_>, name: &str) -> bool {
    let steps = moment.plan.stages.iter().flat_map(|stage| &stage.steps);
    steps
        .filter(|step| step.id > moment.step.id)
        .any(|step| matches!(&step.kind, StepKind::Start { container, .. } if container == name))
}
