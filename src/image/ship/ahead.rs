//! Layers on their way to a host while this machine's engine still hands them out.
//!
//! A release is known only when all of its images are complete here: a manifest names the size of
//! every layer. Layers themselves are named by their content, which the engine knows beforehand. So
//! a first push need not wait: each layer goes as it is read, and the host's engine reads along
//! ([`super::archive`]). It is an attempt. Whatever it did not bring, [`Shipping::ship`] and
//! [`Shipping::bring`] do, and they go on where it stopped.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::mpsc::Receiver;

use super::feed::{Feeder, Part};
use super::road::Road;
use super::transfer::{Failure, RESERVE, Transfer, send};
use super::{Shipped, Shipping};
use crate::docker::Node;
use crate::error::Result;
use crate::event::Event;
use crate::image::growing::{Coming, Tidings};
use crate::image::{chain, layout};
use crate::model::{Blob, Digest, Image, machine};

impl Shipping<'_> {
    /// Sends a host the images that are `coming`, as it is told of them, and has its engine load
    /// them. Nothing: it was not done to its end, or not even begun, since the host has some of the
    /// layers, or blobs that the new ones may be like.
    ///
    /// # Errors
    /// The host or its engine does not answer, or the transfer broke.
    pub async fn ahead(
        &self,
        node: &Node,
        coming: &[Coming],
        tidings: Receiver<Tidings>,
    ) -> Result<Option<Shipped>> {
        let engine = node.engine().await?;
        let here = &engine.identity().platform;
        let misfit = |image: &Coming| machine(&image.platform) != machine(here);
        if node.host.is_local() || coming.is_empty() || coming.iter().any(misfit) {
            return Ok(None);
        }
        let wanted: BTreeSet<&Digest> = coming.iter().flat_map(|one| &one.layers).collect();
        let held = chain::held(engine).await?;
        let held = chain::layers_by_image(engine, &held).await?;
        let mut held = held.iter().flat_map(|(_, layers)| layers);
        if held.any(|layer| wanted.contains(layer)) {
            // Its engine can supply them.
            return Ok(None);
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
        let shipped = match transfer.ahead(coming, &wanted, tidings).await {
            Ok(shipped) => shipped,
            Err(Failure::Again(error) | Failure::Final(error)) => return Err(error),
            Err(Failure::Whole(_)) => None,
        };
        if let Some(shipped) = &shipped {
            self.events.emit(Event::Shipped {
                host: node.name().clone(),
                sent: shipped.sent,
                lacked: shipped.lacked,
                total: shipped.blobs,
                passed: 0,
                from: Vec::new(),
            });
        }
        Ok(shipped)
    }
}

impl Transfer<'_> {
    async fn ahead(
        &self,
        coming: &[Coming],
        layers: &BTreeSet<&Digest>,
        tidings: Receiver<Tidings>,
    ) -> Result<Option<Shipped>, Failure> {
        let (process, mut stdin, mut said) = self.open().await?;
        let lines = layers.iter().map(|digest| format!("{} -\n", digest.hex()));
        let list = lines.chain(["\n".to_owned()]).collect::<String>();
        // Any size is possible.
        let sizes = layers.iter().map(|digest| (*digest, u64::MAX)).collect();
        let wanted = match send(&mut stdin, &list).await {
            Some(()) => self.wanted(&mut said, &sizes).await?,
            None => None,
        };
        let size = coming.iter().map(|image| image.size).sum();
        let wanted = wanted.filter(|wanted| {
            // What is alike there saves more than time.
            wanted.indexes.unwrap_or_default() == 0 && wanted.free > size + RESERVE
        });
        let Some(wanted) = wanted else {
            return Ok(None);
        };
        if send(&mut stdin, "send\n").await.is_none() {
            return Ok(None);
        }
        let mut wire = (list.len() as u64) + said.bytes;
        let before = said.bytes;
        let road = Arc::new(Road::to_come(wanted.parts.len() + 2 * coming.len(), size));
        let feed = Feed {
            road: Arc::clone(&road),
            offsets: wanted
                .parts
                .into_iter()
                .map(|part| (part.blob.digest, part.offset))
                .collect(),
            there: wanted.there,
            images: coming.iter().map(|image| image.id.clone()).collect(),
            indexes: wanted.indexes.is_some(),
        };
        let (done, outcome) = std::sync::mpsc::channel();
        let (store, packing) = (self.store.clone(), wanted.packing);
        let run = move |packets| {
            let mut feeder = Feeder::new(&store, packing, size, packets)?;
            if let Some(shipped) = feed.run(&mut feeder, &tidings)? {
                feeder.finish()?;
                // Whoever stopped waiting does not want to know.
                let _ = done.send(shipped);
            }
            Ok(())
        };
        let (fed, arrived) = self
            .stream(run, &road, stdin, &mut said, &BTreeMap::new(), &mut wire)
            .await;
        wire += said.bytes - before;
        fed?;
        arrived?;
        let Ok(shipped) = outcome.try_recv() else {
            return Ok(None);
        };
        let whole = process.wait().await?.status == 0;
        Ok(whole.then_some(Shipped {
            sent: wire,
            ..shipped
        }))
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
    /// Whether it can use indexes.
    indexes: bool,
}

impl Feed {
    /// Sends what comes. Nothing: it ended before everything was here, or nobody receives any more.
    fn run(
        mut self,
        feeder: &mut Feeder<'_>,
        tidings: &Receiver<Tidings>,
    ) -> Result<Option<Shipped>> {
        let mut shipped = Shipped::default();
        let mut images: Vec<Image> = Vec::new();
        feeder.open()?;
        while images.len() < self.images.len() {
            match tidings.recv() {
                Ok(Tidings::Layer(growing)) => {
                    let blob = growing.blob.clone();
                    if self.there.remove(&blob.digest) {
                        feeder.give(&blob)?;
                    } else if let Some(offset) = self.offsets.remove(&blob.digest) {
                        let rest = blob.size.saturating_sub(offset);
                        self.road.add(rest, &blob.digest);
                        shipped.lacked += rest;
                        if offset > blob.size || !feeder.growing(&growing, offset)? {
                            return Ok(None);
                        }
                    } else {
                        continue;
                    }
                    shipped.blobs += blob.size;
                }
                Ok(Tidings::Here(id, image)) if self.images.contains(&id) => images.push(image),
                Ok(_) => {}
                Err(_) => return Ok(None),
            }
        }
        if !self.offsets.is_empty() || !self.there.is_empty() {
            return Ok(None);
        }
        let documents = images
            .iter()
            .flat_map(|image| [&image.config, &image.manifest]);
        for blob in documents.collect::<BTreeSet<&Blob>>() {
            self.road.add(blob.size, &blob.digest);
            shipped.lacked += blob.size;
            shipped.blobs += blob.size;
            let part = Part {
                blob: blob.clone(),
                offset: 0,
                recipe: None,
            };
            if !feeder.member(&part)? {
                return Ok(None);
            }
        }
        feeder.close(&layout::tail(&images.iter().collect::<Vec<_>>())?)?;
        let layers: BTreeSet<&Blob> = images.iter().flat_map(|image| &image.layers).collect();
        for blob in layers.into_iter().filter(|_| self.indexes) {
            if !feeder.index(blob)? {
                return Ok(None);
            }
        }
        Ok(Some(shipped))
    }
}
