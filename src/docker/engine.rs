//! An engine that answered and speaks a version of the API that we speak too.

use std::sync::Arc;

use bollard::models::{SystemDataUsageResponse, SystemInfo, SystemVersion};
use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::model::Store;
use crate::remote::Host;

use super::acquaintance;
use super::call::Call;
use super::silence::Silence;
use super::wire::Wire;
use super::{EngineError, Result};

/// The oldest API spoken: Docker 20.10's.
const OLDEST: Api = Api(1, 41);
/// The newest API spoken: Docker 28.5's. Newer engines speak it too.
const NEWEST: Api = Api(1, 51);

/// An API version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Api(u32, u32);

impl Api {
    fn parse(text: &str) -> Option<Self> {
        let (major, minor) = text.split_once('.')?;
        Some(Self(major.parse().ok()?, minor.parse().ok()?))
    }
}

impl std::fmt::Display for Api {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.0, self.1)
    }
}

/// One host's Docker engine. Cheap to clone.
#[derive(Clone)]
pub struct Engine {
    pub(super) wire: Wire,
    identity: Arc<EngineIdentity>,
}

/// What kind of engine it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EngineIdentity {
    /// Its version, like `26.1.5`.
    pub version: String,
    /// `linux/amd64`.
    pub platform: String,
    /// The API version spoken with it, like `1.45`.
    pub api: String,
    /// How it stores images.
    pub store: Store,
    /// Where it keeps its files on the host.
    pub root: String,
}

impl Engine {
    /// Reaches the engine of `host` and agrees on an API version.
    ///
    /// # Errors
    /// It does not answer, with the likely reason (exit 7); it is older than Docker 20.10.
    pub async fn connect(host: Arc<Host>) -> Result<Self> {
        Self::greet(&Wire::new(host)).await
    }

    /// As [`Engine::connect`], over connections that others use too.
    pub(super) async fn greet(wire: &Wire) -> Result<Self> {
        wire.host().connect().await?;
        let (version, about) = match greet(wire).await {
            Err(silence) if silence.status().is_none() => retry(wire, silence).await?,
            answer => answer?,
        };
        let api = agree(wire, &version)?;
        let text = |text: Option<String>| text.unwrap_or_default();
        let identity = EngineIdentity {
            version: text(version.version),
            platform: platform(&text(version.os), &text(version.arch)),
            api: api.to_string(),
            store: store(&about),
            root: text(about.docker_root_dir),
        };
        acquaintance::remember(wire.host(), &identity);
        Ok(Self::taken_for(wire, identity))
    }

    /// The engine, taken for what it was when it last answered; none: it never did.
    pub(super) fn presumed(wire: &Wire) -> Option<Self> {
        let identity = acquaintance::recall(wire.host())?;
        Some(Self::taken_for(wire, identity))
    }

    fn taken_for(wire: &Wire, identity: EngineIdentity) -> Self {
        Self {
            wire: wire.speaking(&identity.api),
            identity: Arc::new(identity),
        }
    }

    /// What kind of engine it is; known since it was reached.
    #[must_use]
    pub fn identity(&self) -> &EngineIdentity {
        &self.identity
    }

    /// The host it runs on.
    #[must_use]
    pub fn host(&self) -> &Arc<Host> {
        self.wire.host()
    }

    /// What it says about itself now.
    ///
    /// # Errors
    /// No answer.
    pub async fn info(&self) -> Result<SystemInfo> {
        self.wire
            .json(Call::get("ask about itself", &["info"]))
            .await
    }

    /// What images, containers and volumes take on disk.
    ///
    /// # Errors
    /// No answer.
    pub async fn disk_usage(&self) -> Result<SystemDataUsageResponse> {
        let call = Call::get("measure disk usage", &["system", "df"]);
        self.wire.json(call.patience(None)).await
    }
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Engine({}, {:?})", self.host().name(), self.identity)
    }
}

async fn greet(wire: &Wire) -> Result<(SystemVersion, SystemInfo)> {
    let version = wire.json(Call::get("ask for its version", &["version"]));
    let about = wire.json(Call::get("ask about itself", &["info"]));
    let (version, about) = tokio::join!(version, about);
    Ok((version?, about?))
}

/// Finds out why the engine was silent, and asks again where that can help.
async fn retry(wire: &Wire, silence: EngineError) -> Result<(SystemVersion, SystemInfo)> {
    let host = wire.host();
    let lost = host.is_lost();
    let reason = Silence::look(host).await?;
    // The connection may be older than the user's membership in the docker group.
    let denied = matches!(reason, Silence::Denied(_)) && !host.is_local();
    if denied {
        host.renew().await;
    }
    if (denied || lost)
        && let Ok(answer) = greet(wire).await
    {
        return Ok(answer);
    }
    Err(reason.explain(host, &silence).into())
}

fn agree(wire: &Wire, version: &SystemVersion) -> Result<Api> {
    let host = wire.host().name();
    let theirs = version.api_version.as_deref();
    let name = version.version.as_deref().unwrap_or("of unknown version");
    let Some(newest) = theirs.and_then(Api::parse) else {
        let message = format!("the engine on host `{host}` does not say which API it speaks");
        return Err(Error::unreachable(message).into());
    };
    if newest < OLDEST {
        let message = format!(
            "Docker {name} on host `{host}` is too old: it speaks API {newest}, and webpods needs \
             {OLDEST} (Docker 20.10) or newer"
        );
        return Err(EngineError::from(
            Error::unreachable(message).hint("upgrade Docker on the host"),
        ));
    }
    let oldest = version.min_api_version.as_deref().and_then(Api::parse);
    if let Some(oldest) = oldest.filter(|oldest| *oldest > NEWEST) {
        let message = format!(
            "Docker {name} on host `{host}` is too new: it speaks API {oldest} and newer, and this \
             webpods knows {NEWEST}"
        );
        return Err(Error::unreachable(message).hint("upgrade webpods").into());
    }
    Ok(newest.min(NEWEST))
}

/// `linux/amd64`, in the names that images use, whatever the engine calls its machine.
fn platform(os: &str, machine: &str) -> String {
    let architecture = match machine {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        "armv7l" | "armhf" => "arm",
        other => other,
    };
    format!("{os}/{architecture}")
}

fn store(about: &SystemInfo) -> Store {
    let snapshotter = about.driver_status.iter().flatten().any(|row| {
        row.iter()
            .any(|cell| cell.contains("io.containerd.snapshotter"))
    });
    if snapshotter {
        Store::Containerd
    } else {
        Store::Classic
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_compare_as_numbers() {
        assert!(Api::parse("1.9").unwrap() < OLDEST);
        assert!(Api::parse("1.100").unwrap() > NEWEST);
        assert_eq!(Api::parse("1.41").unwrap(), OLDEST);
        for wrong in ["", "1", "1.x", "v1.2", "1.2.3"] {
            assert!(Api::parse(wrong).is_none(), "{wrong}");
        }
    }

    #[test]
    fn the_store_is_read_from_the_driver() {
        let about = |rows: &[[&str; 2]]| SystemInfo {
            driver_status: Some(
                rows.iter()
                    .map(|row| row.map(str::to_owned).to_vec())
                    .collect(),
            ),
            ..SystemInfo::default()
        };
        assert_eq!(
            store(&about(&[["Backing Filesystem", "extfs"]])),
            Store::Classic
        );
        let containerd = about(&[["driver-type", "io.containerd.snapshotter.v1"]]);
        assert_eq!(store(&containerd), Store::Containerd);
        assert_eq!(store(&SystemInfo::default()), Store::Classic);
    }
}
