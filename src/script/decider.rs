//! The planner's questions, answered by scripts (spec §8.4, §11.1, §13.4).

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use mlua::MultiValue;
use serde::{Deserialize, Serialize};

use super::decode::{decode, decode_list, encode_frozen, wrong};
use super::path::ScriptPath;
use super::scripts::Scripts;
use super::vm::{Answer, Powers, Vm};
use crate::error::Result;
use crate::event::Events;
use crate::model::{Digest, HostName, ProxyFile};
use crate::plan::{Batch, PlaceRequest, Plan, Policy, RenderRequest, RolloutRequest};

/// Decides with the project's scripts over the built-in ones. Its VM cannot touch a host.
#[derive(Debug)]
pub struct Decider {
    vm: Vm,
    /// The plan that the hooks agreed with last, as they saw it.
    agreed: Mutex<Option<Digest>>,
}

impl Decider {
    /// A decider with a fresh VM. `events` receives what scripts log.
    ///
    /// # Errors
    /// The VM cannot be made.
    pub fn new(scripts: &Scripts, events: &Events) -> Result<Self> {
        Ok(Self {
            vm: Vm::new(&Arc::new(scripts.clone()), events, Powers::Decide)?,
            agreed: Mutex::new(None),
        })
    }

    pub(super) fn vm(&self) -> &Vm {
        &self.vm
    }

    /// Shows the plan to the `plan` hooks of `hooks.lua`. A plan that is made again and turns out
    /// the same is not shown again.
    ///
    /// # Errors
    /// A hook denies (exit 3) or fails (exit 1).
    pub fn review(&self, plan: &Plan) -> Result<()> {
        self.vm.enter(|| {
            if super::hooks::registered(&self.vm, "plan")?.is_empty() {
                return Ok(());
            }
            let view = reviewed(plan);
            let digest = Digest::of(view.to_string().as_bytes());
            let mut agreed = self.agreed.lock().unwrap_or_else(PoisonError::into_inner);
            if agreed.as_ref() == Some(&digest) {
                return Ok(());
            }
            let view = encode_frozen(&self.vm.lua, &view)
                .map_err(|error| super::fault::explain(&error, "hooks"))?;
            super::hooks::announce(&self.vm, "plan", &view)?;
            *agreed = Some(digest);
            Ok(())
        })
    }
}

/// The plan without its state and without the contents of files: secrets stay out of the VM.
fn reviewed(plan: &Plan) -> serde_json::Value {
    let mut view = serde_json::json!(plan);
    view["state"] = serde_json::Value::Null;
    for stage in view["stages"].as_array_mut().into_iter().flatten() {
        for step in stage["steps"].as_array_mut().into_iter().flatten() {
            for file in step["files"].as_array_mut().into_iter().flatten() {
                if let Some(file) = file.as_object_mut() {
                    file.remove("source");
                }
            }
        }
    }
    view
}

/// `folder/name`, or an error that says what kind of name is wrong.
fn script(folder: &str, name: &str) -> Result<ScriptPath> {
    format!("{folder}/{name}").parse()
}

/// `place(service, hosts, current)`: the first argument.
#[derive(Serialize)]
struct PlacedService<'a> {
    name: &'a str,
    replicas: u32,
    max_per_host: Option<u32>,
}

/// `render(routes, host)`: the second argument.
#[derive(Serialize)]
struct RenderHost<'a> {
    name: &'a HostName,
    context: &'a str,
    project: &'a str,
}

/// A batch as scripts return it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ScriptBatch {
    replicas: Vec<u32>,
    start_first: bool,
}

/// A proxy file as scripts return it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ScriptFile {
    path: String,
    content: Option<String>,
}

impl Policy for Decider {
    fn place(&self, strategy: &str, request: &PlaceRequest) -> Result<BTreeMap<HostName, u32>> {
        self.vm.call(
            &script("placement", strategy)?,
            "place",
            |lua| {
                let service = PlacedService {
                    name: request.service.as_str(),
                    replicas: request.replicas,
                    max_per_host: request.max_per_host,
                };
                Ok(MultiValue::from_vec(vec![
                    encode_frozen(lua, &service)?,
                    encode_frozen(lua, &request.hosts)?,
                    encode_frozen(lua, &request.current)?,
                ]))
            },
            |lua, answer| {
                let place = answer.place.clone();
                let counts = decode(lua, answer, "host → number of replicas")?;
                placed(request, counts)
                    .map_err(|reason| wrong(&place, "a placement that can be carried out", reason))
            },
        )
    }

    fn order(&self, strategy: &str, request: &RolloutRequest) -> Result<Vec<Batch>> {
        self.vm.call(
            &script("rollout", strategy)?,
            "order",
            |lua| Ok(vec![encode_frozen(lua, request)?].into()),
            |lua, answer| {
                let place = answer.place.clone();
                let batches: Vec<ScriptBatch> = decode_list(lua, answer, "a list of batches")?;
                ordered(request, batches)
                    .map_err(|reason| wrong(&place, "an order that can be carried out", reason))
            },
        )
    }

    fn render(&self, driver: &str, request: &RenderRequest) -> Result<Vec<ProxyFile>> {
        self.vm.call(
            &script("proxy", driver)?,
            "render",
            |lua| {
                let host = RenderHost {
                    name: &request.host,
                    context: &request.context,
                    project: &request.project,
                };
                Ok(MultiValue::from_vec(vec![
                    encode_frozen(lua, &request.routes)?,
                    encode_frozen(lua, &host)?,
                ]))
            },
            rendered,
        )
    }
}

/// Only eligible hosts, all replicas, never above the cap (spec §8.4).
fn placed(
    request: &PlaceRequest,
    counts: BTreeMap<String, u32>,
) -> Result<BTreeMap<HostName, u32>, String> {
    let mut placement = BTreeMap::new();
    for (name, count) in counts {
        let host = request
            .hosts
            .iter()
            .find(|host| host.name.as_str() == name)
            .ok_or_else(|| {
                format!(
                    "host {name:?} is not eligible for service `{}`",
                    request.service
                )
            })?;
        if let Some(most) = request.max_per_host.filter(|most| count > *most) {
            return Err(format!(
                "{count} replicas on host `{name}` are above max_per_host {most}"
            ));
        }
        if count > 0 {
            placement.insert(host.name.clone(), count);
        }
    }
    let sum: u64 = placement.values().map(|count| u64::from(*count)).sum();
    if sum != u64::from(request.replicas) {
        return Err(format!(
            "it places {sum} of the {} replicas of service `{}`",
            request.replicas, request.service
        ));
    }
    Ok(placement)
}

/// Every changing replica exactly once; start-first only where it is possible.
fn ordered(request: &RolloutRequest, batches: Vec<ScriptBatch>) -> Result<Vec<Batch>, String> {
    let mut left: Vec<u32> = request.changes.iter().map(|c| c.replica).collect();
    let mut order = Vec::with_capacity(batches.len());
    for (index, batch) in batches.into_iter().enumerate() {
        let number = index + 1;
        if batch.start_first && !request.start_first {
            return Err(format!(
                "batch {number} is start-first, but two containers of service `{}` cannot run at \
                 once",
                request.service
            ));
        }
        for replica in &batch.replicas {
            let position = left.iter().position(|one| one == replica).ok_or_else(|| {
                format!(
                    "batch {number} has replica {replica}, which does not change or is listed twice"
                )
            })?;
            left.remove(position);
        }
        if !batch.replicas.is_empty() {
            order.push(Batch {
                replicas: batch.replicas,
                start_first: batch.start_first,
            });
        }
    }
    match left.first() {
        None => Ok(order),
        Some(replica) => Err(format!("replica {replica} is in no batch")),
    }
}

/// Absolute paths without tricks, each once.
fn rendered(lua: &mlua::Lua, answer: Answer) -> Result<Vec<ProxyFile>> {
    let place = answer.place.clone();
    let files: Vec<ScriptFile> = decode_list(lua, answer, "a list of files")?;
    let mut proxy_files: Vec<ProxyFile> = Vec::with_capacity(files.len());
    for ScriptFile { path, content } in files {
        check_path(&path).map_err(|reason| wrong(&place, "files that can be written", reason))?;
        if proxy_files.iter().any(|file| file.path == path) {
            return Err(wrong(
                &place,
                "files that can be written",
                format!("`{path}` is listed twice"),
            ));
        }
        proxy_files.push(ProxyFile { path, content });
    }
    Ok(proxy_files)
}

/// A path on a host that a script made up.
pub(crate) fn check_path(path: &str) -> std::result::Result<(), String> {
    let plain = path.starts_with('/')
        && !path.ends_with('/')
        && path.len() <= 1024
        && !path.chars().any(char::is_control)
        && path
            .split('/')
            .skip(1)
            .all(|part| !part.is_empty() && part != "." && part != "..");
    if plain {
        Ok(())
    } else {
        Err(format!("{path:?} is not an absolute path of a file"))
    }
}
