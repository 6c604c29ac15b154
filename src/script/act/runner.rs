//! Carries out steps with `steps/<kind>.lua`, and announces them to `hooks.lua`.

use std::sync::Arc;

use mlua::{IntoLua as _, MultiValue, Value};
use serde_json::json;

use super::{Metered, Scene, Stage};
use crate::apply::{StepFuture, StepRunner};
use crate::docker::{Node, Nodes};
use crate::error::{Error, Result};
use crate::plan::{FileSource, Step, StepKind};
use crate::script::api::{self, ScriptHost};
use crate::script::decode::encode_frozen;
use crate::script::fault::explain;
use crate::script::hooks;
use crate::script::path::ScriptPath;
use crate::script::scripts::Scripts;
use crate::script::vm::{Powers, Vm, place_of};

/// Runs steps on connected hosts.
pub struct Runner {
    vm: Vm,
    nodes: Nodes,
    scene: Arc<Scene>,
}

impl Runner {
    /// A runner with a fresh VM.
    ///
    /// # Errors
    /// The VM cannot be made.
    pub fn new(scripts: &Scripts, scene: Scene, nodes: &Nodes) -> Result<Self> {
        let vm = Vm::new(&Arc::new(scripts.clone()), &scene.events, Powers::Act)?;
        api::offer_plan(&vm, &scene.plan)?;
        Ok(Self {
            vm,
            nodes: nodes.clone(),
            scene: Arc::new(scene),
        })
    }

    /// Does `step` on `node`, with the hooks before and after it.
    ///
    /// # Errors
    /// The script's, which are those of the primitives it calls; a hook denies or fails.
    pub async fn run_on(&self, node: &Arc<Node>, step: &Step) -> Result<()> {
        self.perform(node, step, Part::Run).await
    }

    /// Takes `step` back on `node`; a kind whose script has no `undo` leaves nothing to take back.
    ///
    /// # Errors
    /// The script's.
    pub async fn undo_on(&self, node: &Arc<Node>, step: &Step) -> Result<()> {
        self.perform(node, step, Part::Undo).await
    }

    /// Tells `released` hooks that the release serves.
    ///
    /// # Errors
    /// A hook's; the release serves all the same.
    pub async fn announce_released(&self) -> Result<()> {
        self.announce("released", Vec::new()).await
    }

    /// Tells `failed` hooks that the rollout failed and why.
    ///
    /// # Errors
    /// A hook's.
    pub async fn announce_failed(&self, why: &Error) -> Result<()> {
        self.announce("failed", vec![why.to_string()]).await
    }

    async fn announce(&self, event: &'static str, words: Vec<String>) -> Result<()> {
        let vm = self.vm.clone();
        Metered::new(&self.vm.meter, async move {
            let mut arguments = vec![api::plan_of(&vm)?];
            for word in words {
                let word = word.into_lua(&vm.lua);
                arguments.push(word.map_err(|error| explain(&error, event))?);
            }
            call_hooks(&vm, event, &arguments).await
        })
        .await
    }

    async fn perform(&self, node: &Arc<Node>, step: &Step, part: Part) -> Result<()> {
        let path: ScriptPath = format!("steps/{}", step.kind.name()).parse()?;
        let vm = self.vm.clone();
        let stage = Stage {
            node: Arc::clone(node),
            events: self.scene.events.clone(),
            step: Some((Arc::new(step.clone()), Arc::clone(&self.scene))),
        };
        let step = view(step);
        let kind = path.as_str().trim_start_matches("steps/").to_owned();
        Metered::new(&self.vm.meter, async move {
            let arguments = || -> mlua::Result<Vec<Value>> {
                let host = ScriptHost::new(stage).into_lua(&vm.lua)?;
                Ok(vec![host, encode_frozen(&vm.lua, &step)?])
            };
            let arguments = arguments().map_err(|error| explain(&error, path.as_str()))?;
            let function = match part {
                Part::Run => {
                    call_hooks(&vm, &format!("before_{kind}"), &arguments).await?;
                    Some(vm.function(&path, "run")?)
                }
                Part::Undo => vm.optional_function(&path, "undo")?,
            };
            let Some((function, place)) = function else {
                return Ok(());
            };
            function
                .call_async::<()>(MultiValue::from_vec(arguments.clone()))
                .await
                .map_err(|error| explain(&error, &place))?;
            match part {
                Part::Run => call_hooks(&vm, &format!("after_{kind}"), &arguments).await,
                Part::Undo => Ok(()),
            }
        })
        .await
    }

    fn node(&self, step: &Step) -> Result<&Arc<Node>> {
        self.nodes.get(&step.host).ok_or_else(|| {
            Error::user(format!(
                "the plan has a step on host `{}`, which is not connected",
                step.host
            ))
        })
    }
}

impl StepRunner for Runner {
    fn run<'a>(&'a self, step: &'a Step) -> StepFuture<'a> {
        Box::pin(async move { self.run_on(self.node(step)?, step).await })
    }

    fn undo<'a>(&'a self, step: &'a Step) -> StepFuture<'a> {
        Box::pin(async move { self.undo_on(self.node(step)?, step).await })
    }
}

#[derive(Clone, Copy)]
enum Part {
    Run,
    Undo,
}

/// Hooks may wait for hosts, so they are called like steps.
async fn call_hooks(vm: &Vm, event: &str, arguments: &[Value]) -> Result<()> {
    for function in hooks::registered(vm, event)? {
        let place = place_of(&function);
        function
            .call_async::<()>(MultiValue::from_vec(arguments.to_vec()))
            .await
            .map_err(|error| explain(&error, &place))?;
    }
    Ok(())
}

/// The step as its script sees it: file contents stay outside the VM.
fn view(step: &Step) -> serde_json::Value {
    let mut view = json!(step);
    if let StepKind::Prepare { files, .. } = &step.kind {
        view["files"] = files
            .iter()
            .map(|file| {
                let folder = matches!(&file.source, FileSource::Local(path) if path.is_dir());
                json!({
                    "path": file.path,
                    "mode": file.mode,
                    "secret": file.secret,
                    "folder": folder,
                })
            })
            .collect();
    }
    view
}
