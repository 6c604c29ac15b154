//! A context: where to deploy, with which proxy, artifacts and safety rules (spec §5).

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{ContextName, HostName, RegistryPath};
use crate::error::{Error, near_miss};

/// One target environment, complete: every default is already filled in (spec §5.2).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Context {
    /// What `-c` selects.
    pub name: ContextName,
    /// Metadata only: `gcp`, `aws`, anything.
    pub provider: Option<String>,
    /// How hosts are reached.
    pub ssh: Ssh,
    /// The inventory; its order decides placement and which host holds the primary state.
    pub hosts: Vec<Host>,
    /// What the command line may leave out.
    pub defaults: Defaults,
    /// The proxy in front of the services.
    pub proxy: Proxy,
    /// How images travel and how long they stay.
    pub artifacts: Artifacts,
    /// Host ports that replicas may be published on.
    pub ports: Ports,
    /// Guards (spec §16).
    pub safety: Safety,
}

impl Context {
    /// The host with this name.
    #[must_use]
    pub fn host(&self, name: &HostName) -> Option<&Host> {
        self.hosts.iter().find(|host| host.name == *name)
    }

    /// What is said of a name that is none of its hosts.
    #[must_use]
    pub fn unknown_host(&self, name: &str) -> Error {
        let names = || self.hosts.iter().map(|host| host.name.as_str());
        let near = near_miss(name, names())
            .map_or(String::new(), |near| format!("; did you mean `{near}`?"));
        let known: Vec<String> = names().map(|name| format!("`{name}`")).collect();
        Error::user(format!(
            "host `{}` is not in context `{}`{near}",
            name.escape_debug(),
            self.name
        ))
        .cause(format!("its hosts are {}", known.join(", ")))
    }

    /// `SAFE` or `GUARDED` is part of the banner (spec §6.4).
    #[must_use]
    pub fn is_guarded(&self) -> bool {
        self.safety.level == SafetyLevel::Guarded
    }
}

/// ssh settings of a context; `~/.ssh/config` still applies to what is not set here.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Ssh {
    /// Login name.
    pub user: Option<String>,
    /// Port, when not ssh's own default.
    pub port: Option<u16>,
    /// Private key file; `~` is already expanded.
    pub key: Option<PathBuf>,
    /// A jump host, `user@host[:port]`.
    pub bastion: Option<String>,
    /// Time limit for one connection attempt.
    pub connect_timeout: Duration,
    /// What to do with a host key that is not in `known_hosts`.
    pub host_key: HostKeyCheck,
    /// A `known_hosts` file used in place of the user's.
    pub known_hosts: Option<PathBuf>,
}

impl Default for Ssh {
    fn default() -> Self {
        Self {
            user: None,
            port: None,
            key: None,
            bastion: None,
            connect_timeout: Duration::from_secs(10),
            host_key: HostKeyCheck::Strict,
            known_hosts: None,
        }
    }
}

/// Policy for unknown ssh host keys.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum HostKeyCheck {
    /// Unknown keys are refused.
    #[default]
    Strict,
    /// Unknown keys are stored; changed keys are refused.
    AcceptNew,
}

/// A server (spec §3.3).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Host {
    /// Its name in the inventory.
    pub name: HostName,
    /// The ssh address. Unused for the host named `local`, which is this machine.
    pub addr: String,
    /// The address other hosts' proxies use for upstreams here (spec §9.2).
    pub mesh_ip: Option<String>,
    /// Login name, over [`Ssh::user`].
    pub user: Option<String>,
    /// Port, over [`Ssh::port`].
    pub port: Option<u16>,
    /// Free metadata for placement scripts.
    pub labels: BTreeMap<String, String>,
    /// This machine's own engine, without ssh.
    pub local: bool,
}

impl Host {
    /// The address other hosts reach published ports at: `mesh_ip`, else `addr` (spec §9.2).
    #[must_use]
    pub fn upstream_addr(&self) -> &str {
        self.mesh_ip.as_deref().unwrap_or(&self.addr)
    }
}

/// What `-f`, `--env-file` and `-p` default to (spec §5.2).
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Defaults {
    /// Relative to the folder that holds `.webpods/`. Empty: Compose's own discovery.
    pub compose_files: Vec<String>,
    /// Relative to the folder that holds `.webpods/`.
    pub env_file: Option<String>,
    /// Used when neither `-p` nor `name:` gives one.
    pub project_name: Option<String>,
}

/// Proxy settings (spec §11).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Proxy {
    /// The script `proxy/<driver>.lua`; `none` routes nothing.
    pub driver: String,
    /// Domains this context may serve; empty means any.
    pub domains: Vec<String>,
    /// Who terminates TLS by default; `x-ingress.tls` overrides it.
    pub tls: Tls,
    /// Whether a proxy sends traffic to other hosts' replicas.
    pub upstreams: Upstreams,
}

impl Default for Proxy {
    fn default() -> Self {
        Self {
            driver: "none".to_owned(),
            domains: Vec::new(),
            tls: Tls::Auto,
            upstreams: Upstreams::All,
        }
    }
}

/// How a route's certificate comes about.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Tls {
    /// The proxy obtains a public certificate.
    #[default]
    Auto,
    /// The proxy's own authority.
    Internal,
    /// Plain HTTP.
    Off,
}

/// Which replicas a host's proxy sends traffic to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Upstreams {
    /// Every replica of the service, wherever it runs.
    #[default]
    All,
    /// Only replicas on the proxy's own host.
    Local,
}

/// How images get to hosts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "mode", rename_all = "kebab-case")]
pub enum ArtifactMode {
    /// Hosts are sent the blobs that they lack (spec §12.2).
    OciCache,
    /// What is built is pushed, and hosts pull by digest.
    Registry {
        /// Where to.
        registry: RegistryPath,
    },
}

/// Image shipping and retention (spec §12).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Artifacts {
    /// How images get to hosts.
    #[serde(flatten)]
    pub mode: ArtifactMode,
    /// The blob cache on hosts, absolute.
    pub remote_cache_dir: String,
    /// Blobs in flight per host, and hosts shipped to at once.
    pub concurrency: usize,
    /// Releases kept restorable, the active one included.
    pub retain_releases: usize,
    /// Bytes a host's cache may hold before old releases lose their blobs there; none: any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_cache_bytes: Option<u64>,
    /// Blobs go to one host of a group and from there to the others.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub fanout: bool,
    /// The host label whose values make those groups; none: all hosts are one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fanout_by: Option<String>,
}

impl Default for Artifacts {
    fn default() -> Self {
        Self {
            mode: ArtifactMode::OciCache,
            remote_cache_dir: "/var/lib/webpods/cache".to_owned(),
            concurrency: 6,
            retain_releases: 5,
            max_cache_bytes: None,
            fanout: false,
            fanout_by: None,
        }
    }
}

/// The host port range for proxied replicas, both ends included (spec §10).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ports {
    /// Lowest port.
    pub first: u16,
    /// Highest port.
    pub last: u16,
}

impl Default for Ports {
    fn default() -> Self {
        Self {
            first: 20000,
            last: 31999,
        }
    }
}

/// Where a command is run from (spec §5.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Origin {
    /// A person's shell.
    Local,
    /// A CI runner.
    Ci,
}

impl Origin {
    /// `local` or `ci`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Local => "local",
            Self::Ci => "ci",
        }
    }
}

/// Safety rules of a context (spec §16), defaults already filled in.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Safety {
    /// Safe or guarded.
    pub level: SafetyLevel,
    /// When and with what token commands must be confirmed.
    pub confirm: Confirm,
    /// Origins that may run commands here.
    pub allow_from: Vec<Origin>,
}

/// How carefully a context is treated.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SafetyLevel {
    /// Nothing needs confirmation unless listed.
    #[default]
    Safe,
    /// Destructive verbs need `--confirm <token>`.
    Guarded,
}

/// Confirmation rules (spec §16.3).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Confirm {
    /// Verbs that need the token.
    pub required_for: Vec<String>,
    /// The token; the context's name unless configured.
    pub token: String,
}

/// The verbs that are guarded unless a context says otherwise (spec §16.2).
pub struct Destructive;

impl Destructive {
    /// `down`, `rm`, `prune`, `cleanup`.
    pub const DEFAULT: [&'static str; 4] = ["down", "rm", "prune", "cleanup"];
}
