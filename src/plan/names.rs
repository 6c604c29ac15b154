//! Names of containers, networks and volumes: readable, valid for the engine, and never the same
//! for two projects or contexts on one host.

use crate::error::{Error, Result};
use crate::model::{Digest, ProjectName, ReleaseId, Service, ServiceName, StackKey};

/// Names longer than this are replaced by a digest; a volume's name is a folder's name.
const LONGEST: usize = 200;

/// The container of one replica: `<context>--<project>--<service>-<replica>-r<release>`.
#[must_use]
pub fn container(
    key: &StackKey,
    service: &ServiceName,
    replica: u32,
    release: ReleaseId,
) -> String {
    scoped(key, &format!("{service}-{replica}-{release}"))
}

/// The network with this key in the Compose file, unless the user names it.
#[must_use]
pub fn network(key: &StackKey, network: &str) -> String {
    scoped(key, network)
}

/// The volume with this key in the Compose file, unless the user names it.
#[must_use]
pub fn volume(key: &StackKey, volume: &str) -> String {
    scoped(key, volume)
}

/// What Compose's own label for the project says: other tools group by it, and `docker compose`
/// run by hand in the same folder must not take the containers for its own.
#[must_use]
pub fn compose_project(key: &StackKey) -> String {
    format!("{}-{}", key.context, key.project)
}

/// The name that Docker Compose would give the container: programs and their configuration may know
/// it by that.
#[must_use]
pub fn in_compose(project: &ProjectName, service: &Service, replica: u32) -> String {
    let made = || format!("{project}-{}-{replica}", service.name);
    service.container_name.clone().unwrap_or_else(made)
}

/// Whether `name` can only be a name that this module gave to something of `key`.
#[must_use]
pub fn belongs(key: &StackKey, name: &str) -> bool {
    splits(key) && name.starts_with(&format!("{}--{}--", key.context, key.project))
}

/// A name the user wrote (`name:`, `container_name:`), when the engine would accept it.
///
/// # Errors
/// It would not; `what` and `key` say where it was written.
pub fn written<'n>(what: &str, key: &str, name: &'n str) -> Result<&'n str> {
    let valid = name.len() > 1
        && name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && name
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "_.-".contains(c));
    if valid {
        return Ok(name);
    }
    Err(Error::user(format!(
        "the name {name:?} of {what} `{key}` is not valid: use letters, digits, `-`, `_` and `.`, \
         starting with a letter or digit, at least 2"
    )))
}

/// `--` separates; it is unambiguous while neither context nor project contains it or ends with
/// `-`, since both start with a letter or digit. Any other pair of names, and any name too long,
/// becomes a digest, which holds no `--` and so meets no readable name.
fn scoped(key: &StackKey, rest: &str) -> String {
    let readable = format!("{}--{}--{rest}", key.context, key.project);
    if splits(key) && readable.len() <= LONGEST {
        return readable;
    }
    // `/` is in no name, so different parts never give the same text.
    let digest = Digest::of(format!("{}/{}/{rest}", key.context, key.project).as_bytes());
    format!("webpods-{}", &digest.hex()[..32])
}

fn splits(key: &StackKey) -> bool {
    [key.context.as_str(), key.project.as_str()]
        .iter()
        .all(|part| !part.contains("--") && !part.ends_with('-'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn key(context: &str, project: &str) -> StackKey {
        StackKey {
            context: context.parse().unwrap(),
            project: project.parse().unwrap(),
        }
    }

    fn web(context: &str, project: &str, service: &str) -> String {
        let service = service.parse().unwrap();
        container(&key(context, project), &service, 1, ReleaseId(12))
    }

    #[test]
    fn names_are_readable() {
        assert_eq!(web("lab", "acme-shop", "web"), "lab--acme-shop--web-1-r12");
        assert_eq!(
            network(&key("lab", "shop"), "default"),
            "lab--shop--default"
        );
    }

    #[test]
    fn names_that_would_read_the_same_do_not_collide() {
        let same_text = [
            ("a", "b-c", "d"),
            ("a", "b", "c-d"),
            ("a-b", "c", "d"),
            ("a-", "b", "c-d"),
            ("a", "b--c", "d"),
            ("a--b", "c", "d"),
            ("a", "b", "-c--d"),
            ("a", "b-", "c--d"),
        ];
        let names: std::collections::BTreeSet<_> =
            same_text.iter().map(|(c, p, s)| web(c, p, s)).collect();
        assert_eq!(names.len(), same_text.len(), "{names:?}");
    }

    #[test]
    fn long_names_fit_the_engine() {
        let service = "s".repeat(128);
        let name = web(&"c".repeat(63), &"p".repeat(63), &service);
        assert!(
            name.len() <= LONGEST && name.starts_with("webpods-"),
            "{name}"
        );
    }

    #[test]
    fn what_belongs_to_a_project_does_not_belong_to_its_neighbours() {
        let name = network(&key("lab", "shop"), "default");
        assert!(belongs(&key("lab", "shop"), &name));
        assert!(!belongs(&key("lab", "sho"), &name));
        assert!(!belongs(&key("lab", "shop-2"), &name));
        assert!(!belongs(&key("la", "shop"), &name));
    }

    #[test]
    fn written_names_are_checked() {
        assert!(written("volume", "db", "pg-16").is_ok());
        for name in ["", "a", "../x", "a b", "-a", "a\nb", "é1", "$(id)"] {
            let error = written("volume", "db", name).unwrap_err().to_string();
            assert!(error.contains("of volume `db` is not valid"), "{error}");
            assert!(!error.contains('\n'));
        }
    }

    proptest! {
        #[test]
        fn different_things_have_different_names(
            a in ("[a-c][-_a-c]{0,3}", "[a-c][-_a-c]{0,3}", "[-_a-c]{1,4}"),
            b in ("[a-c][-_a-c]{0,3}", "[a-c][-_a-c]{0,3}", "[-_a-c]{1,4}"),
        ) {
            let names = (web(&a.0, &a.1, &a.2), web(&b.0, &b.1, &b.2));
            prop_assert_eq!(a == b, names.0 == names.1);
        }
    }
}
