//! One observation of the fleet per command.
//!
//! In: connected nodes, the context, the (context, project), and the images that may have to be
//! there. Out: [`Observed`]. Each host is asked by one script for all that files say and by a few
//! concurrent Engine calls for the rest, all hosts at once; failures of all hosts are reported
//! together.

mod engine;
mod files;
mod listening;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use futures_util::future::join_all;

use crate::docker::{Node, Nodes};
use crate::error::Result;
use crate::event::Events;
use crate::image::{Have, have as have_images};
use crate::model::{Context, HostName, HostObserved, Image, Observed, StackKey};
use crate::plan::paths::STATE_ROOT;
use crate::state::{Copy, newest, together};

use files::Question;
pub(crate) use listening::free;

/// What the observation must find out besides what it always does.
#[derive(Debug, Clone, Default)]
pub struct Wanted<'a> {
    /// Images that may have to be shipped: their blobs are looked for in the caches.
    pub images: Vec<&'a Image>,
    /// Per host, the files that the proxy driver may write.
    pub proxy_files: BTreeMap<HostName, Vec<String>>,
}

/// Observes every node.
///
/// # Errors
/// Hosts that cannot be asked, all of them in one error; a state that cannot be used.
pub async fn observe(
    nodes: &Nodes,
    context: &Context,
    key: &StackKey,
    wanted: &Wanted<'_>,
    events: &Events,
) -> Result<Observed> {
    let images: Vec<Image> = wanted.images.iter().copied().cloned().collect();
    let seen = join_all(nodes.iter().map(async |node| {
        let none = Vec::new();
        let question = Question {
            root: STATE_ROOT,
            key,
            cache: &context.artifacts.remote_cache_dir,
            proxy_files: wanted.proxy_files.get(node.name()).unwrap_or(&none),
        };
        // Boxed: the requests of all hosts together are large.
        Box::pin(host(node, &question, &images, events)).await
    }))
    .await;
    let (copies, hosts): (Vec<_>, Vec<_>) = together(seen)?.into_iter().unzip();
    let found = newest(key, &copies)?;
    for warning in &found.warnings {
        events.warn(warning);
    }
    let names = copies.into_iter().map(|copy| copy.host);
    Ok(Observed {
        hosts: names.zip(hosts).collect(),
        state: found.state,
        stale: found.stale,
    })
}

async fn host(
    node: &Node,
    question: &Question<'_>,
    images: &[Image],
    events: &Events,
) -> Result<(Copy, HostObserved)> {
    let (said, files, have) = tokio::try_join!(
        engine::ask(node, question.key, events),
        files::look(&node.host, question, events),
        have(node, question.cache, images),
    )?;
    let others = said.containers.other_ports;
    let ours = said.containers.our_ports;
    // The engine's own proxy listens on the ports our containers publish.
    let listening = files.listening.difference(&ours).copied();
    let host = HostObserved {
        platform: said.platform,
        engine: said.version,
        store: said.store,
        emulates: files.emulates,
        disk_free: files.disk_free,
        containers: said.containers.ours,
        taken_ports: listening.chain(others.iter().copied()).collect(),
        networks: said.networks,
        volumes: said.volumes,
        made_from: said.made_from,
        claims: files.claims,
        images: said.images,
        blobs: have.blobs,
        engine_layers: have.engine_layers,
        proxy_files: files.proxy,
    };
    Ok((files.state, host))
}

/// What the host has of the images. Nothing is asked when none are wanted.
async fn have(node: &Node, cache: &str, images: &[Image]) -> Result<Have> {
    if images.is_empty() {
        return Ok(Have::default());
    }
    have_images(node, cache, images).await
}
