//! Which numbers the replicas of a service have, and where (spec §3.5).

use std::collections::{BTreeMap, BTreeSet};

use super::place::Counts;
use crate::model::HostName;

/// Gives every placed replica a number: those that exist keep theirs as far as the counts allow,
/// lowest first; new ones take the lowest free numbers, hosts in the given order.
pub(super) fn number<'h>(
    counts: &Counts,
    existing: &BTreeMap<HostName, Vec<u32>>,
    order: impl Iterator<Item = &'h HostName> + Clone,
) -> BTreeMap<u32, HostName> {
    let mut numbered = BTreeMap::new();
    let mut left: Counts = counts.clone();
    for host in order.clone() {
        let Some(room) = left.get_mut(host) else {
            continue;
        };
        for number in existing.get(host).into_iter().flatten() {
            if *room == 0 {
                break;
            }
            numbered.insert(*number, host.clone());
            *room -= 1;
        }
    }
    let used: BTreeSet<u32> = numbered.keys().copied().collect();
    let mut free = (1..).filter(|number| !used.contains(number));
    for host in order {
        for _ in 0..left.get(host).copied().unwrap_or(0) {
            if let Some(number) = free.next() {
                numbered.insert(number, host.clone());
            }
        }
    }
    numbered
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hosts(names: &[&str]) -> Vec<HostName> {
        names.iter().map(|name| name.parse().unwrap()).collect()
    }

    fn counts(pairs: &[(&str, u32)]) -> Counts {
        pairs
            .iter()
            .map(|(host, count)| (host.parse().unwrap(), *count))
            .collect()
    }

    fn run(now: &[(&str, &[u32])], wanted: &[(&str, u32)]) -> Vec<(u32, String)> {
        let order = hosts(&["a", "b", "c"]);
        let existing = now
            .iter()
            .map(|(host, numbers)| (host.parse().unwrap(), numbers.to_vec()))
            .collect();
        number(&counts(wanted), &existing, order.iter())
            .into_iter()
            .map(|(number, host)| (number, host.to_string()))
            .collect()
    }

    fn want(pairs: &[(u32, &str)]) -> Vec<(u32, String)> {
        pairs.iter().map(|(n, h)| (*n, (*h).to_owned())).collect()
    }

    #[test]
    fn fresh_replicas_count_from_one_in_inventory_order() {
        assert_eq!(
            run(&[], &[("b", 1), ("a", 2)]),
            want(&[(1, "a"), (2, "a"), (3, "b")])
        );
    }

    #[test]
    fn existing_pairs_stay_and_gaps_are_filled() {
        assert_eq!(
            run(&[("a", &[1]), ("b", &[3])], &[("a", 1), ("b", 1), ("c", 1)]),
            want(&[(1, "a"), (2, "c"), (3, "b")])
        );
    }

    #[test]
    fn scaling_down_keeps_the_lowest_numbers_of_each_host() {
        assert_eq!(
            run(&[("a", &[1, 3]), ("b", &[2, 4])], &[("a", 1), ("b", 1)]),
            want(&[(1, "a"), (2, "b")])
        );
    }

    #[test]
    fn a_moved_replica_keeps_its_number_when_it_is_the_lowest_free() {
        assert_eq!(
            run(&[("a", &[1]), ("b", &[2])], &[("a", 1), ("c", 1)]),
            want(&[(1, "a"), (2, "c")])
        );
    }
}
