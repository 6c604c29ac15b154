//! The hosts that take part, with what was observed on them.

use std::collections::BTreeMap;

use super::PlannedHost;
use crate::error::{Error, Result};
use crate::model::{Context, Host, HostName, HostObserved, Observed};

/// A host and its observation.
#[derive(Clone, Copy)]
pub(super) struct Member<'a> {
    pub host: &'a Host,
    pub observed: &'a HostObserved,
}

impl<'a> Member<'a> {
    pub fn name(&self) -> &'a HostName {
        &self.host.name
    }
}

/// Hosts that take part, in inventory order.
pub(super) struct Fleet<'a> {
    pub members: Vec<Member<'a>>,
    /// Hosts of the context that `--hosts` leaves out.
    pub left_out: Vec<&'a HostName>,
    index: BTreeMap<&'a HostName, usize>,
}

impl<'a> Fleet<'a> {
    /// All hosts of `context`, or those named in `only`.
    ///
    /// # Errors
    /// The context has no hosts, `only` names one that is not in it, or one was not observed.
    pub fn select(context: &'a Context, observed: &'a Observed, only: &[HostName]) -> Result<Self> {
        if context.hosts.is_empty() {
            return Err(
                Error::user(format!("context `{}` has no hosts", context.name)).hint(format!(
                    "list at least one under `hosts:` in `.webpods/contexts/{}.yml`",
                    context.name
                )),
            );
        }
        for name in only {
            if context.host(name).is_none() {
                return Err(context.unknown_host(name.as_str()));
            }
        }
        let mut fleet = Self {
            members: Vec::new(),
            left_out: Vec::new(),
            index: BTreeMap::new(),
        };
        for host in &context.hosts {
            if !only.is_empty() && !only.contains(&host.name) {
                fleet.left_out.push(&host.name);
                continue;
            }
            let seen = observed.hosts.get(&host.name).ok_or_else(|| {
                Error::user(format!(
                    "host `{}` takes part but was not observed, so nothing can be planned for it",
                    host.name
                ))
            })?;
            fleet.index.insert(&host.name, fleet.members.len());
            fleet.members.push(Member {
                host,
                observed: seen,
            });
        }
        Ok(fleet)
    }

    pub fn get(&self, name: &HostName) -> Option<&Member<'a>> {
        self.index.get(name).map(|at| &self.members[*at])
    }

    pub fn names(&self) -> impl Iterator<Item = &'a HostName> + Clone {
        self.members.iter().map(Member::name)
    }

    pub fn planned(&self) -> Vec<PlannedHost> {
        self.members
            .iter()
            .map(|member| PlannedHost {
                name: member.name().clone(),
                platform: member.observed.platform.clone(),
            })
            .collect()
    }
}

/// `a`, `b` and `c`, in backticks.
pub(super) fn list<T: AsRef<str>>(names: impl IntoIterator<Item = T>) -> String {
    let quoted: Vec<String> = names
        .into_iter()
        .map(|name| format!("`{}`", name.as_ref()))
        .collect();
    match quoted.as_slice() {
        [] => "none".to_owned(),
        [one] => one.clone(),
        [most @ .., last] => format!("{} and {last}", most.join(", ")),
    }
}
