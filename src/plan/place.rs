//! How many replicas each host gets (spec §8.4): asks the policy, then checks its answer.

use std::collections::BTreeMap;

use super::fleet::{Member, list};
use super::{PlaceHost, PlaceRequest, Policy};
use crate::error::{Error, Result};
use crate::model::{HostName, Service};

/// Replicas by host; hosts without any are left out.
pub(super) type Counts = BTreeMap<HostName, u32>;

/// What one placement is about.
pub(super) struct Ask<'r> {
    pub service: &'r Service,
    pub replicas: u32,
    pub hosts: &'r [&'r Member<'r>],
    /// `x-placement.max_per_host`, or 1 when a fixed host port allows no second container.
    pub cap: Option<Cap>,
    pub current: &'r Counts,
}

/// The most replicas of a service on one host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Cap {
    pub most: u32,
    /// What sets it, for messages: `x-placement.max_per_host`, `host port 80`.
    pub because: CapReason,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CapReason {
    MaxPerHost,
    HostPort(u16),
}

/// Asks the placement script and checks what it says.
///
/// # Errors
/// The replicas cannot fit, the script fails, or its answer names hosts that may not run the
/// service, does not add up, or breaks the cap.
pub(super) fn place(policy: &dyn Policy, ask: &Ask<'_>) -> Result<Counts> {
    let name = &ask.service.name;
    if let Some(cap) = ask.cap {
        let room = u64::from(cap.most) * ask.hosts.len() as u64;
        if u64::from(ask.replicas) > room {
            return Err(too_many(ask, cap, room));
        }
    }
    if ask.replicas == 0 {
        return Ok(Counts::new());
    }
    let strategy = &ask.service.placement.strategy;
    let request = PlaceRequest {
        service: name.clone(),
        replicas: ask.replicas,
        hosts: ask
            .hosts
            .iter()
            .map(|member| PlaceHost {
                name: member.name().clone(),
                labels: member.host.labels.clone(),
            })
            .collect(),
        max_per_host: ask.cap.map(|cap| cap.most),
        current: ask.current.clone(),
    };
    let answer = policy.place(strategy, &request)?;
    let wrong = |what: String| {
        Error::user(format!(
            "the script `placement/{strategy}` placed service `{name}` wrongly: {what}"
        ))
        .hint(format!(
            "look at it with `webpods script ls placement/{strategy}`"
        ))
    };
    for (host, count) in &answer {
        if !request.hosts.iter().any(|place| place.name == *host) {
            let may = list(request.hosts.iter().map(|place| &place.name));
            return Err(wrong(format!("`{host}` may not run it, only {may} may")));
        }
        if let Some(cap) = ask.cap.filter(|cap| *count > cap.most) {
            return Err(wrong(format!(
                "{count} replicas on `{host}`, at most {} are allowed",
                cap.most
            )));
        }
    }
    let total: u64 = answer.values().map(|count| u64::from(*count)).sum();
    if total != u64::from(ask.replicas) {
        return Err(wrong(format!(
            "{total} replicas in all, {} are wanted",
            ask.replicas
        )));
    }
    Ok(answer.into_iter().filter(|(_, count)| *count > 0).collect())
}

fn too_many(ask: &Ask<'_>, cap: Cap, room: u64) -> Error {
    let (name, replicas) = (&ask.service.name, ask.replicas);
    let hosts = list(ask.hosts.iter().map(|member| member.name()));
    match cap.because {
        CapReason::MaxPerHost => Error::user(format!(
            "service `{name}` wants {replicas} replicas, but at most {} per host \
             (`x-placement.max_per_host`) on {hosts} makes {room}",
            cap.most
        ))
        .hint("raise `max_per_host`, allow more hosts, or ask for fewer replicas"),
        CapReason::HostPort(port) => Error::user(format!(
            "service `{name}` wants {replicas} replicas, but it publishes host port {port}, which \
             only one container per host can have, and only {hosts} may run it"
        ))
        .hint(
            "ask for fewer replicas, allow more hosts, or use `x-ingress` in place of `ports:` so \
             that each replica gets a port of its own",
        ),
    }
}
