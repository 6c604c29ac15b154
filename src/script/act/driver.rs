//! `proxy/<driver>.lua` outside a rollout: `webpods proxy status|reload`, `down` of a project.

use std::sync::Arc;

use mlua::{IntoLua as _, MultiValue, Value};
use serde::{Deserialize, Serialize};

use super::{Metered, Stage};
use crate::docker::Node;
use crate::error::{Error, Result};
use crate::event::Events;
use crate::model::Route;
use crate::script::api::ScriptHost;
use crate::script::decode::{decode, encode_frozen};
use crate::script::fault::explain;
use crate::script::path::ScriptPath;
use crate::script::scripts::Scripts;
use crate::script::vm::{Answer, Powers, Vm};

/// A proxy driver that can be asked about hosts.
pub struct ProxyDriver {
    vm: Vm,
    path: ScriptPath,
    events: Events,
}

/// What a driver says of a host's proxy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProxyStatus {
    /// It answers.
    pub running: bool,
    /// Its version, as it gives it.
    #[serde(default)]
    pub version: Option<String>,
    /// What is wrong, or worth knowing.
    #[serde(default)]
    pub message: Option<String>,
    /// Domains it serves.
    #[serde(default)]
    pub domains: Vec<String>,
}

impl ProxyDriver {
    /// The driver `proxy/<name>.lua` in a fresh VM.
    ///
    /// # Errors
    /// There is no such driver; the VM cannot be made.
    pub fn new(scripts: &Scripts, name: &str, events: &Events) -> Result<Self> {
        let path: ScriptPath = format!("proxy/{name}").parse()?;
        scripts.source(&path)?;
        Ok(Self {
            vm: Vm::new(&Arc::new(scripts.clone()), events, Powers::Act)?,
            path,
            events: events.clone(),
        })
    }

    /// How the proxy of this host is doing.
    ///
    /// # Errors
    /// The script's; an answer of another shape.
    pub async fn status(&self, node: &Arc<Node>) -> Result<ProxyStatus> {
        let answer = self.call(node, "status", None).await?;
        decode(&self.vm.lua, answer, "a proxy's status")
    }

    /// Makes the proxy read its files again, after checking them.
    ///
    /// # Errors
    /// The script's: the proxy does not run, refuses the files, cannot be reached.
    pub async fn reload(&self, node: &Arc<Node>) -> Result<()> {
        self.call(node, "reload", None).await.map(drop)
    }

    /// Checks that these routes are live.
    ///
    /// # Errors
    /// One is not; the script's.
    pub async fn verify(&self, node: &Arc<Node>, routes: &[Route]) -> Result<()> {
        let routes = serde_json::to_value(routes)
            .map_err(|error| Error::user("routes cannot be handed to a script").cause(error))?;
        self.call(node, "verify", Some(routes)).await.map(drop)
    }

    /// Takes a project's files away and reloads the proxy.
    ///
    /// # Errors
    /// The script's.
    pub async fn remove(&self, node: &Arc<Node>, context: &str, project: &str) -> Result<()> {
        let project = serde_json::json!({ "context": context, "project": project });
        self.call(node, "remove", Some(project)).await.map(drop)
    }

    async fn call(
        &self,
        node: &Arc<Node>,
        name: &'static str,
        subject: Option<serde_json::Value>,
    ) -> Result<Answer> {
        let (vm, path) = (self.vm.clone(), self.path.clone());
        let stage = Stage {
            node: Arc::clone(node),
            events: self.events.clone(),
            step: None,
        };
        Metered::new(&self.vm.meter, async move {
            let (function, place) = vm.function(&path, name)?;
            let arguments = || -> mlua::Result<Vec<Value>> {
                let mut arguments = vec![ScriptHost::new(stage).into_lua(&vm.lua)?];
                if let Some(subject) = subject {
                    arguments.push(encode_frozen(&vm.lua, &subject)?);
                }
                Ok(arguments)
            };
            let arguments = arguments().map_err(|error| explain(&error, &place))?;
            let value = function
                .call_async(MultiValue::from_vec(arguments))
                .await
                .map_err(|error| explain(&error, &place))?;
            Ok(Answer { value, place })
        })
        .await
    }
}
