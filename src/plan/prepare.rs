//! What must be on a host before containers start: networks, volumes, files.

use std::collections::{BTreeMap, BTreeSet};

use indexmap::IndexMap;
use serde_json::{Value, json};

use super::fleet::{Fleet, Member};
use super::goal::Goal;
use super::networks::resolve_network;
use super::work::Work;
use super::{StagedFile, StepKind};
use crate::error::{Error, Result};
use crate::model::{Digest, HostName, Labels, StackKey};

/// One `prepare` step per host that lacks something.
///
/// # Errors
/// An external network does not exist on a host that needs it.
pub(super) fn steps(
    key: &StackKey,
    goal: &Goal,
    works: &[Work<'_>],
    fleet: &Fleet<'_>,
) -> Result<Vec<(HostName, StepKind)>> {
    let mut networks: BTreeMap<String, &String> = BTreeMap::new();
    for (network, defined) in &goal.networks {
        networks.insert(resolve_network(key, network, defined)?, network);
    }
    let mut steps = Vec::new();
    for member in &fleet.members {
        let here = || {
            works
                .iter()
                .filter(|work| work.fresh_hosts().contains(member.name()))
        };
        let mut on = BTreeSet::new();
        let mut volumes = IndexMap::new();
        let mut files: BTreeMap<String, StagedFile> = BTreeMap::new();
        for work in here() {
            let Some(configured) = work.configured.get(member.name()) else {
                continue;
            };
            for name in &configured.on {
                if !member.observed.networks.contains(name) {
                    on.insert(name.clone());
                }
            }
            for volume in &work.volumes {
                if !volume.external && !member.observed.volumes.contains(&volume.name) {
                    volumes.insert(volume.name.clone(), volume.key.clone());
                }
            }
            for file in &configured.files {
                files.insert(file.path.clone(), file.clone());
            }
        }
        let networks = on
            .iter()
            .filter_map(|name| networks.get(name).map(|network| (name, *network)))
            .map(|(name, network)| network_body(key, goal, member, name, network))
            .collect::<Result<Vec<_>>>()?;
        let volumes: Vec<Value> = volumes
            .iter()
            .map(|(name, volume)| {
                let defined = goal.volumes.get(volume).map(|defined| &defined.body);
                let label = Labels::COMPOSE_VOLUME;
                labelled(key, defined, name, volume, label)
            })
            .collect();
        if networks.is_empty() && volumes.is_empty() && files.is_empty() {
            continue;
        }
        steps.push((
            member.name().clone(),
            StepKind::Prepare {
                networks,
                volumes,
                files: files.into_values().collect(),
            },
        ));
    }
    Ok(steps)
}

fn network_body(
    key: &StackKey,
    goal: &Goal,
    member: &Member<'_>,
    name: &str,
    network: &str,
) -> Result<Value> {
    let defined = goal.networks.get(network);
    if defined.is_some_and(|defined| defined.external) {
        return Err(Error::user(format!(
            "the external network `{name}` does not exist on host `{}`",
            member.name()
        ))
        .hint(format!(
            "create it there with `docker network create {name}`, or drop `external: true`"
        )));
    }
    let body = defined.map(|defined| &defined.body);
    let label = Labels::COMPOSE_NETWORK;
    Ok(labelled(key, body, name, network, label))
}

/// The digest of what a person wrote about a network or a volume. What is made from it keeps it as
/// a label: engines change neither after they made it.
pub(super) fn settings(body: Option<&Value>) -> String {
    let written = body.filter(|body| body.as_object().is_some_and(|body| !body.is_empty()));
    let text = written.map_or_else(|| "{}".to_owned(), |body| sorted(body).to_string());
    Digest::of(text.as_bytes()).hex().to_owned()
}

/// With the keys of every object in order, whatever the order in the file.
fn sorted(value: &Value) -> Value {
    match value {
        Value::Object(map) => {
            let ordered: BTreeMap<&String, &Value> = map.iter().collect();
            let entries = ordered.into_iter();
            Value::Object(
                entries
                    .map(|(key, value)| (key.clone(), sorted(value)))
                    .collect(),
            )
        }
        Value::Array(items) => Value::Array(items.iter().map(sorted).collect()),
        other => other.clone(),
    }
}

/// The user's body with our name and labels.
fn labelled(
    key: &StackKey,
    body: Option<&Value>,
    name: &str,
    entry: &str,
    compose_label: &str,
) -> Value {
    let settings = settings(body);
    let mut body = body.cloned().unwrap_or_else(|| json!({}));
    if !body.is_object() {
        body = json!({});
    }
    body["Name"] = json!(name);
    if !body["Labels"].is_object() {
        body["Labels"] = json!({});
    }
    for (label, value) in [
        (Labels::CONTEXT, key.context.as_str()),
        (Labels::PROJECT, key.project.as_str()),
        (Labels::KEY, entry),
        (Labels::CONFIG, settings.as_str()),
        (
            Labels::COMPOSE_PROJECT,
            super::names::compose_project(key).as_str(),
        ),
        (compose_label, entry),
    ] {
        body["Labels"][label] = json!(value);
    }
    body
}
