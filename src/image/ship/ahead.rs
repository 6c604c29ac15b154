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
use super::feed::{Feeder, Part};
use super::road::Road;
use super::transfer::{Failure, RESERVE, Transfer, send};
use super::{Shipped, Shipping};
use crate::docker::Node;
use crate::error::Result;
use crate::event::Event;
use crate::image::chain;
use crate::image::growing::{Coming, Tidings};
use crate::model::{Blob, Digest, Image, machine};
use crate::plan::BlobShipment;

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
        let held = chain::layers_by_image(engine, &held).await?;
        let mut held = held.iter().flat_map(|(_, layers)| layers);
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
        let mut wire = 0;
        let order = Order {
            coming,
            layers: &wanted,
            stop,
        };
        // Why it broke shows again when the rest is sent.
        let brought = transfer.ahead(&order, tidings, &mut wire).await;
        let mut shipped = Shipped {
            sent: wire,
            ..Shipped::default()
        };
        let Ok(Some(brought)) = brought else {
            return Ok(shipped);
        };
        if brought.refused {
            self.forget(node, &brought.images).await?;
            return Ok(shipped);
        }
        shipped.lacked = brought.lacked;
        shipped.blobs = brought.blobs;
        self.events.emit(Event::Shipped {
            host: node.name().clone(),
            sent: shipped.sent,
            lacked: shipped.lacked,
            total: shipped.blobs,
            passed: 0,
            from: Vec::new(),
        });
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
    /// Bytes of their blobs, and of these what the host had no part of.
    blobs: u64,
    lacked: u64,
    /// Its engine did not take them.
    refused: bool,
}

impl Transfer<'_> {
    /// Adds to `wire` the bytes that travelled. Nothing: not everything did.
    async fn ahead(
        &self,
        order: &Order<'_>,
        tidings: Receiver<Tidings>,
        wire: &mut u64,
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
        *wire += (list.len() as u64) + said.bytes;
        let Some(wanted) = wanted else {
            return Ok(None);
        };
        if send(&mut stdin, "send\n").await.is_none() {
            return Ok(None);
        }
        let before = said.bytes;
        let useful = wanted.indexes.is_some();
        let road = Arc::new(Road::to_come(wanted.parts.len() + 2 * coming.len(), size));
        let parts = wanted.parts.into_iter();
        let plan = Feed {
            road: Arc::clone(&road),
            offsets: parts.map(|part| (part.blob.digest, part.offset)).collect(),
            there: wanted.there,
            images: coming.iter().map(|image| image.id.clone()).collect(),
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
        *wire += travelled + said.bytes - before;
        fed?;
        let refused = arrived?.refused;
        let ended = process.wait().await?;
        let Some(brought) = outcome.try_recv().ok().filter(|_| ended.status == 0) else {
            return Ok(None);
        };
        // Not before all layers have arrived: they would be wanted once more.
        if useful {
            *wire += self.indexes(&brought.images).await;
        }
        Ok(Some(Brought { refused, ..brought }))
    }

    /// Sends the indexes of layers that the host has; how many bytes that took. A host without them
    /// gets whole blobs later, no more.
    async fn indexes(&self, images: &[Image]) -> u64 {
        let layers: BTreeSet<&Blob> = images.iter().flat_map(|image| &image.layers).collect();
        let layers = layers.into_iter().map(|blob| BlobShipment {
            digest: blob.digest.clone(),
            size: blob.size,
            from: None,
        });
        let layers: Vec<BlobShipment> = layers.collect();
        let mut wire = 0;
        let _ = self.run(&layers, &mut wire, &mut None).await;
        wire
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
                        brought.lacked += rest;
                        if offset > blob.size || !feeder.growing(&growing, offset)? {
                            return Ok(None);
                        }
                    } else {
                        continue;
                    }
                    brought.blobs += blob.size;
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
            brought.lacked += blob.size;
            brought.blobs += blob.size;
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
        Ok(Some(brought))
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Write as _;
    use std::path::Path;
    use std::sync::mpsc::{Sender, channel};
    use std::time::{Duration, Instant};

    use super::super::tests::{Engine, Fixture};
    use super::*;
    use crate::image::growing::{Growth, Listeners, Watch};
    use crate::image::{Store, manifest};

    /// An image that is coming, and what tells of it.
    struct Source {
        image: Image,
        coming: Coming,
        layer: tempfile::NamedTempFile,
        growth: Growth,
        to: Sender<Tidings>,
    }

    const LAYER: usize = 3_000_000;

    /// Bytes that do not pack.
    fn bytes() -> Vec<u8> {
        let mut state = 1u64;
        let mut next = || {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            (state >> 56) as u8
        };
        (0..LAYER).map(|_| next()).collect()
    }

    /// An image of which everything but the layer is known, and where news of it arrive.
    fn source(store: &Store) -> (Source, Receiver<Tidings>) {
        let image = manifest::tests::image(store, &[&bytes()]);
        let listeners = Listeners::default();
        let mut told = listeners.listen();
        let layer = image.layers[0].clone();
        let watch = Watch {
            layers: vec![layer.digest.clone()],
            listeners,
        };
        let file = tempfile::NamedTempFile::new().unwrap();
        let growth = watch.grows(layer.clone(), file.path(), store.path(&layer.digest));
        let (to, from) = channel();
        to.send(told.try_recv().unwrap()).unwrap();
        let coming = Coming {
            id: "sha256:1".to_owned(),
            reference: image.reference.clone(),
            platform: image.platform.clone(),
            layers: vec![layer.digest],
            size: layer.size,
        };
        let source = Source {
            image,
            coming,
            layer: file,
            growth,
            to,
        };
        (source, from)
    }

    impl Source {
        fn grow(&mut self, bytes: &[u8]) {
            self.layer.write_all(bytes).unwrap();
            self.growth.wrote(bytes.len() as u64);
        }
    }

    fn size(path: &Path) -> u64 {
        fs::metadata(path).map_or(0, |found| found.len())
    }

    /// Waits until a file has so many bytes.
    fn until(path: &Path, bytes: u64) {
        let deadline = Instant::now() + Duration::from_secs(60);
        while size(path) < bytes {
            assert!(Instant::now() < deadline, "{} bytes came", size(path));
            std::thread::yield_now();
        }
    }

    async fn run(
        fixture: &Fixture,
        coming: &[Coming],
        tidings: Receiver<Tidings>,
    ) -> Result<Option<Brought>, Failure> {
        let cache = fixture.cache().to_str().unwrap().to_owned();
        let transfer = Transfer {
            host: &fixture.host,
            cache_dir: &cache,
            store: &fixture.store,
            client: &fixture.store.client().unwrap(),
            events: &crate::event::Events::none(),
            whole: &BTreeSet::new(),
            archive: None,
        };
        let order = Order {
            coming,
            layers: &coming.iter().flat_map(|one| &one.layers).collect(),
            stop: &Arc::default(),
        };
        transfer.ahead(&order, tidings, &mut 0).await
    }

    #[tokio::test]
    async fn a_layer_travels_before_it_is_complete_here() {
        let fixture = Fixture::new();
        let engine = Engine::start(fixture.folder.path());
        let fixture = fixture.with_engine(&engine.socket);
        let (mut source, tidings) = source(&fixture.store);
        let (image, coming) = (source.image.clone(), source.coming.clone());
        let hex = image.layers[0].digest.hex();
        let part = format!("{hex}.{}", fixture.store.client().unwrap());
        let part = fixture.cache().join("tmp").join(part);
        let all = bytes();
        let (half, rest) = all.split_at(LAYER / 2);
        let (half, rest) = (half.to_vec(), rest.to_vec());
        let writer = std::thread::spawn(move || {
            source.grow(&half);
            // Not all of it, since packing and pipes keep the last of what came.
            until(&part, LAYER as u64 / 8);
            source.grow(&rest);
            let here = Tidings::Here(source.coming.id.clone(), source.image.clone());
            source.to.send(here).unwrap();
        });
        let brought = run(&fixture, &[coming], tidings).await;
        writer.join().unwrap();
        let brought = brought.ok().flatten().unwrap();
        assert_eq!(brought.lacked, image.size());
        assert_eq!(brought.blobs, image.size());
        assert!(!brought.refused);
        let other = Store::at(fixture.folder.path().join("other")).unwrap();
        let wanted = crate::image::Wanted {
            reference: &image.reference,
            platform: None,
        };
        let given = engine.given.join().unwrap();
        assert_eq!(other.import(&*given, wanted).unwrap(), image);
        for blob in image.blobs() {
            let there = fixture.cache().join("blobs/sha256").join(blob.digest.hex());
            assert_eq!(size(&there), blob.size);
        }
    }

    #[tokio::test]
    async fn what_never_comes_to_its_end_is_no_image() {
        let fixture = Fixture::new();
        let engine = Engine::start(fixture.folder.path());
        let fixture = fixture.with_engine(&engine.socket);
        let (mut source, tidings) = source(&fixture.store);
        let (image, coming) = (source.image.clone(), source.coming.clone());
        source.grow(&bytes()[..LAYER / 2]);
        drop(source);
        let ended = run(&fixture, &[coming], tidings).await;
        assert!(!matches!(ended, Ok(Some(_))));
        let there = fixture.cache().join("blobs/sha256");
        assert_eq!(fs::read_dir(there).unwrap().count(), 0);
        let other = Store::at(fixture.folder.path().join("other")).unwrap();
        let wanted = crate::image::Wanted {
            reference: &image.reference,
            platform: None,
        };
        let given = engine.given.join().unwrap();
        assert!(other.import(&*given, wanted).is_err());
    }

    #[tokio::test]
    async fn an_export_that_fails_between_layers_ends_the_transfer() {
        let fixture = Fixture::new();
        let engine = Engine::start(fixture.folder.path());
        let fixture = fixture.with_engine(&engine.socket);
        let (mut source, tidings) = source(&fixture.store);
        let (image, coming) = (source.image.clone(), source.coming.clone());
        source.grow(&bytes());
        drop(source);
        let coming = [coming];
        let running = run(&fixture, &coming, tidings);
        let ended = tokio::time::timeout(Duration::from_secs(60), running).await;
        assert!(matches!(ended.unwrap(), Ok(None)));
        // The layer is whole; an image is not.
        let hex = image.layers[0].digest.hex();
        let there = fixture.cache().join("blobs/sha256").join(hex);
        assert_eq!(size(&there), image.layers[0].size);
        let other = Store::at(fixture.folder.path().join("other")).unwrap();
        let wanted = crate::image::Wanted {
            reference: &image.reference,
            platform: None,
        };
        let given = engine.given.join().unwrap();
        assert!(other.import(&*given, wanted).is_err());
    }

    #[tokio::test]
    async fn a_host_with_blobs_that_may_be_alike_is_left_alone() {
        let fixture = Fixture::new();
        let like = fixture.put(&bytes()[100..]);
        fixture.send(&[like]).await.unwrap();
        let (source, tidings) = source(&fixture.store);
        let coming = source.coming.clone();
        let ended = run(&fixture, &[coming], tidings).await;
        assert!(matches!(ended, Ok(None)));
    }
}
