//! Layers on their way to a host while this machine's engine still hands them out.
//!
//! A release is known only when all of its images are complete here: a manifest names the size of
//! every layer. Layers themselves are named by their content, which the engine knows beforehand. So
//! a first push need not wait: each layer goes as it is read, and the host's engine reads along
//! ([`super::archive`]). It is an attempt. Whatever it did not bring, [`Shipping::ship`] and
//! [`Shipping::bring`] do, and they go on where it stopped.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::mpsc::Receiver;

use tokio::sync::oneshot;

use super::archive::End;
use super::failure::Failure;
use super::feed::Feeder;
use super::part::Part;
use super::road::Road;
use super::transfer::{RESERVE, Transfer, send};
use super::{Shipped, Shipping, Sizes};
use crate::docker::Node;
use crate::error::Result;
use crate::image::chain;
use crate::image::growing::{Coming, Tidings};
use crate::model::{Blob, Digest, Image, machine};

impl Shipping<'_> {
    /// Sends a host the images that are `coming`, as it is told of them, and has its engine load
    /// them. Not begun when the host has some of the layers, or blobs that the new ones may be like;
    /// ended when `stop` says so. Returns what travelled, whether or not that was all.
    ///
    /// # Errors
    /// The host or its engine does not answer.
    pub async fn ahead(
        &self,
        node: &Node,
        coming: &[Coming],
        tidings: Receiver<Tidings>,
        stop: &Arc<AtomicBool>,
    ) -> Result<Shipped> {
        let engine = node.engine().await?;
        let here = &engine.identity().platform;
        let misfit = |image: &Coming| machine(&image.platform) != machine(here);
        if node.host.is_local() || coming.is_empty() || coming.iter().any(misfit) {
            return Ok(Shipped::default());
        }
        let wanted: BTreeSet<&Digest> = coming.iter().flat_map(|one| &one.layers).collect();
        let held = chain::held(engine).await?;
        let held = chain::layered(engine, &held).await?;
        let mut held = held.iter().flat_map(|image| &image.layers);
        if held.any(|layer| wanted.contains(layer)) {
            // Its engine can supply them.
            return Ok(Shipped::default());
        }
        let transfer = Transfer {
            host: &node.host,
            cache_dir: &self.context.artifacts.remote_cache_dir,
            store: self.store,
            client: &self.store.client()?,
            events: self.events,
            whole: &BTreeSet::new(),
            archive: None,
        };
        let order = Order {
            coming,
            layers: &wanted,
            stop,
        };
        let mut shipped = Shipped::default();
        // Why it broke shows again when the rest is sent.
        let brought = transfer.ahead(&order, tidings, &mut shipped).await;
        let Ok(Some(brought)) = brought else {
            return Ok(shipped);
        };
        if brought.refused {
            self.forget(node, &brought.images).await?;
            return Ok(shipped);
        }
        shipped.blobs = brought.blobs;
        shipped.told = true;
        self.events.emit(shipped.event(node.name()));
        Ok(shipped)
    }
}

/// What is to go to a host.
struct Order<'a> {
    coming: &'a [Coming],
    layers: &'a BTreeSet<&'a Digest>,
    stop: &'a Arc<AtomicBool>,
}

/// What a host has now.
#[derive(Debug, Default)]
struct Brought {
    images: Vec<Image>,
    /// Their blobs.
    blobs: Sizes,
    /// Its engine did not take them.
    refused: bool,
}

impl Transfer<'_> {
    /// Adds to `shipped` what travelled, and what the host lacked. Nothing: not everything travelled.
    async fn ahead(
        &self,
        order: &Order<'_>,
        tidings: Receiver<Tidings>,
        shipped: &mut Shipped,
    ) -> Result<Option<Brought>, Failure> {
        let coming = order.coming;
        let (process, mut stdin, mut said) = self.open().await?;
        let lines = order.layers.iter();
        let lines = lines.map(|digest| format!("{} -\n", digest.hex()));
        let list = lines.chain(["\n".to_owned()]).collect::<String>();
        // Any size is possible.
        let sizes = order.layers.iter().map(|digest| (*digest, u64::MAX));
        let sizes = sizes.collect();
        let wanted = match send(&mut stdin, &list).await {
            Some(()) => self.wanted(&mut said, &sizes).await?,
            None => None,
        };
        let size = coming.iter().map(|image| image.size).sum();
        let wanted = wanted.filter(|wanted| {
            // What is alike there saves more than time.
            wanted.indexes.unwrap_or_default() == 0 && wanted.free > size + RESERVE
        });
        shipped.sent += (list.len() as u64) + said.bytes;
        let Some(wanted) = wanted else {
            return Ok(None);
        };
        if send(&mut stdin, "send\n").await.is_none() {
            return Ok(None);
        }
        let before = said.bytes;
        let road = Arc::new(Road::to_come(wanted.parts.len() + 2 * coming.len(), size));
        let parts = wanted.parts.into_iter();
        let plan = Feed {
            road: Arc::clone(&road),
            offsets: parts.map(|part| (part.blob.digest, part.offset)).collect(),
            there: wanted.there,
            images: coming.iter().map(|image| image.id.clone()).collect(),
            indexes: wanted.indexes.is_some(),
        };
        let (done, mut outcome) = oneshot::channel();
        let (store, packing, stop) = (self.store.clone(), wanted.packing, Arc::clone(order.stop));
        let run = move |packets| {
            let mut feeder = Feeder::new(&store, packing, size, packets)?.until(stop);
            let brought = plan.run(&mut feeder, &tidings)?;
            // Also when that was not all: what went is to arrive.
            feeder.finish()?;
            if let Some(brought) = brought {
                // Whoever stopped waiting does not want to know.
                let _ = done.send(brought);
            }
            Ok(())
        };
        let mut travelled = 0;
        let nothing = BTreeMap::new();
        let stream = self.stream(run, &road, stdin, &mut said, &nothing, &mut travelled);
        let (fed, arrived) = stream.await;
        shipped.sent += travelled + said.bytes - before;
        shipped.lacked = road.lengths();
        fed?;
        let refused = arrived?.refused;
        let ended = process.wait().await?;
        let Some(brought) = outcome.try_recv().ok().filter(|_| ended.status == 0) else {
            return Ok(None);
        };
        Ok(Some(Brought { refused, ..brought }))
    }
}

/// What goes, as far as that is known when it begins.
struct Feed {
    road: Arc<Road>,
    /// Layers that the host lacks, each with how much of it the host has.
    offsets: BTreeMap<Digest, u64>,
    /// Layers in its cache.
    there: BTreeSet<Digest>,
    /// The identifiers of the images.
    images: BTreeSet<String>,
    /// Whether the host can use indexes.
    indexes: bool,
}

impl Feed {
    /// Sends what comes. Nothing: it ended before everything was here, or nobody receives any more.
    fn run(
        mut self,
        feeder: &mut Feeder<'_>,
        tidings: &Receiver<Tidings>,
    ) -> Result<Option<Brought>> {
        let mut brought = Brought::default();
        feeder.open()?;
        while brought.images.len() < self.images.len() {
            match tidings.recv() {
                Ok(Tidings::Layer(growing)) => {
                    let blob = growing.blob.clone();
                    if self.there.remove(&blob.digest) {
                        feeder.give(&blob)?;
                    } else if let Some(offset) = self.offsets.remove(&blob.digest) {
                        let rest = blob.size.saturating_sub(offset);
                        self.road.add(rest, &blob.digest);
                        if offset > blob.size || !feeder.growing(&growing, offset)? {
                            return Ok(None);
                        }
                    } else {
                        continue;
                    }
                    brought.blobs.insert(blob.digest, blob.size);
                }
                Ok(Tidings::Here(id, image)) if self.images.contains(&id) => {
                    brought.images.push(image);
                }
                Ok(_) => {}
                Err(_) => return Ok(None),
            }
        }
        if !self.offsets.is_empty() || !self.there.is_empty() {
            return Ok(None);
        }
        let images = brought.images.iter();
        let documents = images.flat_map(|image| [&image.config, &image.manifest]);
        for blob in documents.cloned().collect::<BTreeSet<Blob>>() {
            self.road.add(blob.size, &blob.digest);
            brought.blobs.insert(blob.digest.clone(), blob.size);
            let part = Part {
                blob,
                offset: 0,
                recipe: None,
            };
            if !feeder.member(&part)? {
                return Ok(None);
            }
        }
        feeder.close(&End::of(&brought.images.iter().collect::<Vec<_>>())?)?;
        if self.indexes {
            let layers = brought.images.iter().flat_map(|image| &image.layers);
            for layer in layers.collect::<BTreeSet<_>>() {
                if !feeder.index(layer)? {
                    return Ok(None);
                }
            }
        }
        Ok(Some(brought))
    }
}

#[cfg(test)]
mod tests;
