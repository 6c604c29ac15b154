//! Batches of services whose containers come and go together: one order for a service and those that
//! live in its namespaces.

use std::collections::BTreeMap;

use super::diff::Coming;
use super::order::units;
use super::rollout::{self, StopFirst};
use super::work::Work;
use super::{Batch, Change, Policy};
use crate::error::Result;
use crate::model::{ServiceName, Shared};

/// What `order` decides for one service.
struct Ordered {
    batches: Vec<Batch>,
    stop_first: Option<StopFirst>,
}

/// Orders the changes of every service (spec §13.4).
///
/// Replicas that live with another one go by its number, so that they are in its batch. Such a unit
/// starts before it stops only when every one of its members that changes can.
///
/// # Errors
/// As [`rollout::order`].
pub(super) fn order(policy: &dyn Policy, works: &mut [Work<'_>]) -> Result<()> {
    let units = units(works.iter().map(|work| &work.wanted.service));
    let mut ordered: BTreeMap<&ServiceName, Ordered> = BTreeMap::new();
    for root in works.iter() {
        let name = root.name();
        if units.get(name) != Some(&name) {
            continue;
        }
        let members = works
            .iter()
            .filter(|work| units.get(work.name()) == Some(&name));
        ordered.extend(unit(policy, works, root, &members.collect::<Vec<_>>())?);
    }
    for work in works {
        if let Some(one) = ordered.remove(work.name()) {
            work.batches = one.batches;
            work.stop_first = one.stop_first;
        }
    }
    Ok(())
}

fn unit<'w>(
    policy: &dyn Policy,
    works: &[Work<'w>],
    root: &Work<'w>,
    members: &[&Work<'w>],
) -> Result<Vec<(&'w ServiceName, Ordered)>> {
    let mut changes: BTreeMap<u32, Change> = BTreeMap::new();
    let mut start_first = true;
    let mut reasons = Vec::new();
    for work in members {
        let slots = work.slots.iter();
        let own = rollout::changes(slots.map(|slot| (key(works, work, slot.number), slot)));
        let why = work.stop_first.clone().or_else(|| in_the_way(work));
        start_first &= own.is_empty() || why.is_none();
        reasons.push(why);
        for (key, change) in own {
            let whole = changes.entry(key).or_insert_with(|| change.clone());
            whole.start |= change.start;
            whole.stop |= change.stop;
        }
    }
    let batches = rollout::order(policy, &root.wanted.service, changes, start_first)?;
    let ordered = members.iter().zip(reasons).map(|(work, stop_first)| {
        let part = |batch: &Batch| {
            let slots = work.slots.iter().filter(|slot| {
                slot.changes() && batch.replicas.contains(&key(works, work, slot.number))
            });
            let mut replicas: Vec<u32> = slots.map(|slot| slot.number).collect();
            replicas.dedup();
            Batch {
                replicas,
                start_first: batch.start_first,
            }
        };
        let ordered = Ordered {
            batches: batches.iter().map(part).collect(),
            stop_first,
        };
        (work.name(), ordered)
    });
    Ok(ordered.collect())
}

/// The number of the replica that this one lives with, or its own.
fn key(works: &[Work<'_>], work: &Work<'_>, number: u32) -> u32 {
    let lender = work.wanted.service.shares().into_iter().next();
    let lender = lender.and_then(|share| works.iter().find(|other| *other.name() == share.of));
    match (lender, work.partners.get(&number)) {
        (Some(lender), Some(partner)) => key(works, lender, *partner),
        _ => number,
    }
}

/// Two containers in one network cannot listen on one port: while the container whose network it
/// is stays, the old one has to go first.
fn in_the_way(work: &Work<'_>) -> Option<StopFirst> {
    let slots = work.slots.iter();
    let mut replaced = slots
        .filter(|slot| slot.old.is_some() && matches!(slot.new, Some(Coming::Fresh)))
        .flat_map(|slot| work.borrowed.get(&slot.number).into_iter().flatten());
    let stays = replaced.find(|one| one.what == Shared::Network && !one.fresh)?;
    Some(StopFirst::Network(stays.of.to_string()))
}
