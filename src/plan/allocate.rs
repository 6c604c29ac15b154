//! What one service's containers are called, and the host ports they get (spec §10).

use std::collections::{BTreeMap, BTreeSet};

use super::diff::{Coming, Slot};
use super::ports::PortBook;
use super::work::Work;
use super::{Batch, names};
use crate::error::Result;
use crate::model::{ReleaseId, Service};

/// A wanted replica: its container's name and host ports.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct WantedReplica {
    pub container: String,
    pub ports: BTreeMap<u16, u16>,
}

impl Work<'_> {
    /// Names the containers and gives them host ports (spec §10).
    ///
    /// # Errors
    /// A block of ports is exhausted.
    pub fn allocate(&mut self, book: &mut PortBook<'_>) -> Result<()> {
        let service = &self.wanted.service;
        let proxied: BTreeSet<u16> = service.ingress.iter().map(|one| one.port).collect();
        for slot in &self.slots {
            let standing = match (&slot.kept, &slot.new) {
                (Some(kept), _) => kept,
                (None, Some(Coming::Adopted(adopted))) => adopted,
                (None, Some(Coming::Fresh)) => {
                    let replica = WantedReplica {
                        container: self.fresh_name(slot.number),
                        ports: fresh_ports(service, slot, &self.batches, &proxied, book)?,
                    };
                    self.replicas.insert(slot.number, replica);
                    continue;
                }
                (None, None) => continue,
            };
            let replica = WantedReplica {
                container: standing.name.clone(),
                ports: if is_on_host_network(service) {
                    own_ports(&proxied)
                } else {
                    let ports = standing.ports.iter();
                    let ports = ports.filter(|(port, _)| proxied.contains(port));
                    ports.map(|(port, host)| (*port, *host)).collect()
                },
            };
            self.replicas.insert(slot.number, replica);
        }
        Ok(())
    }

    fn fresh_name(&self, number: u32) -> String {
        let service = &self.wanted.service;
        service
            .container_name
            .clone()
            .unwrap_or_else(|| names::container(self.key, &service.name, number, self.release))
    }

    /// The container that a replica has in the end, the release that made it, and whether it comes
    /// in this plan.
    pub fn container_of(&self, number: u32) -> Option<(String, ReleaseId, bool)> {
        let host = self.numbers.get(&number)?;
        let mut slots = self.slots.iter();
        let slot = slots.find(|slot| slot.number == number && slot.host == *host)?;
        match (&slot.kept, &slot.new) {
            (Some(kept), _) => Some((kept.name.clone(), kept.release, false)),
            (None, Some(Coming::Adopted(one))) => Some((one.name.clone(), one.release, true)),
            (None, Some(Coming::Fresh)) => Some((self.fresh_name(number), self.release, true)),
            (None, None) => None,
        }
    }
}

/// Its programs listen on the host itself.
pub(super) fn is_on_host_network(service: &Service) -> bool {
    service.network_mode.as_deref() == Some("host")
}

/// On the host's own network the program's ports are the host's ports.
fn own_ports(proxied: &BTreeSet<u16>) -> BTreeMap<u16, u16> {
    proxied.iter().map(|port| (*port, *port)).collect()
}

fn fresh_ports(
    service: &Service,
    slot: &Slot,
    batches: &[Batch],
    proxied: &BTreeSet<u16>,
    book: &mut PortBook<'_>,
) -> Result<BTreeMap<u16, u16>> {
    if is_on_host_network(service) {
        return Ok(own_ports(proxied));
    }
    let start_first = batches
        .iter()
        .any(|batch| batch.start_first && batch.replicas.contains(&slot.number));
    let mut ports = BTreeMap::new();
    for port in proxied {
        let reuse = slot
            .old
            .as_ref()
            .filter(|_| !start_first)
            .and_then(|old| old.ports.get(port).copied());
        let host_port = book.allocate(&service.name, &slot.host, slot.number, *port, reuse)?;
        ports.insert(*port, host_port);
    }
    Ok(ports)
}
