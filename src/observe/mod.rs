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
use std::sync::Arc;

use futures_util::future::join_all;
use indexmap::IndexMap;

use crate::docker::{Node, Nodes};
use crate::error::{Kind, Result};
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
    /// What was seen a moment ago: a host that does not answer any more is taken for what it was
    /// then.
    pub before: Option<&'a Observed>,
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
    let silent = |(node, answer): (&Arc<Node>, Result<Seen>)| match (answer, wanted.before) {
        (Err(error), Some(before)) if error.kind() == Kind::Unreachable => {
            let Some(then) = before.hosts.get(node.name()) else {
                return Err(error);
            };
            events.warn(format!(
                "host `{}` does not answer any more, and is taken for what it was a moment ago: \
                 {error}",
                node.name()
            ));
            Ok((node.name().clone(), None, then.clone()))
        }
        (answer, _) => answer.map(|(copy, host)| (node.name().clone(), Some(copy), host)),
    };
    let answers = together(nodes.iter().zip(seen).map(silent).collect())?;
    let (mut copies, mut hosts) = (Vec::new(), IndexMap::new());
    for (name, copy, host) in answers {
        copies.extend(copy);
        hosts.insert(name, host);
    }
    if let (Some(before), true) = (wanted.before, copies.len() < hosts.len()) {
        // The newest copy may be on a host that is silent.
        return Ok(Observed {
            hosts,
            state: before.state.clone(),
            stale: before.stale.clone(),
        });
    }
    let found = newest(key, &copies)?;
    for warning in &found.warnings {
        events.warn(warning);
    }
    Ok(Observed {
        hosts,
        state: found.state,
        stale: found.stale,
    })
}

/// A host's copy of the state, and the rest.
type Seen = (Copy, HostObserved);

async fn host(
    node: &Node,
    question: &Question<'_>,
    images: &[Image],
    events: &Events,
) -> Result<Seen> {
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
        adoptable: have.adoptable,
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
