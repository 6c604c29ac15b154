//! Volumes.

use bollard::models::{Volume, VolumeListResponse};
use serde_json::Value;

use super::call::Call;
use super::{Engine, Result};

impl Engine {
    /// Volumes with all of these labels (`key=value` or `key`); no labels: every volume.
    ///
    /// # Errors
    /// No answer.
    pub async fn volumes(&self, labels: &[String]) -> Result<Vec<Volume>> {
        let call = Call::get("list volumes", &["volumes"]).labels(labels);
        let list: VolumeListResponse = self.wire.json(call).await?;
        Ok(list.volumes.unwrap_or_default())
    }

    /// Creates a volume from the Engine's create body, `Name` included. One of the same name and
    /// driver that is there already stays as it is.
    ///
    /// # Errors
    /// The name belongs to a volume of another driver (conflict).
    pub async fn create_volume(&self, body: &Value) -> Result<Volume> {
        let name = body["Name"].as_str().unwrap_or_default();
        let doing = format!("create volume `{name}`");
        let call = Call::post(doing, &["volumes", "create"]).json(body)?;
        self.wire.json(call).await
    }

    /// What the engine knows of a volume.
    ///
    /// # Errors
    /// Not found.
    pub async fn inspect_volume(&self, name: &str) -> Result<Volume> {
        let doing = format!("inspect volume `{name}`");
        self.wire.json(Call::get(doing, &["volumes", name])).await
    }

    /// Removes a volume and all it holds.
    ///
    /// # Errors
    /// Not found; a container uses it (conflict).
    pub async fn remove_volume(&self, name: &str) -> Result<()> {
        let doing = format!("remove volume `{name}`");
        self.wire
            .done(Call::delete(doing, &["volumes", name]))
            .await
    }
}
