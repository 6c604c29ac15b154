//! Containers: list, create, change state, inspect, wait.

use std::time::Duration;

use bollard::models::{
    ContainerCreateResponse, ContainerInspectResponse, ContainerSummary, PortSummaryTypeEnum,
};
use serde::Serialize;

use crate::model::{ContainerObserved, Labels, StackKey};

use super::call::Call;
use super::{Engine, Result, observed};

/// A host port that a running container holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Published {
    /// The container's identifier.
    pub container: String,
    /// The host's address, like `127.0.0.1` or `0.0.0.0`.
    pub ip: String,
    /// The host's port.
    pub port: u16,
    /// `tcp`, `udp` or `sctp`.
    pub protocol: String,
}

/// On top of a container's grace period: the engine's own work.
const SLACK: Duration = Duration::from_secs(60);

impl Engine {
    /// Containers with all of these labels (`key=value` or `key`), stopped ones included. No
    /// labels: every container.
    ///
    /// # Errors
    /// No answer.
    pub async fn containers(&self, labels: &[String]) -> Result<Vec<ContainerSummary>> {
        let call = Call::get("list containers", &["containers", "json"])
            .query("all", "1")
            .labels(labels);
        self.wire.json(call).await
    }

    /// The containers of one (context, project), as planning sees them (spec §7.3).
    ///
    /// # Errors
    /// No answer; a container with our labels whose values are not valid.
    pub async fn observe(&self, key: &StackKey) -> Result<Vec<ContainerObserved>> {
        let labels = [
            format!("{}={}", Labels::CONTEXT, key.context),
            format!("{}={}", Labels::PROJECT, key.project),
        ];
        let found = self.containers(&labels).await?;
        let observed = found
            .iter()
            .map(|summary| observed::container(self.host().name(), summary));
        Ok(observed.collect::<crate::error::Result<_>>()?)
    }

    /// Every host port that a running container holds, of whichever project.
    ///
    /// # Errors
    /// No answer.
    pub async fn published(&self) -> Result<Vec<Published>> {
        let all = self.containers(&[]).await?;
        let ports = all.into_iter().flat_map(|container| {
            let id = container.id.unwrap_or_default();
            let ports = container.ports.unwrap_or_default().into_iter();
            ports.filter_map(move |port| {
                Some(Published {
                    container: id.clone(),
                    ip: port.ip.unwrap_or_default(),
                    port: port.public_port?,
                    protocol: port
                        .typ
                        .filter(|typ| *typ != PortSummaryTypeEnum::EMPTY)
                        .map_or_else(|| "tcp".to_owned(), |typ| typ.to_string()),
                })
            })
        });
        Ok(ports.collect())
    }

    /// Creates a container; its identifier and the engine's warnings. `body` is the Engine's
    /// create body: a [`Template`](crate::model::Template) or plain JSON.
    ///
    /// # Errors
    /// The name is taken (conflict), the image is missing (not found), the body is refused.
    pub async fn create_container(
        &self,
        name: &str,
        body: &impl Serialize,
        platform: Option<&str>,
    ) -> Result<ContainerCreateResponse> {
        let doing = format!("create container `{name}`");
        let mut call = Call::post(doing, &["containers", "create"]).query("name", name);
        if let Some(platform) = platform {
            call = call.query("platform", platform);
        }
        self.wire.json(call.json(body)?).await
    }

    /// Starts a container; one that runs already is fine.
    ///
    /// # Errors
    /// Not found; it cannot be started.
    pub async fn start(&self, container: &str) -> Result<()> {
        self.verb("start", container, |call| call).await
    }

    /// Asks a container to stop and kills it after `grace`; one that stopped already is fine.
    ///
    /// # Errors
    /// Not found.
    pub async fn stop(&self, container: &str, grace: Duration) -> Result<()> {
        self.verb("stop", container, |call| with_grace(call, grace))
            .await
    }

    /// Stops as [`Engine::stop`] and starts again.
    ///
    /// # Errors
    /// Not found; it cannot be started.
    pub async fn restart(&self, container: &str, grace: Duration) -> Result<()> {
        self.verb("restart", container, |call| with_grace(call, grace))
            .await
    }

    /// Sends a signal, by name or number.
    ///
    /// # Errors
    /// Not found; not running (conflict).
    pub async fn kill(&self, container: &str, signal: &str) -> Result<()> {
        self.verb("kill", container, |call| call.query("signal", signal))
            .await
    }

    /// Gives a container another name.
    ///
    /// # Errors
    /// Not found; the name is taken (conflict).
    pub async fn rename(&self, container: &str, name: &str) -> Result<()> {
        self.verb("rename", container, |call| call.query("name", name))
            .await
    }

    /// Removes a container and its anonymous volumes; `force` kills it first.
    ///
    /// # Errors
    /// Not found; it runs and `force` is not set (conflict).
    pub async fn remove_container(&self, container: &str, force: bool) -> Result<()> {
        let doing = format!("remove container `{container}`");
        let call = Call::delete(doing, &["containers", container])
            .query("v", "1")
            .query("force", if force { "1" } else { "0" });
        self.wire.done(call).await
    }

    /// Everything the engine knows of a container.
    ///
    /// # Errors
    /// Not found.
    pub async fn inspect(&self, container: &str) -> Result<ContainerInspectResponse> {
        let doing = format!("inspect container `{container}`");
        let call = Call::get(doing, &["containers", container, "json"]);
        self.wire.json(call).await
    }

    /// Waits until a container does not run; its exit status. Waits without limit.
    ///
    /// # Errors
    /// Not found; the engine lost track of it.
    pub async fn wait(&self, container: &str) -> Result<i64> {
        #[derive(serde::Deserialize)]
        #[serde(rename_all = "PascalCase")]
        struct Ended {
            status_code: i64,
        }
        let doing = format!("wait for container `{container}`");
        let call = Call::post(doing, &["containers", container, "wait"]).patience(None);
        let ended: Ended = self.wire.json(call).await?;
        Ok(ended.status_code)
    }

    async fn verb(
        &self,
        verb: &str,
        container: &str,
        with: impl FnOnce(Call) -> Call,
    ) -> Result<()> {
        let doing = format!("{verb} container `{container}`");
        let call = Call::post(doing, &["containers", container, verb]);
        self.wire.done(with(call)).await
    }
}

fn with_grace(call: Call, grace: Duration) -> Call {
    call.query("t", grace.as_secs().to_string())
        .patience(Some(grace + SLACK))
}
