//! Host ports of proxied replicas (spec §10): a block of 100 per (context, project, service),
//! found by hash, next free port within it, remembered in the state.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;

use super::current::Current;
use super::fleet::Fleet;
use crate::error::{Error, Result};
use crate::model::{
    Context, Digest, HostName, PortTable, Ports, ProjectState, ServiceName, StackKey,
};

/// Ports per block (spec §10.2).
const BLOCK: u16 = 100;

/// What is known about host ports while a plan is made.
pub(super) struct PortBook<'a> {
    key: StackKey,
    range: Ports,
    table: Option<&'a PortTable>,
    /// Ports held by others: other programs, other projects.
    foreign: BTreeMap<&'a HostName, BTreeSet<u16>>,
    /// Ports of this project: containers that exist, and what this plan gave out.
    own: BTreeMap<&'a HostName, BTreeSet<u16>>,
}

impl<'a> PortBook<'a> {
    /// # Errors
    /// The context's port range is empty.
    pub fn open(
        context: &Context,
        key: &StackKey,
        fleet: &Fleet<'a>,
        state: Option<&'a ProjectState>,
        current: &Current<'_>,
    ) -> Result<Self> {
        let range = context.ports;
        if range.first == 0 || range.first > range.last {
            return Err(Error::user(format!(
                "the port range {}-{} of context `{}` holds no ports",
                range.first, range.last, context.name
            ))
            .hint("set `ports.range`, for example to `20000-31999`"));
        }
        let mut book = Self {
            key: key.clone(),
            range,
            table: state.map(|state| &state.ports),
            foreign: BTreeMap::new(),
            own: BTreeMap::new(),
        };
        for member in &fleet.members {
            let mut foreign = member.observed.taken_ports.clone();
            for claim in &member.observed.claims {
                if claim.owner != *key {
                    foreign.extend(&claim.ports);
                }
            }
            let own = member.observed.containers.iter();
            let mut own: BTreeSet<u16> = own.flat_map(|one| one.ports.values().copied()).collect();
            // A stopped container publishes nothing, but undoing may start it again.
            for slots in current.services.values() {
                for one in slots.values().flatten() {
                    if one.host == *member.name() {
                        own.extend(one.ports.values());
                    }
                }
            }
            book.foreign.insert(member.name(), foreign);
            book.own.insert(member.name(), own);
        }
        Ok(book)
    }

    /// Marks a port the user publishes, so that none of ours is put there.
    pub fn reserve(&mut self, host: &HostName, port: u16) {
        if let Some(own) = self.own.get_mut(host) {
            own.insert(port);
        }
    }

    /// Whether something that is not of this project holds the port.
    pub fn is_foreign(&self, host: &HostName, port: u16) -> bool {
        self.foreign
            .get(host)
            .is_some_and(|foreign| foreign.contains(&port))
    }

    /// A host port for one container port of one replica.
    ///
    /// `reuse` is the port of the container that stops before this one starts. Else the port the
    /// state remembers is taken when it is free, else the next free one of the block.
    ///
    /// # Errors
    /// Every port of the block is taken (spec §10.3).
    pub fn allocate(
        &mut self,
        service: &ServiceName,
        host: &HostName,
        replica: u32,
        container_port: u16,
        reuse: Option<u16>,
    ) -> Result<u16> {
        let block = block(self.range, &self.key, service);
        let empty = BTreeSet::new();
        let foreign = self.foreign.get(host).unwrap_or(&empty);
        let own = self.own.get(host).unwrap_or(&empty);
        let remembered = self
            .table
            .and_then(|table| {
                table
                    .get(service)?
                    .get(host)?
                    .get(&replica)?
                    .get(&container_port)
            })
            .copied()
            .filter(|port| (self.range.first..=self.range.last).contains(port));
        let port = reuse
            .filter(|port| !foreign.contains(port))
            .or_else(|| remembered.filter(|port| !foreign.contains(port) && !own.contains(port)))
            .or_else(|| {
                block
                    .clone()
                    .find(|port| !foreign.contains(port) && !own.contains(port))
            });
        let Some(port) = port else {
            return Err(Error::user(format!(
                "no host port is left for service `{service}` on host `{host}`: all of {}-{}, its \
                 block, are taken",
                block.start(),
                block.end()
            ))
            .hint(format!(
                "remove what holds them, run fewer replicas there, or move `ports.range` of \
                 context `{}`",
                self.key.context
            )));
        };
        self.reserve(host, port);
        Ok(port)
    }
}

/// The block of a service: the same on every host, whatever else runs there (spec §10.2).
pub(super) fn block(range: Ports, key: &StackKey, service: &ServiceName) -> RangeInclusive<u16> {
    let blocks = u64::from((range.last - range.first).saturating_add(1) / BLOCK).max(1);
    // `/` is in no name, so different services never hash the same text.
    let digest = Digest::of(format!("{}/{}/{service}", key.context, key.project).as_bytes());
    let hash = u64::from_str_radix(&digest.hex()[..16], 16).unwrap_or(0);
    let index = u16::try_from(hash % blocks).unwrap_or(0);
    let first = range.first + index * BLOCK;
    first..=first.saturating_add(BLOCK - 1).min(range.last)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::fixtures::key;

    #[test]
    fn blocks_start_at_hundreds_and_stay_in_the_range() {
        let range = Ports::default();
        for n in 0..500 {
            let service = format!("s{n}").parse().unwrap();
            let block = block(range, &key("shop"), &service);
            assert_eq!(block.start() % 100, 0);
            assert_eq!(block.clone().count(), 100);
            assert!(*block.start() >= range.first && *block.end() <= range.last);
        }
    }

    #[test]
    fn blocks_differ_by_context_project_and_service() {
        let range = Ports::default();
        let of = |project: &str, service: &str| {
            *block(range, &key(project), &service.parse().unwrap()).start()
        };
        assert_ne!(of("shop", "web"), of("shop", "users"));
        assert_ne!(of("shop", "web"), of("blog", "web"));
        assert_eq!(of("shop", "web"), of("shop", "web"));
    }

    #[test]
    fn a_range_smaller_than_a_block_is_one_block() {
        let range = Ports {
            first: 65_500,
            last: 65_535,
        };
        let service = "web".parse().unwrap();
        assert_eq!(block(range, &key("shop"), &service), 65_500..=65_535);
        let one = Ports { first: 1, last: 1 };
        assert_eq!(block(one, &key("shop"), &service), 1..=1);
        let all = Ports {
            first: 1,
            last: u16::MAX,
        };
        assert_eq!(block(all, &key("shop"), &service).count(), 100);
    }
}
