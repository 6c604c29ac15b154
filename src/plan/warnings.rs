//! What a person should know before agreeing to a plan.

use std::collections::{BTreeMap, BTreeSet};

use super::fleet::{Member, list};
use super::rollout::StopFirst;
use super::template::is_reached_by_others;
use super::volumes::Volume;
use super::work::{Frame, Work};
use super::{ReplicaAction, eligible, engines, networks, prepare};
use crate::model::{HostName, MountKind};

/// Adds the warnings about these services.
pub(super) fn collect(frame: &Frame<'_>, works: &[Work<'_>], warnings: &mut Vec<String>) {
    for work in works {
        warnings.extend(eligible::typos(frame.inputs.context, &work.wanted.service));
        stateful(work, warnings);
        forgetful(work, warnings);
        stop_first(work, warnings);
        unrouted(frame, work, warnings);
        exposed(frame, work, warnings);
        far_dependencies(work, works, warnings);
        too_new(frame, work, warnings);
    }
    settled(frame, works, warnings);
    left_out(frame, warnings);
}

/// Engines change neither networks nor volumes after they made them. Docker Compose makes them
/// anew, which takes containers off the network and data with the volume.
fn settled(frame: &Frame<'_>, works: &[Work<'_>], warnings: &mut Vec<String>) {
    let hosts = |name: &str, body: &serde_json::Value| -> Vec<HostName> {
        let settings = prepare::settings(Some(body));
        let members = frame.fleet.members.iter().filter(|member| {
            let made = member.observed.made_from.get(name);
            made.is_some_and(|made| *made != settings)
        });
        members.map(|member| member.name().clone()).collect()
    };
    for (key, network) in &frame.goal.networks {
        let Ok(name) = networks::resolve_network(frame.key, key, network) else {
            continue;
        };
        let on = hosts(&name, &network.body);
        if !network.external && !on.is_empty() {
            warnings.push(format!(
                "network `{}` on {} keeps the settings it was made with, and the file has others: \
                 `webpods down`, then `up`, makes it anew",
                key.escape_debug(),
                list(&on)
            ));
        }
    }
    let used = works.iter().flat_map(|work| &work.volumes);
    let used: BTreeMap<&str, &Volume> = used.map(|volume| (volume.key.as_str(), volume)).collect();
    for (key, volume) in used {
        let Some(defined) = frame.goal.volumes.get(key).filter(|_| !volume.external) else {
            continue;
        };
        let on = hosts(&volume.name, &defined.body);
        if !on.is_empty() {
            warnings.push(format!(
                "volume `{}` on {} keeps the settings it was made with, and the file has others: \
                 give the volume another name, or move its data away and remove it (`docker volume \
                 rm {}`)",
                key.escape_debug(),
                list(&on),
                volume.name
            ));
        }
    }
}

/// Spec §8.5.
fn stateful(work: &Work<'_>, warnings: &mut Vec<String>) {
    if !work.volumes.is_empty() && work.wanted.service.replicas > 1 {
        warnings.push(format!(
            "Service {} uses persistent volume(s) and replicas>1 may be unsafe unless designed \
             for it.",
            work.name()
        ));
    }
}

/// Docker Compose hands anonymous volumes on from container to container; here the new one starts
/// beside the old one, and one volume in the hands of both would break what is in it.
fn forgetful(work: &Work<'_>, warnings: &mut Vec<String>) {
    let replaced = work
        .slots
        .iter()
        .any(|slot| slot.action == ReplicaAction::Recreate);
    let mounts = work.wanted.service.mounts.iter();
    let mut anonymous = mounts.filter(|mount| mount.kind == MountKind::Anonymous);
    if let Some(mount) = anonymous.next().filter(|_| replaced) {
        warnings.push(format!(
            "`{}` starts anew with an empty volume at `{}`: give the volume a name to keep what is \
             in it",
            work.name(),
            mount.target.escape_debug()
        ));
    }
}

/// Spec §13.4.
fn stop_first(work: &Work<'_>, warnings: &mut Vec<String>) {
    let replaced = work
        .slots
        .iter()
        .any(|slot| slot.action == ReplicaAction::Recreate);
    let service = &work.wanted.service;
    let noticed = !service.ingress.is_empty() || !service.ports.is_empty();
    match &work.stop_first {
        Some(why) if replaced && noticed && *why != StopFirst::Written => warnings.push(format!(
            "`{}` stops before it starts anew, because of {}: requests fail in between{}",
            work.name(),
            why.what(),
            if service.replicas > 1 {
                " on one replica at a time"
            } else {
                ""
            }
        )),
        _ => {}
    }
}

/// Spec §11.3: `x-ingress` without a proxy.
fn unrouted(frame: &Frame<'_>, work: &Work<'_>, warnings: &mut Vec<String>) {
    let context = frame.inputs.context;
    if context.proxy.driver != "none" {
        return;
    }
    for ingress in &work.wanted.service.ingress {
        let host_port = work
            .replicas
            .values()
            .find_map(|replica| replica.ports.get(&ingress.port));
        let reach = host_port.map_or_else(String::new, |port| {
            format!("; on its host it is reached at 127.0.0.1:{port}")
        });
        warnings.push(format!(
            "`{}` wants `{}`, but context `{}` has no proxy (`proxy.driver: none`){reach}",
            work.name(),
            ingress.host.escape_debug(),
            context.name
        ));
    }
}

/// Ports that are open wherever `addr` is reachable from.
fn exposed(frame: &Frame<'_>, work: &Work<'_>, warnings: &mut Vec<String>) {
    if work.wanted.service.ingress.is_empty() {
        return;
    }
    let context = frame.inputs.context;
    let open: BTreeSet<&HostName> = work
        .numbers
        .values()
        .filter_map(|host| frame.fleet.get(host))
        .filter(|member| {
            member.host.mesh_ip.is_none() && is_reached_by_others(context, member.host)
        })
        .map(Member::name)
        .collect();
    if !open.is_empty() {
        warnings.push(format!(
            "`{}` is published on every address of {}, which {} no `mesh_ip`: whoever reaches the \
             host reaches its ports; set `mesh_ip`, or `proxy.upstreams: local`",
            work.name(),
            list(&open),
            if open.len() == 1 { "has" } else { "have" }
        ));
    }
}

/// Keys that an older engine does not carry out.
fn too_new(frame: &Frame<'_>, work: &Work<'_>, warnings: &mut Vec<String>) {
    let hosts: BTreeSet<&HostName> = work.numbers.values().collect();
    for member in hosts.into_iter().filter_map(|host| frame.fleet.get(host)) {
        for (key, since) in engines::too_new(&work.wanted.service, member) {
            warnings.push(format!(
                "`{key}` of `{}` has no effect on {}, which has Docker {}; it needs {since}",
                work.name(),
                member.name(),
                member.observed.engine.escape_debug()
            ));
        }
    }
}

/// There is no DNS across hosts.
fn far_dependencies(work: &Work<'_>, works: &[Work<'_>], warnings: &mut Vec<String>) {
    let hosts: BTreeSet<&HostName> = work.numbers.values().collect();
    for on in work.wanted.service.depends_on.keys() {
        let Some(other) = works.iter().find(|other| other.name() == on) else {
            continue;
        };
        if other.completes {
            continue;
        }
        let there: BTreeSet<&HostName> = other.numbers.values().collect();
        let alone: Vec<&&HostName> = hosts.difference(&there).collect();
        if !alone.is_empty() {
            warnings.push(format!(
                "`{}` depends on `{on}`, which has no replica on {}: names of services resolve \
                 only on their own host",
                work.name(),
                list(alone)
            ));
        }
    }
}

/// `--hosts` leaves replicas behind.
fn left_out(frame: &Frame<'_>, warnings: &mut Vec<String>) {
    let Some(active) = frame.current.active else {
        return;
    };
    let replicas = || active.services.values().flat_map(|one| &one.replicas);
    let with_replicas: Vec<&&HostName> = frame
        .fleet
        .left_out
        .iter()
        .filter(|host| replicas().any(|replica| replica.host == ***host))
        .collect();
    if !with_replicas.is_empty() {
        warnings.push(format!(
            "{} {} left out by `--hosts` and {} containers and routes of {} until an `up` that \
             includes {}",
            list(&with_replicas),
            if with_replicas.len() == 1 {
                "is"
            } else {
                "are"
            },
            if with_replicas.len() == 1 {
                "keeps its"
            } else {
                "keep their"
            },
            active.id,
            if with_replicas.len() == 1 {
                "it"
            } else {
                "them"
            },
        ));
    }
}
