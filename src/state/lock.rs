//! The lease as it lies on a host, and who holds it.

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::model::{Claim, ReleaseId};

use super::site::one_line;

/// Who runs an operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Who {
    /// `user@machine`, or the CI job's URL.
    pub by: String,
    /// The machine and process namespace, when it can be told apart from all others.
    pub machine: String,
    /// The process there.
    pub process: u32,
}

impl Who {
    /// This process, known to people as `by`.
    pub fn here(by: impl Into<String>) -> Self {
        Self {
            by: by.into(),
            machine: machine(),
            process: std::process::id(),
        }
    }
}

/// This boot of this machine and this process namespace; empty where that cannot be known.
fn machine() -> String {
    let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id");
    let namespace = std::fs::read_link("/proc/self/ns/pid");
    match (boot, namespace) {
        (Ok(boot), Ok(namespace)) => format!("{} {}", boot.trim(), namespace.display()),
        _ => String::new(),
    }
}

/// A lease that was found on a host.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Holder {
    /// Tells leases apart.
    #[serde(default)]
    pub token: String,
    /// `user@machine`, or the CI job's URL.
    #[serde(default)]
    pub by: String,
    /// What is being done: `up`.
    #[serde(default)]
    pub verb: String,
    /// The release it makes.
    #[serde(default)]
    pub release: Option<ReleaseId>,
    /// When it was taken, seconds since the epoch by the host's clock.
    #[serde(default)]
    pub acquired: i64,
    /// When it ends unless renewed, by the host's clock.
    #[serde(default)]
    pub expires: i64,
    /// What its project will hold on the host once it is done.
    #[serde(default)]
    pub claims: Option<Claim>,
    #[serde(default)]
    machine: String,
    #[serde(default)]
    process: u32,
}

/// The members of a lease that the owner knows; the script adds token and times.
#[derive(Serialize)]
pub(super) struct Members<'a> {
    pub by: &'a str,
    pub verb: &'a str,
    pub release: Option<ReleaseId>,
    pub machine: &'a str,
    pub process: u32,
}

impl Members<'_> {
    /// `  "by": "…",` and so on, one line each, as they stand in the file, `claims` last.
    pub(super) fn lines(&self, claims: Option<&Claim>) -> String {
        let text = serde_json::to_string_pretty(self).unwrap_or_default();
        let lines = text.trim_start_matches("{\n").trim_end_matches("\n}");
        let claims = serde_json::to_string(&claims).unwrap_or_default();
        format!("{lines},\n  \"claims\": {claims}")
    }
}

impl Holder {
    /// The lease in a lock file; a file that is none of ours gives a lease without a name.
    pub(super) fn parse(bytes: &[u8]) -> Self {
        serde_json::from_slice(bytes).unwrap_or_else(|_| Self {
            token: String::new(),
            by: String::new(),
            verb: String::new(),
            release: None,
            acquired: 0,
            expires: 0,
            claims: None,
            machine: String::new(),
            process: 0,
        })
    }

    /// `alice@laptop` (`webpods up`, r13), harmless to print.
    pub fn title(&self) -> String {
        if self.by.is_empty() {
            return "somebody unknown".to_owned();
        }
        let release = self
            .release
            .map(|release| format!(", {release}"))
            .unwrap_or_default();
        format!(
            "`{}` (`webpods {}`{release})",
            one_line(&self.by),
            one_line(&self.verb)
        )
    }

    /// `2026-01-31 12:00:00 UTC`, by the host's clock.
    pub fn since(&self) -> String {
        jiff::Timestamp::from_second(self.acquired).map_or_else(
            |_| "an unknown time".to_owned(),
            |at| at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string(),
        )
    }

    /// Whether the owner is a process of this machine that is certainly gone.
    pub(super) fn is_dead(&self) -> bool {
        !self.machine.is_empty()
            && self.process > 0
            && self.machine == machine()
            && !Path::new(&format!("/proc/{}", self.process)).exists()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::StackKey;

    #[test]
    fn members_take_one_line_each_whatever_is_in_them() {
        let members = Members {
            by: "eve\n  \"expires\": 1,\n}\u{1b}",
            verb: "up\"",
            release: Some(ReleaseId(3)),
            machine: "",
            process: 1,
        };
        let claim = Claim {
            owner: StackKey {
                context: "lab".parse().unwrap(),
                project: "shop".parse().unwrap(),
            },
            domains: vec!["shop.test".to_owned()],
            ports: [20_000].into(),
        };
        let lines = members.lines(Some(&claim));
        assert_eq!(lines.lines().count(), 6, "{lines}");
        let holder = Holder::parse(format!("{{\n{lines}\n}}").as_bytes());
        assert_eq!(holder.by, "eve\n  \"expires\": 1,\n}\u{1b}");
        assert_eq!(holder.expires, 0);
        assert!(!holder.title().contains(['\n', '\u{1b}']));
        assert_eq!(holder.claims, Some(claim));
        let holder = Holder::parse(format!("{{\n{}\n}}", members.lines(None)).as_bytes());
        assert_eq!(holder.claims, None);
    }

    #[test]
    fn a_file_that_is_no_lease_has_no_owner() {
        for bytes in [&b""[..], b"[1]", b"\xff\xfe", b"{\"by\": 3}"] {
            assert_eq!(Holder::parse(bytes).title(), "somebody unknown");
        }
    }

    #[test]
    fn only_a_process_of_this_machine_can_be_known_to_be_dead() {
        let mut child = std::process::Command::new("true").spawn().unwrap();
        let gone = child.id();
        child.wait().unwrap();
        let holder = |machine: String, process| Holder {
            machine,
            process,
            ..Holder::parse(b"{}")
        };
        assert!(holder(machine(), gone).is_dead());
        assert!(!holder(machine(), std::process::id()).is_dead());
        assert!(!holder("another".to_owned(), gone).is_dead());
        assert!(!holder(String::new(), gone).is_dead());
    }
}
