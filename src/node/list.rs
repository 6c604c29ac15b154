//! The hosts of a context and how they are.

use std::collections::BTreeMap;

use futures_util::future::join_all;
use serde::Serialize;

use crate::docker::{Node, Nodes};
use crate::error::Result;
use crate::event::Events;
use crate::model::{Context, HostName, Labels, Store};

use super::facts;

/// One host.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Row {
    /// Its name in the inventory.
    pub name: HostName,
    /// Its ssh address; `local` for this machine.
    pub addr: String,
    /// From the inventory.
    pub labels: BTreeMap<String, String>,
    /// What its engine says; none when it cannot be used.
    pub engine: Option<Answer>,
    /// Why it cannot be used.
    pub error: Option<String>,
}

/// What a host that can be used says.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Answer {
    /// The engine's version.
    pub version: String,
    /// How it stores images.
    pub store: Store,
    /// `linux/amd64`.
    pub platform: String,
    /// Bytes free where the cache is.
    pub disk_free: Option<u64>,
    /// Containers of webpods, of any context and project.
    pub containers: usize,
    /// All containers.
    pub containers_total: usize,
}

/// These hosts in inventory order.
///
/// # Errors
/// A host that the context does not have.
pub fn select(context: &Context, hosts: &[HostName]) -> Result<Vec<HostName>> {
    let nodes = Nodes::select(context, hosts, &Events::none())?;
    Ok(nodes.iter().map(|node| node.name().clone()).collect())
}

/// Asks all these hosts at once. One that does not answer is a row with an error.
///
/// # Errors
/// A host that the context does not have; ssh settings that cannot be used.
pub async fn list(context: &Context, hosts: &[HostName], events: &Events) -> Result<Vec<Row>> {
    let nodes = Nodes::select(context, hosts, events)?;
    let rows = nodes.iter().map(async |node| {
        let answer = Box::pin(ask(context, node)).await;
        let (engine, error) = match answer {
            Ok(answer) => (Some(answer), None),
            Err(error) => (None, Some(error.to_string())),
        };
        let host = context.host(node.name());
        let addr = host
            .filter(|host| !host.local)
            .map(|host| host.addr.clone());
        Row {
            name: node.name().clone(),
            addr: addr.unwrap_or_else(|| "local".to_owned()),
            labels: host.map(|host| host.labels.clone()).unwrap_or_default(),
            engine,
            error,
        }
    });
    Ok(join_all(rows).await)
}

async fn ask(context: &Context, node: &Node) -> Result<Answer> {
    node.host.connect().await?;
    let engine = node.engine().await?;
    let (containers, facts) = tokio::join!(engine.containers(&[]), facts::gather(context, node));
    let containers = containers?;
    let ours = containers.iter().filter(|it| {
        it.labels
            .as_ref()
            .is_some_and(|labels| labels.contains_key(Labels::CONTEXT))
    });
    let identity = engine.identity();
    Ok(Answer {
        version: identity.version.clone(),
        store: identity.store,
        platform: identity.platform.clone(),
        disk_free: facts?.disk_free,
        containers: ours.count(),
        containers_total: containers.len(),
    })
}
