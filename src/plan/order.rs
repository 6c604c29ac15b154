//! Services after those they depend on (spec §8.1): levels whose services may change together.

use std::collections::BTreeMap;

use indexmap::IndexMap;

use super::fleet::list;
use crate::error::{Error, Result};
use crate::model::{Service, ServiceName};

/// The level of each service: 0 for those that depend on none of the others, else one more than
/// the highest of what it depends on.
///
/// # Errors
/// Services depend on each other in a circle.
pub(super) fn levels<'s>(
    services: impl Iterator<Item = &'s Service>,
) -> Result<BTreeMap<&'s ServiceName, usize>> {
    let services: Vec<&Service> = services.collect();
    levels_with(&services, &[])
}

/// As [`levels`], and each service of `after` besides after the one it is paired with, as long as
/// that makes no circle.
///
/// # Errors
/// As [`levels`].
pub(super) fn levels_after<'s>(
    services: impl Iterator<Item = &'s Service>,
    after: &[(ServiceName, ServiceName)],
) -> Result<BTreeMap<&'s ServiceName, usize>> {
    let services: Vec<&Service> = services.collect();
    levels_with(&services, after).or_else(|_| levels_with(&services, &[]))
}

fn levels_with<'s>(
    services: &[&'s Service],
    after: &[(ServiceName, ServiceName)],
) -> Result<BTreeMap<&'s ServiceName, usize>> {
    let services: IndexMap<&ServiceName, &Service> = services
        .iter()
        .map(|service| (&service.name, *service))
        .collect();
    let mut levels: BTreeMap<&ServiceName, usize> = BTreeMap::new();
    while levels.len() < services.len() {
        let before = levels.len();
        for (name, service) in &services {
            if levels.contains_key(name) {
                continue;
            }
            let besides = after.iter().filter(|(one, _)| one == *name);
            let mut of = service
                .depends_on
                .keys()
                .chain(besides.map(|(_, on)| on))
                .filter(|on| services.contains_key(on))
                .map(|on| levels.get(on).copied());
            let level = of.try_fold(0, |level, on| Some(level.max(on? + 1)));
            if let Some(level) = level {
                levels.insert(name, level);
            }
        }
        if levels.len() == before {
            let circle = services.keys().filter(|name| !levels.contains_key(*name));
            return Err(
                Error::user(format!("{} depend on each other in a circle", list(circle)))
                    .hint("drop one of their `depends_on`"),
            );
        }
    }
    Ok(levels)
}
