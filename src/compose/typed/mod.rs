//! The typed project, read from the canonical model.
//!
//! In: the model with its places and its printed form, whose values already have their types. Out:
//! [`Project`]. What webpods cannot carry out as written is said in `warnings`.

mod build;
mod capabilities;
mod extensions;
mod files;
mod hooks;
mod labels;
mod mounts;
mod networks;
mod read;
mod relations;
mod resources;
mod support;
mod template;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use indexmap::IndexMap;
use serde_json::Value as Json;

use super::diagnose::{Checked, Problem};
use super::node::Node;
use super::render;
use super::source::Span;
use crate::model::{
    NamedVolume, PortPublication, Project, ProjectName, Service, ServiceName, UpdateOrder,
};
use read::{flag, items, number, object, string, strings, texts};

pub use support::page;

/// What the project is read from.
pub struct Input<'a> {
    /// Its name.
    pub name: ProjectName,
    /// Its folder, absolute.
    pub folder: &'a Path,
    /// The files it is made of, without those that they include or extend.
    pub files: &'a [PathBuf],
    /// The completed model.
    pub model: &'a Node,
    /// Its printed form without the services: theirs is made one at a time.
    pub tree: &'a Json,
    /// What variables are set to, for configs and secrets.
    pub environment: &'a BTreeMap<String, String>,
    /// Gets what cannot be carried out as written.
    pub warnings: &'a mut Vec<String>,
    /// Only problems and warnings are wanted: the project is left without services.
    pub check_only: bool,
}

/// A project without services, for output that needs none.
pub fn empty(name: ProjectName, folder: &Path) -> Project {
    Project {
        name,
        working_dir: folder.to_owned(),
        services: IndexMap::new(),
        networks: IndexMap::new(),
        volumes: IndexMap::new(),
        warnings: Vec::new(),
    }
}

/// Reads the project.
pub fn project(input: &mut Input<'_>) -> Checked<Project> {
    let mut project = empty(input.name.clone(), input.folder);
    let mut problems = Vec::new();
    support::check(input.model, input.warnings, &mut problems);
    let services = input.model.get("services").and_then(Node::as_map);
    for (key, entry) in services.into_iter().flatten() {
        let Ok(name) = key.parse::<ServiceName>() else {
            let message = format!("services: {key:?} is too long or not a valid name");
            problems.push(Problem::new(entry.key_at, message));
            continue;
        };
        let tree = &render::service(key, &entry.node);
        let keys = tree.as_object().into_iter().flat_map(|map| map.keys());
        input.warnings.extend(extensions::misspelt(key, keys));
        match service(&name, &entry.node, tree, input) {
            // A thousand services that nobody asks for are a lot of memory.
            Ok(_) if input.check_only => {}
            Ok(service) => {
                project.services.insert(name, service);
            }
            Err(mut more) => problems.append(&mut more),
        }
    }
    for (key, tree) in object(&input.tree["networks"]) {
        let node = input.model.find(&["networks", key]);
        project
            .networks
            .insert(key.clone(), networks::network(key, node, tree));
    }
    for (key, tree) in object(&input.tree["volumes"]) {
        let node = input.model.find(&["volumes", key]);
        project.volumes.insert(key.clone(), volume(key, node, tree));
    }
    if !problems.is_empty() {
        return Err(problems);
    }
    project.warnings.clone_from(input.warnings);
    Ok(project)
}

fn service(
    name: &ServiceName,
    node: &Node,
    tree: &Json,
    input: &mut Input<'_>,
) -> Checked<Service> {
    let key = name.as_str();
    let update = &tree["deploy"]["update_config"];
    let disabled = flag(&tree["healthcheck"]["disable"])
        || texts(&tree["healthcheck"]["test"])
            .first()
            .map(String::as_str)
            == Some("NONE");
    let replicas = number(&tree["deploy"]["replicas"]).or_else(|| number(&tree["scale"]));
    let replicas = u32::try_from(replicas.unwrap_or(1)).map_err(|_| {
        let message = format!("services.{key}: the number of replicas is not valid");
        vec![Problem::new(node.at, message)]
    })?;
    let grace = read::nanoseconds(&tree["stop_grace_period"]).unwrap_or(10_000_000_000);
    let mut mounts = mounts::read(tree, input.folder);
    let mut files = files::read(key, "configs", tree, input, &mut mounts)?;
    files.extend(files::read(key, "secrets", tree, input, &mut mounts)?);
    Ok(Service {
        name: name.clone(),
        image: string(&tree["image"]),
        build: build::read(key, &tree["build"], input)?,
        platform: string(&tree["platform"]),
        replicas,
        placement: relations::placement(extensions::placement(key, node)?, tree),
        ingress: extensions::ingress(key, node)?,
        template: template::read(key, node, tree, input)?,
        mounts,
        files,
        networks: networks::read(tree),
        network_mode: string(&tree["network_mode"]),
        ports: ports(tree),
        depends_on: relations::depends_on(tree),
        container_name: string(&tree["container_name"]),
        stop_grace: Duration::from_nanos(u64::try_from(grace).unwrap_or(0)),
        healthcheck: tree["healthcheck"].get("test").is_some() && !disabled,
        parallelism: number(&update["parallelism"])
            .and_then(|value| u32::try_from(value).ok())
            .unwrap_or(1),
        update_delay: seconds(&update["delay"]),
        update_monitor: seconds(&update["monitor"]),
        update_order: match update["order"].as_str() {
            Some("start-first") => Some(UpdateOrder::StartFirst),
            Some("stop-first") => Some(UpdateOrder::StopFirst),
            _ => None,
        },
        rollout: extensions::rollout(key, node)?,
        image_source: extensions::artifacts(key, node)?,
        mode: relations::mode(tree),
        may_end: relations::may_end(tree),
        links: relations::links(tree),
        pull_policy: relations::pull_policy(tree),
        volumes_from: relations::volumes_from(tree),
        post_start: hooks::read(tree, "post_start"),
        pre_stop: hooks::read(tree, "pre_stop"),
        attach: tree["attach"].as_bool() != Some(false),
        compose_labels: labels::read(tree, input),
    })
}

/// A duration in whole seconds, at least one when it is not nothing.
fn seconds(tree: &Json) -> u64 {
    let nanoseconds = read::nanoseconds(tree).and_then(|value| u64::try_from(value).ok());
    nanoseconds.unwrap_or(0).div_ceil(1_000_000_000)
}

fn ports(tree: &Json) -> Vec<PortPublication> {
    let mut ports = Vec::new();
    for port in items(&tree["ports"]) {
        let Some(target) = number(&port["target"]).and_then(|value| u16::try_from(value).ok())
        else {
            continue;
        };
        let published = string(&port["published"]).unwrap_or_default();
        let (first, last) = match published.split_once('-') {
            Some((first, last)) => (first, last.parse().ok()),
            None => (published.as_str(), None),
        };
        let published = first.parse().ok();
        ports.push(PortPublication {
            target,
            published,
            last: last.filter(|last| published.is_some_and(|first: u16| first < *last)),
            host_ip: string(&port["host_ip"]),
            protocol: string(&port["protocol"]).unwrap_or_else(|| "tcp".to_owned()),
        });
    }
    ports
}

/// The name a person wrote; what normalisation made up has no place in a file.
fn written_name(key: &str, node: Option<&Node>, external: bool, tree: &Json) -> Option<String> {
    let written = node.and_then(|node| node.get("name"));
    match written {
        Some(name) if name.at != Span::NOWHERE => name.as_str().map(str::to_owned),
        _ if external => string(&tree["name"]).or_else(|| Some(key.to_owned())),
        _ => None,
    }
}

fn volume(key: &str, node: Option<&Node>, tree: &Json) -> NamedVolume {
    let external = flag(&tree["external"]);
    let mut body = serde_json::Map::new();
    for (from, to) in [
        ("driver", "Driver"),
        ("driver_opts", "DriverOpts"),
        ("labels", "Labels"),
    ] {
        if let Some(value) = tree.get(from) {
            body.insert(to.to_owned(), value.clone());
        }
    }
    NamedVolume {
        name: written_name(key, node, external, tree),
        external,
        body: Json::Object(body),
    }
}

/// The pairs of an object as strings.
fn pairs(tree: &Json) -> IndexMap<String, String> {
    strings(tree).collect()
}
