//! Networks.

use bollard::models::{Network, NetworkInspect};
use serde::Serialize;
use serde_json::{Value, json};

use super::call::Call;
use super::{Engine, Result};

impl Engine {
    /// Networks with all of these labels (`key=value` or `key`); no labels: every network.
    ///
    /// # Errors
    /// No answer.
    pub async fn networks(&self, labels: &[String]) -> Result<Vec<Network>> {
        let call = Call::get("list networks", &["networks"]).labels(labels);
        self.wire.json(call).await
    }

    /// Creates a network from the Engine's create body, `Name` included.
    ///
    /// # Errors
    /// The name is taken (conflict); no address range is left.
    pub async fn create_network(&self, body: &Value) -> Result<()> {
        let name = body["Name"].as_str().unwrap_or_default();
        // Engines before 25 allow two networks of one name unless told to look.
        let mut body = body.clone();
        body["CheckDuplicate"] = json!(true);
        let doing = format!("create network `{name}`");
        let call = Call::post(doing, &["networks", "create"]).json(&body)?;
        self.wire.done(call).await
    }

    /// What the engine knows of a network.
    ///
    /// # Errors
    /// Not found.
    pub async fn inspect_network(&self, name: &str) -> Result<NetworkInspect> {
        let doing = format!("inspect network `{name}`");
        self.wire.json(Call::get(doing, &["networks", name])).await
    }

    /// Removes a network.
    ///
    /// # Errors
    /// Not found; containers use it (403).
    pub async fn remove_network(&self, name: &str) -> Result<()> {
        let doing = format!("remove network `{name}`");
        self.wire
            .done(Call::delete(doing, &["networks", name]))
            .await
    }

    /// Connects a container to a network; `endpoint` is the Engine's `EndpointConfig`.
    ///
    /// # Errors
    /// Not found; connected already (403).
    pub async fn connect_network(
        &self,
        network: &str,
        container: &str,
        endpoint: &impl Serialize,
    ) -> Result<()> {
        let doing = format!("connect container `{container}` to network `{network}`");
        let body = json!({ "Container": container, "EndpointConfig": endpoint });
        let call = Call::post(doing, &["networks", network, "connect"]).json(&body)?;
        self.wire.done(call).await
    }

    /// Disconnects a container from a network.
    ///
    /// # Errors
    /// Not found.
    pub async fn disconnect_network(&self, network: &str, container: &str) -> Result<()> {
        let doing = format!("disconnect container `{container}` from network `{network}`");
        let body = json!({ "Container": container, "Force": true });
        let call = Call::post(doing, &["networks", network, "disconnect"]).json(&body)?;
        self.wire.done(call).await
    }
}
