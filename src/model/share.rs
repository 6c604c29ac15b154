//! What a container takes from another one: its namespaces, its volumes.

use serde::{Deserialize, Serialize};

use super::{Service, ServiceName};

/// One entry of `volumes_from:`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VolumesFrom {
    /// Whose volumes.
    pub from: Lender,
    /// `:ro`.
    pub read_only: bool,
}

/// Whose namespace or volumes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Lender {
    /// A service of the project: one of its containers on the same host.
    Service(ServiceName),
    /// Any container of the host, by name.
    Container(String),
}

/// What one service takes from the containers of another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Share {
    /// What.
    pub what: Shared,
    /// Whose.
    pub of: ServiceName,
}

/// What can be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shared {
    /// `network_mode: service:…`
    Network,
    /// `ipc: service:…`
    Ipc,
    /// `pid: service:…`
    Pid,
    /// `volumes_from: [service]`
    Volumes {
        /// `:ro`.
        read_only: bool,
    },
}

impl Shared {
    /// In words, after "shares" and before "of".
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Network => "network",
            Self::Ipc => "IPC namespace",
            Self::Pid => "process namespace",
            Self::Volumes { .. } => "volumes",
        }
    }
}

impl Service {
    /// What it takes from other services, the most binding first.
    #[must_use]
    pub fn shares(&self) -> Vec<Share> {
        let host = self.template.0.host_config.as_ref();
        let modes = [
            (Shared::Network, self.network_mode.as_deref()),
            (Shared::Ipc, host.and_then(|host| host.ipc_mode.as_deref())),
            (Shared::Pid, host.and_then(|host| host.pid_mode.as_deref())),
        ];
        let namespaces = modes.into_iter().filter_map(|(what, mode)| {
            let of = mode?.strip_prefix("service:")?.parse().ok()?;
            Some(Share { what, of })
        });
        let volumes = self
            .volumes_from
            .iter()
            .filter_map(|from| match &from.from {
                Lender::Service(of) => Some(Share {
                    what: Shared::Volumes {
                        read_only: from.read_only,
                    },
                    of: of.clone(),
                }),
                Lender::Container(_) => None,
            });
        namespaces.chain(volumes).collect()
    }
}
