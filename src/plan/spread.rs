//! Where one service's replicas go: their hosts and their numbers.

use std::collections::BTreeMap;

use super::allocate::is_on_host_network;
use super::goal::{Goal, Wanted};
use super::place::{Cap, CapReason};
use super::volumes::{self, Stay, Volume};
use super::work::Frame;
use super::{eligible, replicas};
use crate::error::Result;
use crate::model::{HostName, PortPublication, Service, ServiceName};

/// Hosts and numbers of the replicas of a service with these volumes.
pub(super) fn placed(
    frame: &Frame<'_>,
    wanted: &Wanted,
    volumes: &[Volume],
) -> Result<BTreeMap<u32, HostName>> {
    let (inputs, fleet, current) = (frame.inputs, frame.fleet, frame.current);
    let service = &wanted.service;
    let counts_now = current.counts(&service.name, fleet);
    let existing = current.numbers(&service.name, fleet);
    let recorded = wanted
        .placed
        .as_ref()
        .filter(|placed| placed.keys().all(|host| fleet.get(host).is_some()));
    if let Some(placed) = recorded {
        return Ok(replicas::number(placed, &existing, fleet.names()));
    }
    let followers = followers(frame.goal, &service.name);
    let mut eligible = eligible::eligible(inputs.context, fleet, service)?;
    let mut all = volumes.to_vec();
    for follower in followers {
        eligible = eligible::also(eligible, service, follower)?;
        all.extend(volumes::of_service(
            frame.key,
            follower,
            &frame.goal.volumes,
        )?);
    }
    let volumes = all.as_slice();
    if service.mode.is_global() {
        let counts: BTreeMap<HostName, u32> = eligible
            .iter()
            .map(|member| (member.name().clone(), 1))
            .collect();
        return Ok(replicas::number(&counts, &existing, fleet.names()));
    }
    let left_out: Vec<HostName> = current
        .recorded(&service.name)
        .into_iter()
        .flat_map(|recorded| &recorded.replicas)
        .map(|replica| replica.host.clone())
        .filter(|host| fleet.left_out.contains(&host))
        .collect();
    let counts = volumes::place_with_volumes(
        inputs.policy,
        &Stay {
            fleet,
            service,
            volumes,
            eligible: &eligible,
            cap: cap(service),
            current: &counts_now,
            left_out: &left_out,
            move_volumes: inputs.options.move_volumes,
        },
    )?;
    Ok(replicas::number(&counts, &existing, fleet.names()))
}

/// Services that will run beside this one's containers, directly or beside each other.
fn followers<'g>(goal: &'g Goal, name: &ServiceName) -> Vec<&'g Service> {
    let mut found: Vec<&Service> = Vec::new();
    let mut names = vec![name.clone()];
    while let Some(name) = names.pop() {
        for wanted in &goal.services {
            let service = &wanted.service;
            let first = service.shares().into_iter().next();
            let follows = first.is_some_and(|share| share.of == name);
            if follows && !found.iter().any(|one| one.name == service.name) {
                names.push(service.name.clone());
                found.push(service);
            }
        }
    }
    found
}

fn cap(service: &Service) -> Option<Cap> {
    let proxied = service.ingress.first().map(|ingress| ingress.port);
    let fixed = service.ports.iter().find_map(PortPublication::fixed);
    if let Some(port) = fixed.or(proxied.filter(|_| is_on_host_network(service))) {
        return Some(Cap {
            most: 1,
            because: CapReason::HostPort(port),
        });
    }
    service.placement.max_per_host.map(|most| Cap {
        most,
        because: CapReason::MaxPerHost,
    })
}
