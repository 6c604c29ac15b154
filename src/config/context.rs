//! A context file with every default filled in (spec §5.2, §5.3).

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;

use super::decode::{Fields, Problems};
use super::tree::Node;
use super::{hosts, safety, words, yaml};
use crate::error::{Error, Result, near_miss};
use crate::model::{
    ArtifactMode, Artifacts, Context, ContextName, Defaults, Host, HostKeyCheck, Ports,
    ProjectName, Proxy, Ssh, Tls, Upstreams,
};

const KEYS: [&str; 9] = [
    "name",
    "provider",
    "ssh",
    "hosts",
    "defaults",
    "proxy",
    "artifacts",
    "ports",
    "safety",
];

/// Fewest host ports a context may have: one block of spec §10.2.
const PORT_BLOCK: u16 = 100;

/// The built-in context `dev`: this machine's own engine.
pub fn builtin_dev() -> Result<Context> {
    let text = include_str!("../../contexts/dev.yml");
    from_yaml(text, "the built-in context `dev`", &"dev".parse()?)
}

/// Decodes the text of `.webpods/contexts/<name>.yml`; `file` is how messages call it.
///
/// # Errors
/// YAML that does not parse, and every unknown key, wrong type and impossible value, each with
/// its line.
pub fn from_yaml(text: &str, file: &str, name: &ContextName) -> Result<Context> {
    let problems = Problems::default();
    let context = match yaml::parse(text) {
        Ok(node) => decode(&node, name, &problems),
        Err(problem) => {
            problems.push(problem);
            None
        }
    };
    finish(context, problems, file, Some(text))
}

/// Decodes the table that `.webpods/contexts/<name>.lua` returned.
///
/// # Errors
/// As for [`from_yaml`], without lines.
pub fn from_lua(value: Value, file: &str, name: &ContextName) -> Result<Context> {
    let problems = Problems::default();
    let context = decode(&Node::from(value), name, &problems);
    finish(context, problems, file, None)
}

fn finish(
    context: Option<Context>,
    problems: Problems,
    file: &str,
    source: Option<&str>,
) -> Result<Context> {
    match (problems.into_error(file, source), context) {
        (Some(error), _) => Err(error),
        (None, Some(context)) => Ok(context),
        (None, None) => Err(Error::user(format!("`{file}` holds no context"))),
    }
}

fn decode(node: &Node, name: &ContextName, problems: &Problems) -> Option<Context> {
    let fields = Fields::of(node, "", &KEYS, problems);
    check_name(&fields, name);
    let ssh = decode_ssh(&fields);
    let hosts = hosts::decode(&fields);
    let defaults = decode_defaults(&fields);
    let proxy = decode_proxy(&fields);
    let artifacts = decode_artifacts(&fields);
    if let Some(hosts) = &hosts {
        check_label(&fields, &artifacts, hosts);
    }
    let ports = decode_ports(&fields);
    let safety = safety::decode(&fields, name);
    Some(Context {
        name: name.clone(),
        provider: fields.text("provider").map(|(text, _)| text.to_owned()),
        ssh,
        hosts: hosts?,
        defaults,
        proxy,
        artifacts,
        ports: ports?,
        safety,
    })
}

/// `name:` may be left out; written, it must be the file's name, so that `-c` and the file agree.
fn check_name(fields: &Fields<'_>, name: &ContextName) {
    let Some((written, at)) = fields.text("name") else {
        return;
    };
    match written.parse::<ContextName>() {
        Err(error) => fields.problems.add(at, error.to_string()),
        Ok(written) if written != *name => fields.problems.add_with_hint(
            at,
            format!("the context is called `{written}`, but its file is named `{name}`"),
            "rename one of them",
        ),
        Ok(_) => {}
    }
}

fn decode_ssh(fields: &Fields<'_>) -> Ssh {
    let default = Ssh::default();
    let Some(node) = fields.get("ssh") else {
        return default;
    };
    let keys = [
        "user",
        "port",
        "key",
        "bastion",
        "connect_timeout_seconds",
        "host_key",
        "known_hosts",
    ];
    let ssh = Fields::of(node, "ssh", &keys, fields.problems);
    Ssh {
        user: ssh.checked("user", words::check_user),
        port: ssh.port("port"),
        key: ssh.text("key").map(|(text, _)| expand(text)),
        bastion: ssh.checked("bastion", words::check_bastion),
        connect_timeout: ssh
            .number("connect_timeout_seconds", 1, 600)
            .map_or(default.connect_timeout, |seconds| {
                Duration::from_secs(seconds.into())
            }),
        host_key: ssh
            .choice(
                "host_key",
                &[
                    ("strict", HostKeyCheck::Strict),
                    ("accept-new", HostKeyCheck::AcceptNew),
                ],
            )
            .unwrap_or_default(),
        known_hosts: ssh.text("known_hosts").map(|(text, _)| expand(text)),
    }
}

fn decode_defaults(fields: &Fields<'_>) -> Defaults {
    let Some(node) = fields.get("defaults") else {
        return Defaults::default();
    };
    let keys = ["compose_files", "env_file", "project_name"];
    let defaults = Fields::of(node, "defaults", &keys, fields.problems);
    let valid = |text: &str| {
        let parsed = text.parse::<ProjectName>();
        parsed.map(drop).map_err(|error| error.to_string())
    };
    Defaults {
        compose_files: defaults
            .texts("compose_files")
            .unwrap_or_default()
            .into_iter()
            .map(|(text, _)| text.to_owned())
            .collect(),
        env_file: defaults.text("env_file").map(|(text, _)| text.to_owned()),
        project_name: defaults.checked("project_name", valid),
    }
}

fn decode_proxy(fields: &Fields<'_>) -> Proxy {
    let default = Proxy::default();
    let Some(node) = fields.get("proxy") else {
        return default;
    };
    let keys = ["driver", "domains", "tls", "upstreams"];
    let proxy = Fields::of(node, "proxy", &keys, fields.problems);
    let domains = proxy.texts("domains").unwrap_or_default();
    for (domain, at) in &domains {
        if let Err(rule) = words::check_domain(domain) {
            proxy
                .problems
                .add_with_hint(*at, format!("{domain:?} is not a domain"), rule);
        }
    }
    // `tls: off` is the natural spelling, and `off` is text here (strict booleans).
    let tls = [
        ("auto", Tls::Auto),
        ("internal", Tls::Internal),
        ("off", Tls::Off),
    ];
    let upstreams = [("all", Upstreams::All), ("local", Upstreams::Local)];
    Proxy {
        driver: proxy
            .checked("driver", words::check_script_name)
            .unwrap_or(default.driver),
        domains: domains
            .into_iter()
            .map(|(text, _)| text.to_owned())
            .collect(),
        tls: proxy.choice("tls", &tls).unwrap_or_default(),
        upstreams: proxy.choice("upstreams", &upstreams).unwrap_or_default(),
    }
}

fn decode_artifacts(fields: &Fields<'_>) -> Artifacts {
    let default = Artifacts::default();
    let Some(node) = fields.get("artifacts") else {
        return default;
    };
    let keys = [
        "mode",
        "registry",
        "remote_cache_dir",
        "concurrency",
        "retain_releases",
        "max_cache_bytes",
        "fanout",
        "fanout_by",
    ];
    let artifacts = Fields::of(node, "artifacts", &keys, fields.problems);
    let count = |key, to, default| {
        artifacts
            .number(key, 1, to)
            .and_then(|number| usize::try_from(number).ok())
            .unwrap_or(default)
    };
    Artifacts {
        mode: decode_mode(&artifacts).unwrap_or(default.mode),
        remote_cache_dir: artifacts
            .checked("remote_cache_dir", words::check_remote_dir)
            .map_or(default.remote_cache_dir, |dir| {
                dir.trim_end_matches('/').to_owned()
            }),
        concurrency: count("concurrency", 64, default.concurrency),
        retain_releases: count("retain_releases", 1000, default.retain_releases),
        max_cache_bytes: artifacts.bytes("max_cache_bytes"),
        fanout: artifacts.flag("fanout").unwrap_or(default.fanout),
        fanout_by: artifacts
            .text("fanout_by")
            .map(|(label, _)| label.to_owned()),
    }
}

/// `mode` and `registry` of `artifacts`: the one says whether the other is needed.
fn decode_mode(artifacts: &Fields<'_>) -> Option<ArtifactMode> {
    let modes = [("oci-cache", false), ("registry", true)];
    let pulls = artifacts.choice("mode", &modes);
    let written = artifacts.text("registry");
    match (pulls, written) {
        (Some(true), Some((text, at))) => match text.parse() {
            Ok(registry) => Some(ArtifactMode::Registry { registry }),
            Err(error) => {
                let rule = "write it as `registry.example.com` or `registry.example.com:5000/team`";
                let message = if text.contains('@') {
                    // What stands before it may be a password.
                    "`artifacts.registry` cannot hold credentials: `docker login` keeps them"
                        .to_owned()
                } else {
                    format!("`artifacts.registry`: {}", Error::message(&error))
                };
                artifacts.problems.add_with_hint(at, message, rule);
                None
            }
        },
        (Some(true), None) => {
            let at = artifacts.text("mode").and_then(|(_, at)| at);
            artifacts.problems.add_with_hint(
                at,
                "`artifacts.mode: registry` needs `artifacts.registry`, where images are pushed to",
                "write `registry: registry.example.com/team` beside it",
            );
            None
        }
        (_, Some((_, at))) => {
            artifacts.problems.add_with_hint(
                at,
                "`artifacts.registry` is for `artifacts.mode: registry` only",
                "write `mode: registry`, or remove it",
            );
            None
        }
        (_, None) => Some(ArtifactMode::OciCache),
    }
}

/// A label that no host has would make no groups, and nobody would see why.
fn check_label(fields: &Fields<'_>, artifacts: &Artifacts, hosts: &[Host]) {
    let Some(by) = artifacts.fanout_by.as_deref() else {
        return;
    };
    let labels: BTreeSet<&str> = hosts
        .iter()
        .flat_map(|host| host.labels.keys().map(String::as_str))
        .collect();
    if labels.contains(by) {
        return;
    }
    let hint = match near_miss(by, labels.iter().copied()) {
        Some(label) => format!("did you mean `{label}`?"),
        None => format!("give hosts one, like `labels: {{ {by}: a }}`"),
    };
    let at = fields.get("artifacts").and_then(|node| node.at);
    let message = format!("`artifacts.fanout_by` is {by:?}, and no host has that label");
    fields.problems.add_with_hint(at, message, hint);
}

fn decode_ports(fields: &Fields<'_>) -> Option<Ports> {
    let Some(node) = fields.get("ports") else {
        return Some(Ports::default());
    };
    let ports = Fields::of(node, "ports", &["range"], fields.problems);
    let Some((text, at)) = ports.text("range") else {
        return Some(Ports::default());
    };
    let range = text.split_once('-').and_then(|(first, last)| {
        let first: u16 = first.trim().parse().ok()?;
        let last: u16 = last.trim().parse().ok()?;
        Some(Ports { first, last })
    });
    let range = range.filter(|range| {
        range.first >= 1024 && range.last >= range.first.saturating_add(PORT_BLOCK - 1)
    });
    if range.is_none() {
        ports.problems.add_with_hint(
            at,
            format!("`ports.range` cannot be {text:?}"),
            "write at least 100 ports above 1023, like \"20000-31999\"",
        );
    }
    range
}

/// `~/x` below the home folder; other paths stay as they are.
fn expand(path: &str) -> PathBuf {
    let home = std::env::var_os("HOME").filter(|home| !home.is_empty());
    match (path.strip_prefix('~'), home) {
        (Some(""), Some(home)) => PathBuf::from(home),
        (Some(rest), Some(home)) if rest.starts_with('/') => {
            Path::new(&home).join(rest.trim_start_matches('/'))
        }
        _ => PathBuf::from(path),
    }
}

impl Fields<'_> {
    /// A text that `check` accepts.
    pub(super) fn checked(
        &self,
        key: &str,
        check: impl Fn(&str) -> Result<(), String>,
    ) -> Option<String> {
        let (text, at) = self.text(key)?;
        match check(text) {
            Ok(()) => Some(text.to_owned()),
            Err(rule) => {
                self.problems.add_with_hint(
                    at,
                    format!("`{}` cannot be {text:?}", self.path(key)),
                    rule,
                );
                None
            }
        }
    }

    /// A TCP port.
    pub(super) fn port(&self, key: &str) -> Option<u16> {
        self.number(key, 1, u16::MAX.into())
            .and_then(|port| u16::try_from(port).ok())
    }
}

#[cfg(test)]
#[path = "context_tests.rs"]
mod tests;
