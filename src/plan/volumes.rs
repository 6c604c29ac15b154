//! Named volumes live on one host: the services that use them stay there.

use std::collections::BTreeSet;

use indexmap::IndexMap;

use super::Policy;
use super::fleet::{Fleet, Member, list};
use super::names;
use super::place::{Ask, Cap, Counts, place};
use crate::error::{Error, Result};
use crate::model::{HostName, MountKind, NamedVolume, Service, StackKey};

/// A named volume of a service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Volume {
    pub key: String,
    /// As the engine knows it.
    pub name: String,
    pub external: bool,
    /// Its bytes are on one host only.
    pub host_local: bool,
}

/// The named volumes `service` mounts, resolved.
///
/// # Errors
/// A mount names a volume that is not defined, or a written name is not valid.
pub(super) fn of_service(
    key: &StackKey,
    service: &Service,
    volumes: &IndexMap<String, NamedVolume>,
) -> Result<Vec<Volume>> {
    let mut found = Vec::new();
    for mount in &service.mounts {
        let MountKind::Volume { key: volume } = &mount.kind else {
            continue;
        };
        let defined = volumes.get(volume).ok_or_else(|| {
            Error::user(format!(
                "service `{}` mounts volume `{}`, which is not defined",
                service.name,
                volume.escape_debug()
            ))
            .hint("add it to the top-level `volumes:`")
        })?;
        found.push(Volume {
            key: volume.clone(),
            name: resolve(key, volume, defined)?,
            external: defined.external,
            host_local: is_host_local(defined),
        });
    }
    Ok(found)
}

/// The name the engine knows the volume by.
///
/// # Errors
/// The name the user wrote is not valid.
pub(super) fn resolve(key: &StackKey, volume: &str, defined: &NamedVolume) -> Result<String> {
    match &defined.name {
        Some(name) => Ok(names::written("volume", volume, name)?.to_owned()),
        None if defined.external => Ok(names::written("volume", volume, volume)?.to_owned()),
        None => Ok(names::volume(key, volume)),
    }
}

/// Volumes of other drivers, and network mounts of the built-in one, are the same on every host.
fn is_host_local(volume: &NamedVolume) -> bool {
    let driver = volume.body.get("Driver").and_then(|driver| driver.as_str());
    let over_network = volume
        .body
        .pointer("/DriverOpts/o")
        .and_then(|options| options.as_str())
        .is_some_and(|options| options.contains("addr="));
    driver.is_none_or(|driver| driver.is_empty() || driver == "local") && !over_network
}

/// What decides where a service with volumes may be.
pub(super) struct Stay<'r> {
    pub fleet: &'r Fleet<'r>,
    pub service: &'r Service,
    pub volumes: &'r [Volume],
    pub eligible: &'r [&'r Member<'r>],
    pub cap: Option<Cap>,
    pub current: &'r Counts,
    /// Hosts that `--hosts` leaves out and that have replicas of the service.
    pub left_out: &'r [HostName],
    pub move_volumes: bool,
}

/// Places a service so that it stays where its volumes are.
///
/// Replicas that exist stay exactly where they are as long as their hosts hold the volumes; only
/// growth goes elsewhere, where it starts with new volumes.
///
/// # Errors
/// As [`place`]; an external volume exists nowhere; the service would have to leave its volume.
pub(super) fn place_with_volumes(policy: &dyn Policy, stay: &Stay<'_>) -> Result<Counts> {
    let (service, cap, current) = (stay.service, stay.cap, stay.current);
    let eligible = with_external(service, stay.volumes, stay.eligible)?;
    let ask = |replicas, hosts| {
        place(
            policy,
            &Ask {
                service,
                replicas,
                hosts,
                cap,
                current,
            },
        )
    };
    let pinned: Vec<&Volume> = stay
        .volumes
        .iter()
        .filter(|volume| volume.host_local && !volume.external)
        .collect();
    if pinned.is_empty() || stay.move_volumes || service.replicas == 0 {
        return ask(service.replicas, &eligible);
    }
    let mut holders: BTreeSet<&HostName> = stay
        .fleet
        .members
        .iter()
        .filter(|member| {
            pinned
                .iter()
                .any(|volume| member.observed.volumes.contains(&volume.name))
        })
        .map(Member::name)
        .collect();
    holders.extend(stay.left_out);
    if holders.is_empty() {
        return ask(service.replicas, &eligible);
    }
    let (holding, others): (Vec<&Member<'_>>, Vec<&Member<'_>>) = eligible
        .iter()
        .partition(|member| holders.contains(member.name()));
    let mut counts: Counts = current
        .iter()
        .filter(|(host, _)| holding.iter().any(|member| member.name() == *host))
        .map(|(host, count)| (host.clone(), cap.map_or(*count, |cap| cap.most.min(*count))))
        .collect();
    let left_behind = holders.iter().any(|host| {
        let eligible = holding.iter().any(|member| member.name() == *host);
        let used = current.contains_key(*host) || stay.left_out.contains(host);
        used && !eligible
    });
    if counts.is_empty() {
        if holding.is_empty() || left_behind {
            return Err(refuse_move(service, &pinned, &holders, &eligible));
        }
        // A service that is down still has its data: it comes back to it.
        let back = u32::try_from(holding.len()).unwrap_or(u32::MAX);
        counts = ask(back.min(service.replicas), &holding)?;
    }
    let settled: u32 = counts.values().sum();
    if service.replicas <= settled {
        shrink(&mut counts, settled - service.replicas, &holding);
        return Ok(counts);
    }
    if left_behind {
        return Err(refuse_move(service, &pinned, &holders, &eligible));
    }
    let growth = service.replicas - settled;
    let room = |members: usize| cap.map_or(u32::MAX, |cap| cap.most.saturating_mul(fits(members)));
    let elsewhere = if others.is_empty() {
        0
    } else {
        growth.min(room(others.len()))
    };
    counts.extend(ask(elsewhere, &others)?);
    if !fill(&mut counts, growth - elsewhere, &holding, cap) {
        // The placement's own words for not fitting.
        return ask(service.replicas, &eligible);
    }
    Ok(counts)
}

fn fits(members: usize) -> u32 {
    u32::try_from(members).unwrap_or(u32::MAX)
}

/// Takes replicas from the fullest hosts, the last in inventory order first.
fn shrink(counts: &mut Counts, by: u32, hosts: &[&Member<'_>]) {
    for _ in 0..by {
        let fullest = hosts
            .iter()
            .filter_map(|member| Some((*counts.get(member.name())?, member.name())))
            .filter(|(count, _)| *count > 0)
            .max_by_key(|(count, _)| *count);
        if let Some(count) = fullest.and_then(|(_, host)| counts.get_mut(host)) {
            *count -= 1;
        }
    }
    counts.retain(|_, count| *count > 0);
}

/// Adds replicas to the emptiest hosts, the first in inventory order first; false when they do not
/// fit.
fn fill(counts: &mut Counts, by: u32, hosts: &[&Member<'_>], cap: Option<Cap>) -> bool {
    for _ in 0..by {
        let emptiest = hosts
            .iter()
            .map(|member| (counts.get(member.name()).copied().unwrap_or(0), member))
            .filter(|(count, _)| cap.is_none_or(|cap| *count < cap.most))
            .min_by_key(|(count, _)| *count);
        let Some((_, member)) = emptiest else {
            return false;
        };
        *counts.entry(member.name().clone()).or_default() += 1;
    }
    true
}

/// The eligible hosts on which every external volume exists.
fn with_external<'m, 'a>(
    service: &Service,
    volumes: &[Volume],
    eligible: &[&'m Member<'a>],
) -> Result<Vec<&'m Member<'a>>> {
    let mut left = eligible.to_vec();
    for volume in volumes.iter().filter(|volume| volume.external) {
        left.retain(|member| member.observed.volumes.contains(&volume.name));
        if left.is_empty() {
            let hosts = list(eligible.iter().map(|member| member.name()));
            return Err(Error::user(format!(
                "service `{}` needs the external volume `{}`, which exists on none of {hosts}",
                service.name, volume.name
            ))
            .hint(format!(
                "create it on a host with `docker volume create {}`, or drop `external: true`",
                volume.name
            )));
        }
    }
    Ok(left)
}

fn refuse_move(
    service: &Service,
    pinned: &[&Volume],
    holders: &BTreeSet<&HostName>,
    eligible: &[&Member<'_>],
) -> Error {
    Error::user(format!(
        "service `{}` would leave {}, where its data is ({} {}), for {}; data does not move with a \
         service",
        service.name,
        list(holders.iter()),
        if pinned.len() == 1 {
            "volume"
        } else {
            "volumes"
        },
        list(pinned.iter().map(|volume| &volume.key)),
        list(eligible.iter().map(|member| member.name())),
    ))
    .hint(format!(
        "keep {} in `x-placement.hosts`, or say `--move-volumes` to start with empty volumes",
        list(holders.iter())
    ))
}
