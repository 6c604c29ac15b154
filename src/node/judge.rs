//! From facts to findings. Pure.

use serde::Serialize;

use crate::error::Error;
use crate::model::{Context, Host, HostName, Upstreams};

use super::facts::{Access, CADDY_APPS, CADDY_FILE, Caddy, Facts};

/// Less free disk than this fails the check.
const SCARCE: u64 = 512_000_000;
/// Less free disk than this is worth a warning.
const TIGHT: u64 = 2_000_000_000;

/// One thing that was examined on one host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The host.
    pub host: HostName,
    /// What was examined: `ssh`, `docker`, `disk`, …
    pub check: &'static str,
    /// How it is.
    pub level: Level,
    /// What was found.
    pub says: String,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fix: Option<String>,
}

/// How a finding counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Level {
    /// As it should be.
    Ok,
    /// Works, with something to know.
    Warn,
    /// webpods cannot work like this.
    Fail,
}

impl Level {
    /// `ok`, `warn`, `fail`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warn => "warn",
            Self::Fail => "fail",
        }
    }
}

/// Collects the findings of one host.
pub(super) struct Findings<'a> {
    host: &'a HostName,
    found: Vec<Finding>,
}

impl<'a> Findings<'a> {
    pub(super) fn of(host: &'a HostName) -> Self {
        let found = Vec::new();
        Self { host, found }
    }

    pub(super) fn into_vec(self) -> Vec<Finding> {
        self.found
    }

    pub(super) fn ok(&mut self, check: &'static str, says: impl Into<String>) {
        self.add(check, Level::Ok, says.into(), None);
    }

    pub(super) fn warn(&mut self, check: &'static str, says: impl Into<String>, fix: String) {
        self.add(check, Level::Warn, says.into(), Some(fix));
    }

    pub(super) fn fail(&mut self, check: &'static str, says: impl Into<String>, fix: String) {
        self.add(check, Level::Fail, says.into(), Some(fix));
    }

    /// An error of another room, with its first hint as the fix.
    pub(super) fn error(&mut self, check: &'static str, error: &Error) {
        let fix = error.hints().first().cloned();
        self.add(check, Level::Fail, error.to_string(), fix);
    }

    fn add(&mut self, check: &'static str, level: Level, says: String, fix: Option<String>) {
        self.found.push(Finding {
            host: self.host.clone(),
            check,
            level,
            says,
            fix,
        });
    }
}

/// Judges what the script found.
pub(super) fn facts(findings: &mut Findings, context: &Context, facts: &Facts) {
    let bootstrap = || format!("webpods node bootstrap -c {}", context.name);
    if facts.missing.is_empty() {
        findings.ok("tools", "sh, tar, sha256sum and flock are there");
    } else {
        let missing = facts.missing.join(", ");
        let fix = format!("install on the host: {missing}");
        findings.fail("tools", format!("{missing} is missing"), fix);
    }
    match facts.disk_free {
        Some(free) if free < SCARCE => findings.fail(
            "disk",
            format!("{} free", amount(free)),
            "free disk space; `docker system df` on the host shows what takes it".to_owned(),
        ),
        Some(free) if free < TIGHT => findings.warn(
            "disk",
            format!("{} free", amount(free)),
            "`webpods prune` removes what no release needs".to_owned(),
        ),
        Some(free) => findings.ok("disk", format!("{} free", amount(free))),
        None => findings.warn(
            "disk",
            "cannot tell how much is free",
            format!(
                "see what `df -Pk {}` says",
                context.artifacts.remote_cache_dir
            ),
        ),
    }
    for (path, access) in facts.own_folders() {
        match access {
            Access::Usable => findings.ok("folder", format!("{path} is usable")),
            Access::Creatable => findings.ok("folder", format!("{path} is made when needed")),
            Access::Absent => findings.fail(
                "folder",
                format!("{path} is missing and `{}` may not make it", facts.user),
                bootstrap(),
            ),
            Access::Denied => findings.fail(
                "folder",
                format!("{path} is not `{}`'s to use", facts.user),
                bootstrap(),
            ),
            Access::Occupied => findings.fail(
                "folder",
                format!("{path} is not a folder"),
                format!("move it away: mv {path} {path}.old"),
            ),
        }
    }
    if let Some(found) = &facts.caddy {
        let apps = facts.folders.get(CADDY_APPS).copied().unwrap_or_default();
        caddy(findings, found, apps, &facts.user, &bootstrap());
    }
}

fn caddy(findings: &mut Findings, caddy: &Caddy, apps: Access, user: &str, bootstrap: &str) {
    let fix = || bootstrap.to_owned();
    if !caddy.binary {
        findings.fail(
            "caddy",
            "`caddy` is not installed",
            "install it: https://caddyserver.com/docs/install".to_owned(),
        );
    }
    if caddy.import {
        findings.ok(
            "caddy",
            format!("{CADDY_FILE} imports {CADDY_APPS}/*.caddy"),
        );
    } else if caddy.main_file {
        let says = format!("{CADDY_FILE} has no line `import apps/*.caddy`");
        findings.fail("caddy", says, fix());
    } else {
        findings.fail("caddy", format!("there is no {CADDY_FILE}"), fix());
    }
    if caddy.resets {
        findings.warn(
            "caddy",
            "a reload may reset connections that wait to be accepted \
             (net.ipv4.tcp_migrate_req is 0)"
                .to_owned(),
            fix(),
        );
    }
    match (apps, &caddy.closed) {
        (Access::Usable | Access::Creatable, None) => {
            findings.ok("caddy", format!("{CADDY_APPS} is usable"));
        }
        (Access::Usable | Access::Creatable, Some(closed)) => findings.warn(
            "caddy",
            format!("{closed} is closed to others, so Caddy may not be able to read it"),
            fix(),
        ),
        _ => findings.fail(
            "caddy",
            format!("{CADDY_APPS} is not `{user}`'s to use"),
            fix(),
        ),
    }
}

/// Whether other hosts' proxies reach this host over an address meant for it (spec §9.2).
pub(super) fn mesh(findings: &mut Findings, context: &Context, host: &Host) {
    let shared = context.hosts.len() > 1
        && context.proxy.driver != "none"
        && context.proxy.upstreams == Upstreams::All;
    if shared && host.mesh_ip.is_none() && !host.local {
        findings.warn(
            "mesh",
            format!(
                "no `mesh_ip`: other hosts' proxies use {}, and whoever reaches that address \
                 reaches the replicas' ports",
                host.addr
            ),
            "set `mesh_ip:` to a private address, or `proxy.upstreams: local`".to_owned(),
        );
    }
}

/// `61.7 GB`, `512 MB`: powers of 1000, as `docker` shows them.
pub(super) fn amount(bytes: u64) -> String {
    const MEGA: u64 = 1_000_000;
    if bytes >= 1000 * MEGA {
        let tenths = bytes / (100 * MEGA);
        format!("{}.{} GB", tenths / 10, tenths % 10)
    } else {
        format!("{} MB", bytes / MEGA)
    }
}
