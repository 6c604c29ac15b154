//! In which batches the replicas of a service change (spec §13.4): asks the policy, then checks
//! its answer.

use std::collections::{BTreeMap, BTreeSet};

use super::diff::Slot;
use super::volumes::Volume;
use super::{Batch, Change, Policy, RolloutRequest};
use crate::error::{Error, Result};
use crate::model::{PortPublication, Service, UpdateOrder};

/// Why two containers of one replica cannot run at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum StopFirst {
    /// The Compose file says so.
    Written,
    /// `ports:` with a fixed host port.
    HostPort(u16),
    /// `container_name`.
    Name(String),
    /// `network_mode: host`: the program's own ports.
    HostNetwork,
    /// A static address on a network.
    Address,
    /// A named volume that both would write to.
    Volume(String),
    /// The network of a container that stays: the program's ports are taken there.
    Network(String),
}

impl StopFirst {
    /// What in the service stands against it.
    pub fn what(&self) -> String {
        match self {
            Self::Written => "`update_config.order: stop-first`".to_owned(),
            Self::HostPort(port) => format!("the fixed host port {port}"),
            Self::Name(name) => format!("`container_name: {}`", name.escape_debug()),
            Self::HostNetwork => "`network_mode: host`".to_owned(),
            Self::Address => "its static network address".to_owned(),
            Self::Volume(key) => format!("volume `{key}`, which two containers would write"),
            Self::Network(of) => format!("the network of `{of}`, which both would use"),
        }
    }
}

/// What forbids starting the new container before the old one stops; none when nothing does.
pub(super) fn stop_first(service: &Service, volumes: &[Volume]) -> Option<StopFirst> {
    if let Some(port) = service.ports.iter().find_map(PortPublication::fixed) {
        return Some(StopFirst::HostPort(port));
    }
    if let Some(name) = &service.container_name {
        return Some(StopFirst::Name(name.clone()));
    }
    if service.network_mode.as_deref() == Some("host") {
        return Some(StopFirst::HostNetwork);
    }
    let fixed = |attachment: &crate::model::NetworkAttachment| {
        attachment.ipv4_address.is_some()
            || attachment.ipv6_address.is_some()
            || attachment.mac_address.is_some()
            || !attachment.link_local_ips.is_empty()
    };
    if service.networks.values().any(fixed) {
        return Some(StopFirst::Address);
    }
    let mode = service.network_mode.as_deref().unwrap_or_default();
    if let Some(name) = mode.strip_prefix("container:") {
        return Some(StopFirst::Network(name.to_owned()));
    }
    match service.update_order {
        Some(UpdateOrder::StopFirst) => Some(StopFirst::Written),
        // Whoever writes start-first has thought about the volume.
        Some(UpdateOrder::StartFirst) => None,
        None => writable(service, volumes).map(|volume| StopFirst::Volume(volume.key.clone())),
    }
}

fn writable<'v>(service: &Service, volumes: &'v [Volume]) -> Option<&'v Volume> {
    let written = |volume: &&Volume| {
        service.mounts.iter().any(|mount| {
            !mount.read_only
                && matches!(&mount.kind, crate::model::MountKind::Volume { key } if *key == volume.key)
        })
    };
    volumes.iter().find(written)
}

/// What happens to each replica. Slots come with the number they go by; what has one number is
/// one change. A replica that moves is one change too: it starts there and stops here.
pub(super) fn changes<'s>(slots: impl Iterator<Item = (u32, &'s Slot)>) -> BTreeMap<u32, Change> {
    let mut by_number: BTreeMap<u32, Change> = BTreeMap::new();
    for (number, slot) in slots.filter(|(_, slot)| slot.changes()) {
        let change = by_number.entry(number).or_insert_with(|| Change {
            replica: number,
            host: slot.host.clone(),
            start: false,
            stop: false,
        });
        if slot.new.is_some() {
            change.host = slot.host.clone();
        }
        change.start |= slot.new.is_some();
        change.stop |= slot.old.is_some();
    }
    by_number
}

/// Asks the rollout script for batches and checks what it says.
///
/// # Errors
/// The script fails, leaves out a replica, names one twice or one that does not change, or starts
/// first where that is impossible.
pub(super) fn order(
    policy: &dyn Policy,
    service: &Service,
    changes: BTreeMap<u32, Change>,
    start_first: bool,
) -> Result<Vec<Batch>> {
    let changes: Vec<Change> = changes.into_values().collect();
    if changes.is_empty() {
        return Ok(Vec::new());
    }
    let numbers: BTreeSet<u32> = changes.iter().map(|change| change.replica).collect();
    let strategy = &service.rollout;
    let request = RolloutRequest {
        service: service.name.clone(),
        changes,
        parallelism: service.parallelism,
        start_first,
    };
    let batches = policy.order(strategy, &request)?;
    let wrong = |what: String| {
        Error::user(format!(
            "the script `rollout/{strategy}` ordered service `{}` wrongly: {what}",
            service.name
        ))
        .hint(format!(
            "look at it with `webpods script ls rollout/{strategy}`"
        ))
    };
    let mut seen = BTreeSet::new();
    for batch in &batches {
        if batch.start_first && !start_first {
            return Err(wrong(
                "it starts first, but two containers of this service cannot run at once".to_owned(),
            ));
        }
        for replica in &batch.replicas {
            if !numbers.contains(replica) {
                return Err(wrong(format!("replica {replica} does not change")));
            }
            if !seen.insert(*replica) {
                return Err(wrong(format!("replica {replica} is in two batches")));
            }
        }
    }
    if let Some(missing) = numbers.iter().find(|number| !seen.contains(number)) {
        return Err(wrong(format!("replica {missing} is in no batch")));
    }
    Ok(batches
        .into_iter()
        .filter(|batch| !batch.replicas.is_empty())
        .collect())
}
