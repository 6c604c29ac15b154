//! What runs now, sorted by service, replica number and host.

use std::collections::BTreeMap;

use super::fleet::Fleet;
use crate::model::{
    ContainerObserved, Digest, HostName, Observed, Release, ReleaseId, ReleaseService, RunState,
    ServiceName,
};

/// A container of this project that exists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Standing {
    pub host: HostName,
    pub number: u32,
    pub id: String,
    pub name: String,
    pub state: RunState,
    pub healthy: Option<bool>,
    pub image: Option<Digest>,
    pub config: Option<Digest>,
    /// Exited with 0.
    pub completed: bool,
    /// Part of the release that serves; others were left by a run that did not finish.
    pub committed: bool,
    /// Container port → host port of the ports webpods allocated.
    pub ports: BTreeMap<u16, u16>,
    /// The release whose number its label carries.
    pub release: ReleaseId,
    /// The containers whose namespaces or volumes it uses, as its label says.
    pub shares: String,
}

impl Standing {
    /// Whether it may have requests: anything the engine has not stopped.
    pub fn is_live(&self) -> bool {
        self.state != RunState::Stopped
    }
}

/// Containers of each service by (number, host), the one that serves first.
pub(super) type Slots = BTreeMap<(u32, HostName), Vec<Standing>>;

/// Everything that exists on the hosts that take part.
pub(super) struct Current<'a> {
    pub services: BTreeMap<ServiceName, Slots>,
    /// The release that serves.
    pub active: Option<&'a Release>,
}

impl<'a> Current<'a> {
    pub fn of(fleet: &Fleet<'_>, observed: &'a Observed) -> Self {
        let active = observed
            .state
            .as_ref()
            .and_then(|state| state.active_release());
        let mut services: BTreeMap<ServiceName, Slots> = BTreeMap::new();
        for member in &fleet.members {
            for container in &member.observed.containers {
                let recorded = active.and_then(|release| release.services.get(&container.service));
                let standing = standing(member.name(), container, recorded);
                services
                    .entry(container.service.clone())
                    .or_default()
                    .entry((container.replica, member.name().clone()))
                    .or_default()
                    .push(standing);
            }
        }
        for slot in services.values_mut().flat_map(BTreeMap::values_mut) {
            // The one that serves: live before stopped, recorded before unfinished, then newest.
            slot.sort_by_key(|one| {
                (
                    !one.is_live(),
                    !one.committed,
                    std::cmp::Reverse(one.release),
                    one.id.clone(),
                )
            });
        }
        Self { services, active }
    }

    pub fn slots(&self, service: &ServiceName) -> Option<&Slots> {
        self.services.get(service)
    }

    pub fn recorded(&self, service: &ServiceName) -> Option<&'a ReleaseService> {
        self.active?.services.get(service)
    }

    /// Replicas by host: what the release that serves recorded, and what runs beyond it.
    pub fn counts(&self, service: &ServiceName, fleet: &Fleet<'_>) -> BTreeMap<HostName, u32> {
        let mut numbers = self.numbers(service, fleet);
        numbers.retain(|_, numbers| !numbers.is_empty());
        numbers
            .into_iter()
            .map(|(host, numbers)| (host, u32::try_from(numbers.len()).unwrap_or(u32::MAX)))
            .collect()
    }

    /// Replica numbers by host, each number once: recorded ones, then what else is live.
    pub fn numbers(
        &self,
        service: &ServiceName,
        fleet: &Fleet<'_>,
    ) -> BTreeMap<HostName, Vec<u32>> {
        let mut numbers: BTreeMap<HostName, Vec<u32>> = BTreeMap::new();
        let mut seen = std::collections::BTreeSet::new();
        let recorded = self.recorded(service).map(|one| one.replicas.as_slice());
        for replica in recorded.unwrap_or_default() {
            if fleet.get(&replica.host).is_some() && seen.insert(replica.number) {
                numbers
                    .entry(replica.host.clone())
                    .or_default()
                    .push(replica.number);
            }
        }
        for host in fleet.names() {
            for ((number, at), slot) in self.slots(service).into_iter().flatten() {
                if at == host && slot.iter().any(Standing::is_live) && seen.insert(*number) {
                    numbers.entry(host.clone()).or_default().push(*number);
                }
            }
        }
        for list in numbers.values_mut() {
            list.sort_unstable();
        }
        numbers
    }

    /// The highest release number any container carries.
    pub fn highest_release(&self) -> ReleaseId {
        self.all()
            .map(|one| one.release)
            .max()
            .unwrap_or(ReleaseId(0))
    }

    fn all(&self) -> impl Iterator<Item = &Standing> {
        self.services.values().flat_map(BTreeMap::values).flatten()
    }
}

fn standing(
    host: &HostName,
    container: &ContainerObserved,
    recorded: Option<&ReleaseService>,
) -> Standing {
    let record = recorded.and_then(|service| {
        service
            .replicas
            .iter()
            .find(|replica| replica.host == *host && replica.container == container.name)
    });
    Standing {
        host: host.clone(),
        number: container.replica,
        id: container.id.clone(),
        name: container.name.clone(),
        state: container.state,
        // A check that has not spoken yet is no reason to replace a container.
        healthy: container
            .healthy
            .filter(|_| !container.status.ends_with("(health: starting)")),
        image: container.image.clone(),
        config: container.config.clone(),
        completed: container.state == RunState::Stopped
            && container.status.starts_with("Exited (0)"),
        committed: record.is_some(),
        // A container port can be published by the user too; the record knows which is ours.
        ports: record.map_or_else(|| container.ports.clone(), |replica| replica.ports.clone()),
        release: container.release,
        shares: container.shares.clone(),
    }
}
