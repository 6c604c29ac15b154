//! The last part of `push`: bytes to hosts, and images into their engines.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::{StreamExt, stream};

use super::{Engine, Sent};
use crate::error::{Error, Result};
use crate::image::{Shipped, Shipping};
use crate::model::{HostName, Image};
use crate::plan::{BlobShipment, Plan, PlannedHost};

impl Engine {
    /// Sends what this machine sends, then has hosts pass the rest on, then has all load their
    /// images. A host whose source got nothing is served from here. `shipped` is what hosts got
    /// before.
    ///
    /// # Errors
    /// A host cannot be reached or is full, or its engine refuses an image. The others have theirs.
    pub(super) async fn send(
        &self,
        plan: &Plan,
        shipped: BTreeMap<HostName, Shipped>,
    ) -> Result<Vec<Sent>> {
        let mut sending = Sending {
            shipping: Shipping {
                context: &self.settings.context,
                nodes: self.nodes().await?,
                store: self.store().await?,
                events: &self.settings.events,
            },
            shipped,
            failed: BTreeSet::new(),
            failure: None,
        };
        let mut loads: Vec<Load> = plan.hosts.iter().map(|host| Load::of(plan, host)).collect();
        sending.ship(&loads, |blob| blob.from.is_none()).await;
        for load in &mut loads {
            load.blobs.retain(|blob| blob.from.is_some());
            serve_directly(&mut load.blobs, &sending.failed);
        }
        sending.ship(&loads, |_| true).await;
        sending.load(&loads).await;
        match sending.failure {
            Some(error) => Err(error),
            None => Ok(loads
                .into_iter()
                .map(|load| load.sent(sending.shipped.remove(&load.host).unwrap_or_default()))
                .collect()),
        }
    }
}

/// What went where so far.
struct Sending<'a> {
    shipping: Shipping<'a>,
    shipped: BTreeMap<HostName, Shipped>,
    failed: BTreeSet<HostName>,
    /// The first one.
    failure: Option<Error>,
}

impl Sending<'_> {
    /// Ships the blobs that are wanted now.
    async fn ship(&mut self, loads: &[Load], wanted: impl Fn(&BlobShipment) -> bool) {
        let shipping = self.shipping;
        let hosts = loads.iter().filter_map(|load| {
            let node = shipping.nodes.get(&load.host)?;
            let blobs = load.blobs.iter().filter(|blob| wanted(blob));
            let blobs: Vec<BlobShipment> = blobs.cloned().collect();
            Some(async move {
                let shipped = shipping.ship(node, &blobs, &load.images).await;
                (&load.host, shipped)
            })
        });
        let results: Vec<_> = stream::iter(hosts).buffered(self.at_once()).collect().await;
        for (host, result) in results {
            match result {
                Ok(shipped) => self.shipped.entry(host.clone()).or_default().add(shipped),
                Err(error) => self.fail(host, error),
            }
        }
    }

    /// Has the hosts that got everything load their images.
    async fn load(&mut self, loads: &[Load]) {
        let shipping = self.shipping;
        let failed = self.failed.clone();
        let sound = loads.iter().filter(|load| !failed.contains(&load.host));
        let hosts = sound.filter_map(|load| {
            let node = shipping.nodes.get(&load.host)?;
            Some(async move {
                for image in &load.images {
                    if let Err(error) = shipping.bring(node, image).await {
                        return (&load.host, Err(error));
                    }
                }
                (&load.host, Ok(()))
            })
        });
        let results: Vec<_> = stream::iter(hosts).buffered(self.at_once()).collect().await;
        for (host, result) in results {
            if let Err(error) = result {
                self.fail(host, error);
            }
        }
    }

    fn at_once(&self) -> usize {
        self.shipping.context.artifacts.concurrency.max(1)
    }

    fn fail(&mut self, host: &HostName, error: Error) {
        self.failed.insert(host.clone());
        self.failure.get_or_insert(error);
    }
}

/// What one host lacks.
struct Load {
    host: HostName,
    blobs: Vec<BlobShipment>,
    images: Vec<Image>,
    /// Bytes of the images.
    total: u64,
}

impl Load {
    fn of(plan: &Plan, host: &PlannedHost) -> Self {
        let (mut blobs, mut images) = (Vec::new(), Vec::new());
        for image in &plan.images {
            let mut shipments = image.shipments.iter();
            if let Some(shipment) = shipments.find(|one| one.host == host.name) {
                blobs.extend(shipment.blobs.iter().cloned());
                images.push(image.image.clone());
            }
        }
        Self {
            host: host.name.clone(),
            blobs,
            total: images.iter().map(Image::size).sum(),
            images,
        }
    }

    fn sent(&self, shipped: Shipped) -> Sent {
        Sent {
            host: self.host.clone(),
            sent: shipped.sent,
            total: self.total.max(shipped.blobs),
            passed: shipped.passed,
            from: shipped.from,
        }
    }
}

/// Blobs that would come from a host that failed come from here.
fn serve_directly(blobs: &mut [BlobShipment], failed: &BTreeSet<HostName>) {
    for blob in blobs {
        blob.from = blob.from.take().filter(|from| !failed.contains(from));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Digest;

    #[test]
    fn whose_source_failed_is_served_from_here() {
        let blob = |from: Option<&str>| BlobShipment {
            digest: Digest::of(b"x"),
            size: 1,
            from: from.map(|name| name.parse().unwrap()),
        };
        let mut blobs = [blob(None), blob(Some("a")), blob(Some("b"))];
        let failed = BTreeSet::from(["a".parse().unwrap(), "c".parse().unwrap()]);
        serve_directly(&mut blobs, &failed);
        assert_eq!(blobs, [blob(None), blob(None), blob(Some("b"))]);
    }
}
