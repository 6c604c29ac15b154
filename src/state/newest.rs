//! Which of the copies on hosts counts (spec §20.2). Pure.

use serde_json::Value;

use crate::error::{Error, Result};
use crate::model::{HostName, ProjectState, StackKey};

use super::site::one_line;

/// The format this version reads and writes.
const VERSION: u64 = 1;

/// What one host holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Copy {
    /// The host.
    pub host: HostName,
    /// Where on the host.
    pub path: String,
    /// The file's bytes; none: no file.
    pub bytes: Option<Vec<u8>>,
}

/// The state that counts, and what is wrong with other copies.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Found {
    /// The newest state; none: never deployed.
    pub state: Option<ProjectState>,
    /// Hosts that hold something else, or nothing while others do.
    pub stale: Vec<HostName>,
    /// Copies that cannot be read, one line each.
    pub warnings: Vec<String>,
}

/// Picks the copy with the highest serial; among equals the first in inventory order.
///
/// # Errors
/// A copy in a format of a newer webpods; copies exist and none can be read.
pub fn newest(key: &StackKey, copies: &[Copy]) -> Result<Found> {
    let mut good: Vec<(&HostName, ProjectState)> = Vec::new();
    let mut bad = Vec::new();
    for copy in copies {
        let Some(bytes) = &copy.bytes else { continue };
        match parse(key, bytes) {
            Ok(state) => good.push((&copy.host, state)),
            Err(Unusable::Newer(version)) => {
                return Err(Error::user(format!(
                    "host `{}` has the state of `{key}` in format {version}; this webpods knows \
                     format {VERSION} only",
                    copy.host
                ))
                .hint("update webpods to the version that wrote it"));
            }
            Err(Unusable::Broken(reason)) => bad.push((copy, reason)),
        }
    }
    // The first of equals wins: `max_by_key` alone would take the last.
    let state = good
        .iter()
        .rev()
        .max_by_key(|(_, state)| state.serial)
        .map(|(_, state)| state.clone());
    let Some(state) = state else {
        return refuse_all_bad(key, &bad);
    };
    let differs = |copy: &&Copy| {
        !good
            .iter()
            .any(|(host, other)| **host == copy.host && *other == state)
    };
    Ok(Found {
        stale: copies
            .iter()
            .filter(differs)
            .map(|copy| copy.host.clone())
            .collect(),
        warnings: bad
            .iter()
            .map(|(copy, reason)| {
                format!(
                    "`{}` on host `{}` is not a state of webpods ({reason}); another host's copy \
                     is used and the next release replaces it",
                    copy.path, copy.host
                )
            })
            .collect(),
        state: Some(state),
    })
}

fn refuse_all_bad(key: &StackKey, bad: &[(&Copy, String)]) -> Result<Found> {
    let Some((first, _)) = bad.first() else {
        return Ok(Found::default());
    };
    let error = Error::user(format!("no host has a readable state of `{key}`"));
    let error = bad.iter().fold(error, |error, (copy, reason)| {
        error.cause(format!("`{}` on host `{}`: {reason}", copy.path, copy.host))
    });
    Err(error.hint(format!(
        "restore the file from a backup, or move it away (`mv {0} {0}.broken` on the host) and run \
         `webpods up`: running containers are found by their labels, old releases are forgotten",
        first.path
    )))
}

enum Unusable {
    Newer(u64),
    Broken(String),
}

fn parse(key: &StackKey, bytes: &[u8]) -> std::result::Result<ProjectState, Unusable> {
    let broken = |reason: String| Unusable::Broken(one_line(&reason));
    // The version first: another format need not decode as this one.
    let tree: Value = serde_json::from_slice(bytes).map_err(|e| broken(e.to_string()))?;
    match tree.get("version").and_then(Value::as_u64) {
        Some(VERSION) => {}
        Some(newer) if newer > VERSION => return Err(Unusable::Newer(newer)),
        _ => return Err(broken("it has no `version`".to_owned())),
    }
    let state: ProjectState = serde_json::from_value(tree).map_err(|e| broken(e.to_string()))?;
    if state.key == *key {
        Ok(state)
    } else {
        Err(broken(format!("it belongs to `{}`", state.key)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Kind;
    use crate::model::fixtures::key;

    fn state(serial: u64) -> ProjectState {
        ProjectState {
            serial,
            ..ProjectState::empty(key("shop"))
        }
    }

    fn copy(host: &str, text: Option<&str>) -> Copy {
        Copy {
            host: host.parse().unwrap(),
            path: "/s/lab/shop/state.json".to_owned(),
            bytes: text.map(|text| text.as_bytes().to_vec()),
        }
    }

    fn json(state: &ProjectState) -> String {
        serde_json::to_string_pretty(state).unwrap()
    }

    fn names(hosts: &[HostName]) -> Vec<&str> {
        hosts.iter().map(HostName::as_str).collect()
    }

    #[test]
    fn nothing_anywhere_is_a_project_never_deployed() {
        let found = newest(&key("shop"), &[copy("a", None), copy("b", None)]).unwrap();
        assert_eq!(found, Found::default());
    }

    #[test]
    fn the_highest_serial_wins_and_all_others_are_stale() {
        let (old, new) = (json(&state(4)), json(&state(5)));
        let copies = [
            copy("a", Some(&old)),
            copy("b", Some(&new)),
            copy("c", None),
            copy("d", Some(&new)),
        ];
        let found = newest(&key("shop"), &copies).unwrap();
        assert_eq!(found.state.map(|state| state.serial), Some(5));
        assert_eq!(names(&found.stale), ["a", "c"]);
        assert!(found.warnings.is_empty());
    }

    #[test]
    fn among_equal_serials_the_first_in_inventory_order_wins() {
        let mut other = state(5);
        other.last = crate::model::ReleaseId(9);
        let copies = [
            copy("a", Some(&json(&state(5)))),
            copy("b", Some(&json(&other))),
        ];
        let found = newest(&key("shop"), &copies).unwrap();
        assert_eq!(found.state, Some(state(5)));
        assert_eq!(names(&found.stale), ["b"]);
    }

    #[test]
    fn a_good_copy_stands_in_for_a_broken_one() {
        let good = json(&state(2));
        for broken in ["", "{", "[]", "\u{0}\u{1b}[2J", &good[..good.len() / 2]] {
            let copies = [copy("a", Some(broken)), copy("b", Some(&good))];
            let found = newest(&key("shop"), &copies).unwrap();
            assert_eq!(found.state, Some(state(2)), "{broken:?}");
            assert_eq!(names(&found.stale), ["a"]);
            assert!(found.warnings[0].contains("host `a`"));
            assert!(!found.warnings[0].contains('\u{1b}'));
        }
    }

    #[test]
    fn only_broken_copies_are_an_error_that_names_them() {
        let error = newest(&key("shop"), &[copy("a", Some("{}")), copy("b", None)]).unwrap_err();
        let text = error.to_string();
        assert!(text.contains("host `a`") && text.contains("/s/lab/shop/state.json"));
        assert!(error.hints()[0].contains("webpods up"));
        assert_eq!(error.kind(), Kind::User);
    }

    #[test]
    fn another_projects_state_in_our_folder_is_broken() {
        let mut other = state(3);
        other.key.project = "other".parse().unwrap();
        let error = newest(&key("shop"), &[copy("a", Some(&json(&other)))]).unwrap_err();
        assert!(error.to_string().contains("it belongs to `lab/other`"));
    }

    #[test]
    fn a_newer_format_is_refused_even_when_others_are_readable() {
        let good = json(&state(2));
        let copies = [
            copy("a", Some(&good)),
            copy("b", Some("{\"version\": 2, \"new\": true}")),
        ];
        let error = newest(&key("shop"), &copies).unwrap_err();
        assert!(error.to_string().contains("format 2"), "{error}");
    }
}
