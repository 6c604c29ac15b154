//! Starting a lab, or finishing one that was left half-made.

use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};

use futures_util::future::try_join_all;
use serde::Serialize;

use super::docker::{self, Node};
use super::folders::{Folders, write};
use super::node::Blueprint;
use super::settings::Wanted;
use super::{context_file, image, keys, lock, network, node, program, ready};
use crate::error::Result;
use crate::event::Events;
use crate::model::{ContextName, HostName};

/// A lab that runs.
#[derive(Debug, Clone, Serialize)]
pub struct Lab {
    /// Its name, and that of its context.
    pub name: ContextName,
    /// Its nodes, all of them ready.
    pub nodes: Vec<Node>,
    /// What the engine of the first node calls itself.
    pub engine: String,
    /// The context file.
    pub context: PathBuf,
}

/// Starts the lab `name` and writes its context below `project`, the folder of the Compose
/// files. What is there already is kept; `wanted.nodes` adds or removes nodes at the end.
///
/// # Errors
/// No Docker or ssh on this machine, a lab of this name with other settings, a context file that
/// is not ours, an image that cannot be made, a node that does not come up.
pub async fn up(
    folders: &Folders,
    name: &ContextName,
    wanted: Wanted,
    project: &Path,
    events: &Events,
) -> Result<Lab> {
    let arch = docker::connect().await?;
    program::output("ssh", &["-V"]).await?;
    let context = context_file::claim(&project.join(".webpods"), name)?;
    let _lock = lock::hold(
        &folders.lock(name.as_str()),
        &format!("lab `{name}`"),
        events,
    )
    .await?;

    let existing = docker::nodes(Some(name)).await?;
    let before = match existing.first() {
        Some(node) => Some((node.settings()?, highest(&existing))),
        None => None,
    };
    let (settings, count) = wanted.resolve(name.as_str(), before)?;
    let image = image::ensure(folders, settings.engine, &arch, events).await?;
    let network = network::ensure(name).await?;
    let nodes: Vec<(HostName, Ipv4Addr)> = (1..=count)
        .map(|number| Ok((format!("node-{number}").parse()?, network.addr(number)?)))
        .collect::<Result<_>>()?;

    keys::ensure_login(folders, name).await?;
    let surplus = existing.iter().filter(|node| unwanted(node, &nodes));
    try_join_all(surplus.map(|node| node::remove(name, &node.name))).await?;
    for (node, _) in &nodes {
        keys::ensure(folders, name, node, settings).await?;
    }
    let known_hosts: String = nodes
        .iter()
        .map(|(node, addr)| keys::known_host(folders, name, node, *addr))
        .collect::<Result<_>>()?;
    write(&folders.known_hosts(name), &known_hosts)?;

    events.notice(format!("starting {count} nodes"));
    try_join_all(nodes.iter().map(async |(node, addr)| {
        if !existing
            .iter()
            .any(|old| old.name == *node && old.addr == *addr)
        {
            let blueprint = Blueprint {
                lab: name,
                name: node,
                addr: *addr,
                network: &network.name,
                image: &image,
                settings,
            };
            blueprint.make().await?;
        }
        node::start(folders, name, node).await
    }))
    .await?;

    let running = docker::nodes(Some(name)).await?;
    let versions = try_join_all(running.iter().map(|node| ready::wait(folders, node))).await?;
    let text = context_file::render(name, &nodes, settings.user, folders, project);
    context_file::save(folders, name, &context, &text)?;
    Ok(Lab {
        name: name.clone(),
        nodes: running,
        engine: versions.into_iter().next().unwrap_or_default(),
        context,
    })
}

/// The highest number in use, so that a lab that lost a node gets it back.
fn highest(nodes: &[Node]) -> u8 {
    nodes.iter().filter_map(Node::number).max().unwrap_or(1)
}

/// A node past the wanted number, or one whose address is not the network's any more.
fn unwanted(node: &Node, wanted: &[(HostName, Ipv4Addr)]) -> bool {
    !wanted
        .iter()
        .any(|(name, addr)| *name == node.name && *addr == node.addr)
}
