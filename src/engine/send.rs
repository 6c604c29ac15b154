//! The last part of `push`: bytes to hosts, and images into their engines.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::{StreamExt, stream};

use super::{Engine, Sent};
use crate::error::{Error, Result};
use crate::image::{Shipped, Shipping};
use crate::model::{Digest, HostName, Image};
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
        let shipped = shipped.into_iter();
        let (shipped, begun) = shipped.partition(|(_, shipped)| shipped.told);
        let mut sending = Sending {
            shipping: Shipping {
                context: &self.settings.context,
                nodes: self.nodes().await?,
                store: self.store().await?,
                events: &self.settings.events,
            },
            shipped,
            begun,
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
                .map(|load| {
                    let shipped = sending.shipped.remove(&load.host);
                    load.sent(shipped.unwrap_or_default())
                })
                .collect()),
        }
    }
}

/// What went where so far.
struct Sending<'a> {
    shipping: Shipping<'a>,
    shipped: BTreeMap<HostName, Shipped>,
    /// What went there in attempts that ended early.
    begun: BTreeMap<HostName, Shipped>,
    failed: BTreeSet<HostName>,
    /// The first one.
    failure: Option<Error>,
}

impl Sending<'_> {
    /// Ships the blobs that are wanted now.
    async fn ship(&mut self, loads: &[Load], wanted: impl Fn(&BlobShipment) -> bool) {
        let shipping = self.shipping;
        let mut begun = std::mem::take(&mut self.begun);
        let hosts = loads.iter().filter_map(|load| {
            let node = shipping.nodes.get(&load.host)?;
            let (blobs, images) = load.part(&wanted);
            let begun = begun.remove(&load.host).unwrap_or_default();
            Some(async move {
                let shipped = shipping.ship(node, &blobs, &images, begun).await;
                (&load.host, shipped)
            })
        });
        let results: Vec<_> = stream::iter(hosts).buffered(self.at_once()).collect().await;
        for (host, result) in results {
            self.note(host, result);
        }
    }

    fn note(&mut self, host: &HostName, result: Result<Shipped>) {
        match result {
            Ok(shipped) => self.shipped.entry(host.clone()).or_default().add(shipped),
            Err(error) => self.fail(host, error),
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
                let mut again = Shipped::default();
                for image in &load.images {
                    match shipping.bring(node, image).await {
                        Ok(shipped) => again.add(shipped),
                        Err(error) => return (&load.host, Err(error)),
                    }
                }
                (&load.host, Ok(again))
            })
        });
        let results: Vec<_> = stream::iter(hosts).buffered(self.at_once()).collect().await;
        for (host, result) in results {
            self.note(host, result);
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
    /// Names of images that it pulls.
    pulled: Vec<String>,
}

impl Load {
    fn of(plan: &Plan, host: &PlannedHost) -> Self {
        let (mut blobs, mut images, mut pulled) = (Vec::new(), Vec::new(), Vec::new());
        for image in &plan.images {
            let mut shipments = image.shipments.iter();
            if let Some(shipment) = shipments.find(|one| one.host == host.name) {
                blobs.extend(shipment.blobs.iter().cloned());
                images.push(image.image.clone());
                pulled.extend(shipment.pull.then(|| image.image.reference.clone()));
            }
        }
        Self {
            host: host.name.clone(),
            blobs,
            images,
            pulled,
        }
    }

    /// The blobs that are wanted now, and the images that are complete with them.
    fn part(&self, wanted: impl Fn(&BlobShipment) -> bool) -> (Vec<BlobShipment>, Vec<Image>) {
        let (now, later): (Vec<_>, Vec<_>) = self.blobs.iter().partition(|blob| wanted(blob));
        let later: BTreeSet<&Digest> = later.into_iter().map(|blob| &blob.digest).collect();
        let whole = |image: &&Image| !image.blobs().any(|blob| later.contains(&blob.digest));
        let images = self.images.iter().filter(whole);
        (
            now.into_iter().cloned().collect(),
            images.cloned().collect(),
        )
    }

    fn sent(self, shipped: Shipped) -> Sent {
        let mut blobs = shipped.blobs;
        let all = self.images.iter().flat_map(Image::blobs);
        blobs.extend(all.map(|blob| (blob.digest.clone(), blob.size)));
        Sent {
            host: self.host,
            sent: shipped.sent,
            total: blobs.values().sum(),
            passed: shipped.passed,
            from: shipped.from,
            pulled: self.pulled,
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
    use crate::model::Blob;

    fn image(layers: &[(&str, u64)]) -> Image {
        let blob = |(name, size): &(&str, u64)| Blob {
            digest: Digest::of(name.as_bytes()),
            size: *size,
        };
        let names: Vec<&str> = layers.iter().map(|(name, _)| *name).collect();
        Image {
            reference: "app".to_owned(),
            manifest: blob(&(&format!("m {names:?}"), 1)),
            config: blob(&(&format!("c {names:?}"), 1)),
            layers: layers.iter().map(blob).collect(),
            platform: "linux/amd64".to_owned(),
            source: None,
            pull: None,
            variants: Vec::new(),
        }
    }

    /// A host that lacks everything; of the base, it gets what `from` passes on.
    fn load(images: Vec<Image>, from: Option<&str>) -> Load {
        let blobs: BTreeSet<Blob> = images.iter().flat_map(Image::blobs).cloned().collect();
        let base = Digest::of(b"base");
        let blobs = blobs.into_iter().map(|blob| BlobShipment {
            from: from
                .filter(|_| blob.digest == base)
                .map(|name| name.parse().unwrap()),
            digest: blob.digest,
            size: blob.size,
            adopted: false,
        });
        Load {
            host: "h1".parse().unwrap(),
            blobs: blobs.collect(),
            images,
            pulled: Vec::new(),
        }
    }

    #[test]
    fn what_images_share_counts_once() {
        let images = vec![
            image(&[("base", 8_000_000), ("a", 2_000_000)]),
            image(&[("base", 8_000_000), ("b", 3_000_000)]),
        ];
        let sent = load(images, None).sent(Shipped::default());
        assert_eq!(sent.total, 13_000_004);
    }

    #[test]
    fn what_comes_from_another_host_is_not_taken_for_there() {
        let images = vec![image(&[("base", 8), ("a", 2)]), image(&[("b", 3)])];
        let load = load(images.clone(), Some("h0"));
        let (blobs, whole) = load.part(|blob| blob.from.is_none());
        assert_eq!(blobs.iter().map(|blob| blob.size).sum::<u64>(), 9);
        assert_eq!(whole, images[1..]);
        let (blobs, whole) = load.part(|_| true);
        assert_eq!(blobs.iter().map(|blob| blob.size).sum::<u64>(), 17);
        assert_eq!(whole, images);
    }

    #[test]
    fn whose_source_failed_is_served_from_here() {
        let blob = |from: Option<&str>| BlobShipment {
            digest: Digest::of(b"x"),
            size: 1,
            from: from.map(|name| name.parse().unwrap()),
            adopted: false,
        };
        let mut blobs = [blob(None), blob(Some("a")), blob(Some("b"))];
        let failed = BTreeSet::from(["a".parse().unwrap(), "c".parse().unwrap()]);
        serve_directly(&mut blobs, &failed);
        assert_eq!(blobs, [blob(None), blob(None), blob(Some("b"))]);
    }
}
