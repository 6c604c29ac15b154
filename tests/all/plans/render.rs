//! A plan as a person would write it down: every decision, no noise.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use webpods::model::{Hook, HostName, Route};
use webpods::plan::{BlobShipment, HttpProbe, Plan, ReplicaAction, Step, StepKind, Way};

pub fn render(plan: &Plan) -> String {
    let mut out = String::new();
    let hosts: Vec<&str> = plan.hosts.iter().map(|host| host.name.as_str()).collect();
    let previous = plan.previous.map_or("none".to_owned(), |id| id.to_string());
    let action = format!("{:?}", plan.action).to_lowercase();
    line(
        &mut out,
        0,
        format!(
            "{action} {} of {} on {}, serving: {previous}",
            plan.release,
            plan.key,
            hosts.join(" ")
        ),
    );
    for warning in &plan.warnings {
        line(&mut out, 0, format!("warning: {warning}"));
    }
    services(&mut out, plan);
    images(&mut out, plan);
    for change in &plan.routes {
        let (before, after) = (route(change.before.as_ref()), route(change.after.as_ref()));
        line(
            &mut out,
            0,
            format!("route {}: {before} -> {after}", change.domain),
        );
    }
    if plan.is_empty() {
        line(&mut out, 0, "nothing to do");
    }
    for stage in &plan.stages {
        line(&mut out, 0, format!("[{}]", stage.name));
        for step in &stage.steps {
            line(
                &mut out,
                1,
                format!("{:>2} {} {}", step.id, step.host, text(step)),
            );
        }
    }
    if let Some(state) = &plan.state {
        let kept: Vec<String> = state
            .releases
            .iter()
            .map(|release| {
                let active = Some(release.id) == state.active;
                format!("{}{}", release.id, if active { "*" } else { "" })
            })
            .collect();
        line(
            &mut out,
            0,
            format!("state {}: releases {}", state.serial, kept.join(" ")),
        );
        for (service, hosts) in &state.ports {
            for (host, replicas) in hosts {
                let ports: Vec<String> = replicas
                    .iter()
                    .flat_map(|(n, ports)| {
                        ports
                            .iter()
                            .map(move |(from, to)| format!("{n}:{from}={to}"))
                    })
                    .collect();
                line(
                    &mut out,
                    1,
                    format!("ports {service} {host} {}", ports.join(" ")),
                );
            }
        }
    }
    out
}

fn line(out: &mut String, indent: usize, text: impl AsRef<str>) {
    writeln!(out, "{}{}", "  ".repeat(indent), text.as_ref().trim_end()).unwrap();
}

fn services(out: &mut String, plan: &Plan) {
    for (name, service) in &plan.services {
        let image = match (&service.current, &service.desired) {
            (None, Some(_)) => "new".to_owned(),
            (Some(a), Some(b)) if a == b => "same image".to_owned(),
            (Some(_), Some(_)) => "new image".to_owned(),
            (_, None) if service.pending => "pending".to_owned(),
            (_, None) => "goes".to_owned(),
        };
        line(
            out,
            0,
            format!(
                "{name} ({}, {image}): {} -> {}; {}",
                service.image,
                counts(&service.placement_before),
                counts(&service.placement_after),
                service.reasons.join("; ")
            ),
        );
        for replica in &service.replicas {
            let action = match replica.action {
                ReplicaAction::Keep => "keep",
                ReplicaAction::Create => "create",
                ReplicaAction::Recreate => "recreate",
                ReplicaAction::Remove => "remove",
            };
            let reason = replica.reason.as_deref().unwrap_or_default();
            line(
                out,
                1,
                format!(
                    "{}@{} {action}{} {reason}",
                    replica.number,
                    replica.host,
                    pairs(&replica.ports)
                ),
            );
        }
    }
}

/// `, 2 of them from a`, where not all blobs come from the client.
fn sources(blobs: &[BlobShipment]) -> String {
    let mut sources: BTreeMap<&str, usize> = BTreeMap::new();
    for blob in blobs {
        let from = match blob.way() {
            Way::Sent => continue,
            Way::Adopted => "its engine",
            Way::Passed(from) => from.as_str(),
        };
        *sources.entry(from).or_default() += 1;
    }
    let text = |(from, count)| format!(", {count} of them from {from}");
    sources.into_iter().map(text).collect()
}

fn images(out: &mut String, plan: &Plan) {
    for image in &plan.images {
        for shipment in &image.shipments {
            if let Some(pinned) = &image.image.pull {
                let held = if shipment.pull { "" } else { ", which has it" };
                let short = pinned.digest().short();
                line(
                    out,
                    0,
                    format!(
                        "pull {}@{short} by {}{held}",
                        pinned.repository(),
                        shipment.host
                    ),
                );
                continue;
            }
            line(
                out,
                0,
                format!(
                    "ship {} to {}: {} blobs, {} bytes{}",
                    image.image.reference,
                    shipment.host,
                    shipment.blobs.len(),
                    shipment.bytes,
                    sources(&shipment.blobs)
                ),
            );
        }
    }
}

fn counts(counts: &BTreeMap<HostName, u32>) -> String {
    if counts.is_empty() {
        return "none".to_owned();
    }
    let list: Vec<String> = counts.iter().map(|(h, n)| format!("{h}:{n}")).collect();
    list.join(" ")
}

fn pairs(ports: &BTreeMap<u16, u16>) -> String {
    let list: Vec<String> = ports
        .iter()
        .map(|(from, to)| format!(" {from}={to}"))
        .collect();
    list.concat()
}

fn route(route: Option<&Route>) -> String {
    let Some(route) = route else {
        return "none".to_owned();
    };
    let upstreams: Vec<String> = route
        .upstreams
        .iter()
        .map(|upstream| format!("{}({}):{}", upstream.host, upstream.addr, upstream.port))
        .collect();
    format!("{}[{}]", route.service, upstreams.join(" "))
}

fn text(step: &Step) -> String {
    match &step.kind {
        StepKind::Ship { blobs, images } => {
            let names: Vec<&str> = images.iter().map(|i| i.reference.as_str()).collect();
            format!(
                "ship {} blobs for {}{}",
                blobs.len(),
                names.join(", "),
                sources(blobs)
            )
        }
        StepKind::Load { image } if image.pull.is_some() => {
            format!("pull {} for {}", image.reference, image.platform)
        }
        StepKind::Load { image } if image.platform != "linux/amd64" => {
            format!("load {} for {}", image.reference, image.platform)
        }
        StepKind::Load { image } => format!("load {}", image.reference),
        StepKind::Prepare {
            networks,
            volumes,
            files,
        } => {
            let name = |body: &serde_json::Value| body["Name"].as_str().unwrap().to_owned();
            let mut parts: Vec<String> = networks
                .iter()
                .map(|n| format!("network {}", name(n)))
                .collect();
            parts.extend(volumes.iter().map(|v| format!("volume {}", name(v))));
            parts.extend(files.iter().map(|file| {
                let (folder, digest) = file.path.rsplit_once('/').unwrap();
                let secret = if file.secret { "secret " } else { "" };
                format!("{secret}file {folder}/{}…{}", &digest[..6], &digest[64..])
            }));
            format!("prepare {}", parts.join(", "))
        }
        StepKind::Start {
            container,
            body,
            replaces,
            post_start,
            ..
        } => {
            let host_config = body.0.host_config.clone().unwrap_or_default();
            let mut published: Vec<String> = Vec::new();
            for (port, bindings) in host_config.port_bindings.iter().flatten() {
                for binding in bindings.iter().flatten() {
                    published.push(format!(
                        "{}:{}->{port}",
                        binding.host_ip.as_deref().unwrap_or("*"),
                        binding.host_port.as_deref().unwrap_or("?")
                    ));
                }
            }
            published.sort();
            let replaces = replaces
                .as_ref()
                .map_or(String::new(), |id| format!(" after renaming {id}"));
            let mut shares: Vec<String> = [
                host_config.network_mode,
                host_config.ipc_mode,
                host_config.pid_mode,
            ]
            .into_iter()
            .flatten()
            .filter(|mode| mode.starts_with("container:"))
            .collect();
            shares.extend(host_config.volumes_from.into_iter().flatten());
            let shares = if shares.is_empty() {
                String::new()
            } else {
                format!(" with {}", shares.join(" and "))
            };
            let hooks = hooks("then", post_start);
            format!(
                "start {container} {}{replaces}{shares}{hooks}",
                published.join(" ")
            )
        }
        StepKind::Health {
            container,
            healthcheck,
            probe,
            timeout,
            completes,
            may_end,
            optional,
            watch,
            ..
        } => {
            health(
                container,
                *healthcheck,
                probe.as_ref(),
                *timeout,
                *completes,
                *watch,
            ) + if *may_end { " or has ended well" } else { "" }
                + if *optional { ", if it can" } else { "" }
        }
        StepKind::Route { files, routes, .. } => {
            let routes: Vec<String> = routes
                .iter()
                .map(|route| {
                    let to: Vec<String> = route
                        .upstreams
                        .iter()
                        .map(|upstream| format!("{}:{}", upstream.addr, upstream.port))
                        .collect();
                    format!("{} -> {}", route.domain, to.join(" "))
                })
                .collect();
            if routes.is_empty() {
                let gone: Vec<&str> = files.iter().map(|file| file.path.as_str()).collect();
                format!("route nothing, without {}", gone.join(" "))
            } else {
                format!("route {}", routes.join("; "))
            }
        }
        StepKind::Drain {
            upstreams, timeout, ..
        } => format!("drain {} for {timeout}s", upstreams.join(" ")),
        StepKind::Stop {
            container,
            grace,
            pre_stop,
            ..
        } => format!("stop {container} in {grace}s{}", hooks("after", pre_stop)),
        StepKind::Remove { container, .. } => format!("remove {container}"),
        StepKind::Commit {} => "commit".to_owned(),
        StepKind::Prune {
            keep,
            images,
            networks,
            volumes,
            everything,
        } => {
            let keep: Vec<String> = keep.iter().map(ToString::to_string).collect();
            let all = if *everything { " everything" } else { "" };
            format!(
                "prune{all} keep [{}] images {} networks [{}] volumes [{}]",
                keep.join(" "),
                images.len(),
                networks.join(" "),
                volumes.join(" ")
            )
        }
    }
}

fn hooks(when: &str, hooks: &[Hook]) -> String {
    let commands = hooks.iter().map(|hook| hook.command.join(" "));
    let commands: Vec<String> = commands.collect();
    if commands.is_empty() {
        return String::new();
    }
    format!(" {when} {}", commands.join(" and "))
}

fn health(
    container: &str,
    healthcheck: bool,
    probe: Option<&HttpProbe>,
    timeout: u64,
    completes: bool,
    watch: u64,
) -> String {
    let mut waits = Vec::new();
    if completes {
        waits.push("exits with 0".to_owned());
    }
    if healthcheck {
        waits.push("is healthy".to_owned());
    }
    if let Some(probe) = probe {
        waits.push(format!(
            "answers :{}{} as {}",
            probe.port, probe.path, probe.domain
        ));
    }
    if waits.is_empty() {
        waits.push("runs".to_owned());
    }
    if watch > 0 {
        waits.push(format!("stays so for {watch}s"));
    }
    format!(
        "wait until {container} {} within {timeout}s",
        waits.join(" and ")
    )
}
