//! `push` begins to send images while this machine's engine still hands them out.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, mpsc};

use futures_util::{StreamExt, stream};
use tokio::sync::mpsc::UnboundedReceiver;

use crate::error::Result;
use crate::image::{self, Coming, Shipped, Shipping, Tidings};
use crate::model::{Digest, HostName, Observed, Project, Service};
use crate::state::Lease;

use super::registry::Way;
use super::rollout::{RolloutOptions, checked};
use super::survey::{Placed, placed};
use super::{Authority, Engine};

/// What was sent before there was a plan.
#[derive(Default)]
pub(super) struct Ahead {
    /// What travelled to each host.
    pub(super) shipped: BTreeMap<HostName, Shipped>,
    /// The project's lock, when it was needed.
    pub(super) lease: Option<Lease>,
    /// The fleet before anything was sent, when something was.
    pub(super) seen: Option<Observed>,
}

impl Ahead {
    /// Adds what another attempt sent.
    pub(super) fn add(&mut self, other: Self) {
        self.shipped.extend(other.shipped);
        self.lease = self.lease.take().or(other.lease);
        self.seen = other.seen.or(self.seen.take());
    }
}

impl Engine {
    /// Sends what comes to the hosts that will need it, until nothing comes any more or `stop` says
    /// so. What cannot be sent that way is sent later, when everything is known, so no error here is one of `push`.
    pub(super) async fn ahead(
        &self,
        authority: &Authority,
        options: &RolloutOptions,
        mut tidings: UnboundedReceiver<Tidings>,
        stop: &Arc<AtomicBool>,
    ) -> Ahead {
        let mut ahead = Ahead::default();
        if options.fanout || self.settings.context.artifacts.fanout {
            return ahead;
        }
        // Which images come is known when the first bytes do.
        let mut coming = Vec::new();
        let mut placed = None;
        let first = loop {
            match tidings.recv().await {
                Some(Tidings::Begun(image)) => {
                    coming.push(image);
                    if placed.is_none() {
                        placed = Some(self.reviewed(options).await.ok());
                    }
                }
                Some(first) => break first,
                None => return ahead,
            }
        };
        let Some((placed, seen)) = placed.flatten() else {
            return ahead;
        };
        let Ok(wanted) = self.wanted(&coming, &placed).await else {
            return ahead;
        };
        if wanted.is_empty() {
            return ahead;
        }
        let (Ok(nodes), Ok(store), Ok(key)) =
            (self.nodes().await, self.store().await, self.key().await)
        else {
            return ahead;
        };
        let Ok(lease) = self.lease(nodes, &key, authority, None).await else {
            return ahead;
        };
        ahead.lease = Some(lease);
        ahead.seen = Some(seen);
        let shipping = Shipping {
            context: &self.settings.context,
            nodes,
            store,
            events: &self.settings.events,
        };
        let images = wanted.values().flatten();
        let layers: BTreeSet<&Digest> = images.flat_map(|image| &image.layers).collect();
        let mut ends = Vec::new();
        let transfers = wanted.iter().filter_map(|(host, images)| {
            let node = nodes.get(host)?;
            let (to, from) = mpsc::channel();
            ends.push(to);
            Some(async move { (host.clone(), shipping.ahead(node, images, from, stop).await) })
        });
        let transfers: Vec<_> = transfers.collect();
        let pass_on = async {
            let mut next = Some(first);
            while let Some(one) = next {
                let useful = match &one {
                    Tidings::Layer(layer) => layers.contains(&layer.blob.digest),
                    Tidings::Begun(_) | Tidings::Here(..) => true,
                };
                for end in ends.iter().filter(|_| useful) {
                    // A host that is not served has no use for it.
                    let _ = end.send(one.clone());
                }
                next = tidings.recv().await;
            }
            drop(ends);
        };
        let at_once = self.settings.context.artifacts.concurrency.max(1);
        let transfers = stream::iter(transfers).buffer_unordered(at_once);
        let results = tokio::select! {
            (results, ()) = futures_util::future::join(transfers.collect::<Vec<_>>(), pass_on) => results,
            // What is on its way over a thin line is not waited for.
            () = self.settings.interrupt.requested() => Vec::new(),
        };
        for (host, result) in results {
            ahead.shipped.insert(host, result.unwrap_or_default());
        }
        ahead
    }

    /// Where the replicas of each service will be in this fleet, by a plan that the project's hooks agree with.
    /// They are asked again, aloud, when the images are known: what refuses now refuses then.
    async fn reviewed(&self, options: &RolloutOptions) -> Result<(Placed, Observed)> {
        let (plan, observed) = self.forecast(options).await?;
        let plan = checked(plan, &observed, self.silent_decider()?)?;
        Ok((placed(plan), observed))
    }

    /// The images that each host will need of those that come.
    async fn wanted(
        &self,
        coming: &[Coming],
        placed: &Placed,
    ) -> Result<BTreeMap<HostName, Vec<Coming>>> {
        let project = self.project().await?;
        let ways = self.ways(project, &placed.keys().cloned().collect::<Vec<_>>())?;
        let mut wanted: BTreeMap<HostName, Vec<Coming>> = BTreeMap::new();
        for (name, hosts) in placed {
            let service = project.services.get(name);
            let sent = ways.get(name) == Some(&Way::Sent);
            let Some(service) = service.filter(|_| sent) else {
                continue;
            };
            let Some(image) = coming.iter().find(|one| is_of(project, service, one)) else {
                continue;
            };
            for host in hosts {
                let images = wanted.entry(host.clone()).or_default();
                if !images.iter().any(|one| one.id == image.id) {
                    images.push(image.clone());
                }
            }
        }
        Ok(wanted)
    }
}

fn is_of(project: &Project, service: &Service, image: &Coming) -> bool {
    image::reference(project, service).is_ok_and(|name| name == image.reference)
}
