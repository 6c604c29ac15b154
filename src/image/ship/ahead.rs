//! Layers on their way to a host while this machine's engine still hands them out.
//!
//! A release is known only when all of its images are complete here: a manifest names the size of
//! every layer. Layers themselves are named by their content, which the engine knows beforehand. So
//! a first push need not wait: each layer goes as it is read, and the host's engine reads along
//! ([`super::archive`]). It is an attempt. Whatever it did not bring, [`Shipping::ship`] and
//! [`Shipping::bring`] do, and they go on where it stopped.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

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

/// The host is told that this machine is there when nothing else was to be said for so long.
const QUIET: Duration = Duration::from_secs(5);

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
        let plan = Feed {
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
            if let Some(shipped) = plan.run(&mut feeder, &tidings)? {
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
            match tidings.recv_timeout(QUIET) {
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
                Err(RecvTimeoutError::Timeout) => feeder.still_here()?,
                Err(RecvTimeoutError::Disconnected) => return Ok(None),
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
        feeder.close(&End::of(&images.iter().collect::<Vec<_>>())?)?;
        let layers: BTreeSet<&Blob> = images.iter().flat_map(|image| &image.layers).collect();
        for blob in layers.into_iter().filter(|_| self.indexes) {
            if !feeder.index(blob)? {
                return Ok(None);
            }
        }
        Ok(Some(shipped))
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
        let growth = watch.grows(layer.clone(), file.reopen().unwrap());
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
    ) -> Result<Option<Shipped>, Failure> {
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
        let layers = coming.iter().flat_map(|one| &one.layers).collect();
        transfer.ahead(coming, &layers, tidings).await
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
        let shipped = run(&fixture, &[coming], tidings).await;
        writer.join().unwrap();
        let shipped = shipped.ok().flatten().unwrap();
        assert_eq!(shipped.lacked, image.size());
        assert_eq!(shipped.blobs, image.size());
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
