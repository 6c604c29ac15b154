//! What a plan says about each service: images, placement, replicas, reasons (spec §14.1).

use std::collections::BTreeMap;

use indexmap::IndexMap;

use super::converge::Removed;
use super::current::{Current, Standing};
use super::diff::{self, Slot};
use super::fleet::Fleet;
use super::goal::Goal;
use super::work::Work;
use super::{ReplicaAction, ReplicaPlan, ServicePlan};
use crate::model::{Digest, HostName, ImageState, ReleaseId, ServiceName};

/// Per service: what changes and why. Removed services come last.
pub(super) fn services(
    works: &[Work<'_>],
    goal: &Goal,
    current: &Current<'_>,
    fleet: &Fleet<'_>,
    removed: &[Removed<'_>],
    serving: Option<ReleaseId>,
) -> IndexMap<ServiceName, ServicePlan> {
    let mut plans = IndexMap::new();
    for work in works {
        let (image, pending, why) = match &work.wanted.image {
            ImageState::Known(image) => (image.reference.clone(), false, None),
            ImageState::Unpublished(image) => (
                image.reference.clone(),
                true,
                Some("push: it is not in the registry yet".to_owned()),
            ),
            ImageState::Pending {
                reference,
                build,
                reason,
                ..
            } => {
                let verb = if *build { "build" } else { "pull" };
                (reference.clone(), true, Some(format!("{verb}: {reason}")))
            }
        };
        let mut after: BTreeMap<HostName, u32> = BTreeMap::new();
        for host in work.numbers.values() {
            *after.entry(host.clone()).or_default() += 1;
        }
        let reasons = match why {
            Some(why) => vec![why],
            None => diff::reasons(&work.slots, serving),
        };
        plans.insert(
            work.name().clone(),
            ServicePlan {
                current: deployed(current, work.name()),
                desired: work.image().map(|image| image.manifest.digest.clone()),
                pending,
                image,
                placement_before: current.counts(work.name(), fleet),
                placement_after: after,
                replicas: work.slots.iter().map(|slot| replica(work, slot)).collect(),
                reasons,
            },
        );
    }
    for one in removed {
        let why = match goal.restored {
            Some(release) => format!("not part of {release}"),
            None => "no longer in the Compose file".to_owned(),
        };
        let containers = one.containers.iter().copied();
        plans.insert(
            one.name.clone(),
            gone(one.name, containers, current, fleet, why),
        );
    }
    plans
}

/// A service of which nothing stays.
pub(super) fn gone<'c>(
    name: &ServiceName,
    containers: impl Iterator<Item = &'c Standing>,
    current: &Current<'_>,
    fleet: &Fleet<'_>,
    why: String,
) -> ServicePlan {
    let replicas = containers.map(|container| ReplicaPlan {
        number: container.number,
        host: container.host.clone(),
        action: ReplicaAction::Remove,
        ports: container.ports.clone(),
        reason: None,
    });
    let recorded = current.recorded(name);
    ServicePlan {
        current: deployed(current, name),
        desired: None,
        pending: false,
        image: recorded.map_or_else(String::new, |one| one.image.reference.clone()),
        placement_before: current.counts(name, fleet),
        placement_after: BTreeMap::new(),
        replicas: replicas.collect(),
        reasons: vec![why],
    }
}

/// The image a service has now: of the release that serves, else of what runs.
fn deployed(current: &Current<'_>, name: &ServiceName) -> Option<Digest> {
    let recorded = current.recorded(name);
    recorded
        .map(|recorded| recorded.image.manifest.digest.clone())
        .or_else(|| {
            let mut slots = current.slots(name)?.values().flatten();
            slots.find_map(|one| one.image.clone())
        })
}

fn replica(work: &Work<'_>, slot: &Slot) -> ReplicaPlan {
    let ports = if slot.action == ReplicaAction::Remove {
        slot.old.as_ref().map(|old| &old.ports)
    } else {
        work.replicas.get(&slot.number).map(|one| &one.ports)
    };
    ReplicaPlan {
        number: slot.number,
        host: slot.host.clone(),
        action: slot.action,
        ports: ports.cloned().unwrap_or_default(),
        reason: slot.reason.clone(),
    }
}
