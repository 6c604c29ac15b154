//! Services after those they depend on (spec §8.1): levels whose services may change together, and
//! within a level the turns of services that live in one another's containers.

use std::collections::{BTreeMap, BTreeSet};

use indexmap::IndexMap;

use super::fleet::list;
use crate::error::{Error, Result};
use crate::model::{Service, ServiceName};

/// When a service has its turn.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Turn {
    /// 0 for services that depend on none of the others, else one more than the highest of what
    /// they depend on. Services that share namespaces or volumes have one level: their containers
    /// come and go together.
    pub level: usize,
    /// Within the level: 0 for those that lend, more for those that borrow.
    pub rank: usize,
}

pub(super) type Turns<'s> = BTreeMap<&'s ServiceName, Turn>;

/// The turn of each service.
///
/// # Errors
/// Services depend on each other in a circle.
pub(super) fn turns<'s>(services: impl Iterator<Item = &'s Service>) -> Result<Turns<'s>> {
    let services: Vec<&Service> = services.collect();
    turns_with(&services, &[])
}

/// As [`turns`], and each service of `after` besides after the one it is paired with, as long as
/// that makes no circle.
///
/// # Errors
/// As [`turns`].
pub(super) fn turns_after<'s>(
    services: impl Iterator<Item = &'s Service>,
    after: &[(ServiceName, ServiceName)],
) -> Result<Turns<'s>> {
    let services: Vec<&Service> = services.collect();
    turns_with(&services, after).or_else(|_| turns_with(&services, &[]))
}

/// For each service the first one of those that its containers live and die with; itself when
/// there is none.
pub(super) fn units<'s>(
    services: impl Iterator<Item = &'s Service>,
) -> BTreeMap<&'s ServiceName, &'s ServiceName> {
    let services: IndexMap<&ServiceName, &Service> =
        services.map(|service| (&service.name, service)).collect();
    let mut unit: BTreeMap<&ServiceName, &ServiceName> =
        services.keys().map(|name| (*name, *name)).collect();
    for service in services.values() {
        for share in service.shares() {
            let Some((of, _)) = services.get_key_value(&share.of) else {
                continue;
            };
            // Who lends goes first, so that a unit is named after it.
            let (Some(keep), Some(join)) =
                (unit.get(of).copied(), unit.get(&service.name).copied())
            else {
                continue;
            };
            for of in unit.values_mut().filter(|of| **of == join) {
                *of = keep;
            }
        }
    }
    unit
}

fn turns_with<'s>(
    services: &[&'s Service],
    after: &[(ServiceName, ServiceName)],
) -> Result<Turns<'s>> {
    let services: IndexMap<&ServiceName, &Service> = services
        .iter()
        .map(|service| (&service.name, *service))
        .collect();
    let units = units(services.values().copied());
    // What each service waits for, among the others.
    let before: BTreeMap<&ServiceName, BTreeSet<&ServiceName>> = services
        .iter()
        .map(|(name, service)| {
            let shares = service.shares().into_iter().map(|share| share.of);
            let names: BTreeSet<ServiceName> = service
                .depends_on
                .keys()
                .cloned()
                .chain(shares)
                .chain(
                    after
                        .iter()
                        .filter(|(one, _)| one == *name)
                        .map(|(_, on)| on.clone()),
                )
                .collect();
            let known = names
                .iter()
                .filter_map(|on| services.get_key_value(on).map(|(known, _)| *known));
            (*name, known.collect())
        })
        .collect();
    let same = |a: &ServiceName, b: &ServiceName| units.get(a) == units.get(b);
    let level = settle(&before, &|name| {
        let members = before.iter().filter(|(one, _)| same(one, name));
        members
            .flat_map(|(_, on)| on)
            .filter(|on| !same(on, name))
            .copied()
            .collect()
    })?;
    let rank = settle(&before, &|name| {
        let on = before.get(name).into_iter().flatten();
        on.filter(|on| same(on, name)).copied().collect()
    })?;
    Ok(level
        .into_iter()
        .filter_map(|(name, level)| {
            let rank = *rank.get(name)?;
            Some((name, Turn { level, rank }))
        })
        .collect())
}

/// One more than the highest of what each waits for.
fn settle<'s>(
    names: &BTreeMap<&'s ServiceName, BTreeSet<&'s ServiceName>>,
    waits: &dyn Fn(&ServiceName) -> BTreeSet<&'s ServiceName>,
) -> Result<BTreeMap<&'s ServiceName, usize>> {
    let waits: BTreeMap<&ServiceName, BTreeSet<&ServiceName>> =
        names.keys().map(|name| (*name, waits(name))).collect();
    let mut settled: BTreeMap<&ServiceName, usize> = BTreeMap::new();
    while settled.len() < names.len() {
        let before = settled.len();
        for (name, waits) in &waits {
            if settled.contains_key(name) {
                continue;
            }
            let mut of = waits.iter().map(|on| settled.get(on).copied());
            let highest = of.try_fold(0, |highest, on| Some(highest.max(on? + 1)));
            if let Some(highest) = highest {
                settled.insert(name, highest);
            }
        }
        if settled.len() == before {
            let circle = names.keys().filter(|name| !settled.contains_key(*name));
            return Err(Error::user(format!(
                "{} depend on each other in a circle",
                list(circle)
            ))
            .hint(
                "drop one of their `depends_on`; services that share a namespace or volumes count \
                 as one",
            ));
        }
    }
    Ok(settled)
}
