//! Removing a lab with everything that was made for it.

use std::fs;
use std::path::PathBuf;

use futures_util::future::try_join_all;

use super::docker::{LAB, ask, connect, docker, nodes};
use super::folders::Folders;
use super::image::REPOSITORY;
use super::{context_file, lock, network, node};
use crate::error::{Explain, Result};
use crate::event::Events;
use crate::model::{ContextName, HostName};

/// What `lab down` removed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Removed {
    /// Nodes, with their volumes.
    pub nodes: Vec<HostName>,
    /// Context files that were still ours.
    pub contexts: Vec<PathBuf>,
}

/// Removes nodes, volumes, network, keys and context files of the lab. The node image stays, for
/// the next lab. Nothing there is nothing to do.
///
/// # Errors
/// The engine does not answer, or refuses.
pub async fn down(folders: &Folders, name: &ContextName, events: &Events) -> Result<Removed> {
    connect().await?;
    let _lock = lock::hold(
        &folders.lock(name.as_str()),
        &format!("lab `{name}`"),
        events,
    )
    .await?;
    let nodes: Vec<HostName> = nodes(Some(name))
        .await?
        .into_iter()
        .map(|n| n.name)
        .collect();
    try_join_all(nodes.iter().map(|host| node::remove(name, host))).await?;

    // What an interrupted `lab up` left behind has the label too.
    let filter = format!("label={LAB}={name}");
    let volumes = docker(&["volume", "ls", "--quiet", "--filter", &filter]).await?;
    for volume in volumes.lines() {
        ask(&["volume", "rm", volume]).await?;
    }
    let network = network::name(name);
    for network in [format!("{network}-probe"), network] {
        ask(&["network", "rm", &network]).await?;
    }
    let contexts = context_file::remove(folders, name)?;
    let folder = folders.lab(name);
    if folder.exists() {
        fs::remove_dir_all(&folder)
            .explain(|| format!("cannot remove folder `{}`", folder.display()))?;
    }
    Ok(Removed { nodes, contexts })
}

/// Removes every node image, of whatever engine. Returns their names.
///
/// # Errors
/// A lab still uses one of them.
pub async fn remove_images() -> Result<Vec<String>> {
    connect().await?;
    let format = "{{.Repository}}:{{.Tag}}";
    let listed = docker(&["images", "--format", format, REPOSITORY]).await?;
    let mut removed = Vec::new();
    for image in listed.lines() {
        ask(&["rmi", image]).await?;
        removed.push(image.to_owned());
    }
    Ok(removed)
}
