//! Which blobs a host gets from another host of its group, not from this machine (`--fanout`).

use std::collections::{BTreeMap, BTreeSet};

use super::ImagePlan;
use super::fleet::{Fleet, Member};
use super::inputs::Inputs;
use crate::model::{Digest, HostName};

/// Which hosts reach each other better than this machine reaches them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Group<'a> {
    /// All hosts.
    All,
    /// Those with the same value of the label.
    Labelled(&'a str),
}

/// A host that may pass blobs on.
struct Candidate<'a> {
    name: &'a HostName,
    group: Group<'a>,
    /// In its cache, or in its engine so that it will be there.
    there: BTreeSet<Digest>,
    lacks: BTreeMap<Digest, u64>,
}

impl Candidate<'_> {
    /// Bytes that it lacks.
    fn lacking(&self) -> u64 {
        self.lacks.values().sum()
    }
}

/// Per host, the blobs that it gets from another one.
type Sources = BTreeMap<HostName, BTreeMap<Digest, HostName>>;

/// Writes into the shipments where blobs come from, when the context or the command line asks for
/// it.
pub(super) fn route(inputs: &Inputs<'_>, fleet: &Fleet<'_>, plans: &mut [ImagePlan]) {
    let artifacts = &inputs.context.artifacts;
    if !artifacts.fanout && !inputs.options.fanout {
        return;
    }
    let by = artifacts.fanout_by.as_deref();
    let members = fleet.members.iter();
    let candidates: Vec<Candidate<'_>> = members
        .filter_map(|member| candidate(member, by, plans))
        .collect();
    let sources = sources(&candidates);
    let shipments = plans.iter_mut().flat_map(|plan| &mut plan.shipments);
    for shipment in shipments {
        let Some(sources) = sources.get(&shipment.host) else {
            continue;
        };
        for blob in shipment.blobs.iter_mut().filter(|blob| !blob.adopted) {
            blob.from = sources.get(&blob.digest).cloned();
        }
    }
}

/// Nothing: the host gets everything from this machine, and passes nothing on. This machine's own
/// engine is one such, and so is a host without the label that makes groups.
fn candidate<'a>(
    member: &Member<'a>,
    by: Option<&str>,
    plans: &[ImagePlan],
) -> Option<Candidate<'a>> {
    let host = member.host;
    let group = match by {
        None => Group::All,
        Some(label) => Group::Labelled(host.labels.get(label)?),
    };
    if host.local {
        return None;
    }
    let shipments = plans.iter().flat_map(|plan| &plan.shipments);
    let own = shipments.filter(|shipment| shipment.host == host.name);
    let (mut there, mut lacks) = (member.observed.blobs.clone(), BTreeMap::new());
    for blob in own.flat_map(|shipment| &shipment.blobs) {
        if blob.adopted {
            there.insert(blob.digest.clone());
        } else {
            lacks.insert(blob.digest.clone(), blob.size);
        }
    }
    Some(Candidate {
        name: &host.name,
        group,
        there,
        lacks,
    })
}

/// Where the hosts, which are in inventory order, get what they lack. A blob that a host of the
/// group has comes from there; one that none has goes to one of them and from there to the others.
/// Of several, the one that lacks least is chosen, and of equals the first one of the inventory.
fn sources(candidates: &[Candidate<'_>]) -> Sources {
    let mut ranked: Vec<&Candidate<'_>> = candidates.iter().collect();
    ranked.sort_by_key(|one| one.lacking());
    let mut sources = Sources::new();
    for one in candidates {
        for digest in one.lacks.keys() {
            let group = || ranked.iter().filter(|other| other.group == one.group);
            let holder = group().find(|other| other.there.contains(digest));
            let first = || group().find(|other| other.lacks.contains_key(digest));
            if let Some(from) = holder.or_else(first).filter(|from| from.name != one.name) {
                let own = sources.entry(one.name.clone()).or_default();
                own.insert(digest.clone(), from.name.clone());
            }
        }
    }
    sources
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Hosts: name, group, what they have, what they lack.
    fn routed(hosts: &[(&str, &str, &str, &str)]) -> String {
        let digest = |one: &str| Digest::of(one.as_bytes());
        let names: Vec<HostName> = hosts.iter().map(|host| host.0.parse().unwrap()).collect();
        let candidates: Vec<Candidate<'_>> = hosts
            .iter()
            .enumerate()
            .map(|(at, host)| Candidate {
                name: &names[at],
                group: match host.1 {
                    "" => Group::All,
                    label => Group::Labelled(label),
                },
                there: host.2.split_whitespace().map(digest).collect(),
                // The size of a blob is its name's length.
                lacks: host
                    .3
                    .split_whitespace()
                    .map(|one| (digest(one), one.len() as u64))
                    .collect(),
            })
            .collect();
        let found = sources(&candidates);
        let mut lines = Vec::new();
        for host in hosts {
            let name: HostName = host.0.parse().unwrap();
            let own = found.get(&name);
            for blob in host.3.split_whitespace() {
                let from = own.and_then(|own| own.get(&digest(blob)));
                let from = from.map_or("client", |name| name.as_str());
                lines.push(format!("{blob}: {from} > {}", host.0));
            }
        }
        lines.join(", ")
    }

    #[test]
    fn one_host_gets_it_and_passes_it_on() {
        assert_eq!(
            routed(&[("a", "", "", "x"), ("b", "", "", "x"), ("c", "", "", "x")]),
            "x: client > a, x: a > b, x: a > c"
        );
        assert_eq!(routed(&[("a", "", "", "x")]), "x: client > a");
        assert_eq!(routed(&[]), "");
    }

    #[test]
    fn the_one_that_has_most_already_is_first_and_of_equals_the_first_listed() {
        assert_eq!(
            routed(&[("a", "", "", "x yyy"), ("b", "", "yyy", "x")]),
            "x: b > a, yyy: b > a, x: client > b"
        );
        assert_eq!(
            routed(&[
                ("a", "", "", "xx"),
                ("b", "", "", "yy xx"),
                ("c", "", "", "yy")
            ]),
            "xx: client > a, yy: c > b, xx: a > b, yy: client > c"
        );
    }

    #[test]
    fn what_a_host_has_never_crosses_the_uplink() {
        assert_eq!(
            routed(&[
                ("a", "", "", "x"),
                ("b", "", "x", "yyyy"),
                ("c", "", "", "x")
            ]),
            "x: b > a, yyyy: client > b, x: b > c"
        );
    }

    #[test]
    fn groups_do_not_mix() {
        assert_eq!(
            routed(&[
                ("a", "east", "", "x"),
                ("b", "west", "x", ""),
                ("c", "east", "", "x"),
                ("d", "west", "", "x"),
            ]),
            "x: client > a, x: a > c, x: b > d"
        );
    }

    #[test]
    fn hosts_that_need_different_images_pass_on_what_they_get_themselves() {
        assert_eq!(
            routed(&[
                ("a", "", "", "web"),
                ("b", "", "", "db"),
                ("c", "", "", "db web")
            ]),
            "web: client > a, db: client > b, db: b > c, web: a > c"
        );
    }
}
