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

/// What came of it, and what travelled.
async fn run(
    fixture: &Fixture,
    coming: &[Coming],
    tidings: Receiver<Tidings>,
) -> (Result<Option<Brought>, Failure>, Shipped) {
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
    let mut shipped = Shipped::default();
    let brought = transfer.ahead(&order, tidings, &mut shipped);
    // An export that fails must not be waited for.
    let brought = tokio::time::timeout(Duration::from_secs(60), brought).await;
    (brought.unwrap(), shipped)
}

/// An image out of what an engine was given.
fn import(fixture: &Fixture, image: &Image, given: &[u8]) -> crate::error::Result<Image> {
    let other = Store::at(fixture.folder.path().join("other")).unwrap();
    let wanted = crate::image::Wanted {
        reference: &image.reference,
        platform: None,
    };
    other.import(given, wanted)
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
    let (brought, shipped) = run(&fixture, &[coming], tidings).await;
    writer.join().unwrap();
    let brought = brought.ok().flatten().unwrap();
    let sizes = image.blobs().map(|blob| (blob.digest.clone(), blob.size));
    assert_eq!(brought.blobs, sizes.collect());
    assert_eq!(shipped.lacked, brought.blobs);
    assert!(!brought.refused);
    let given = engine.given.join().unwrap();
    assert_eq!(import(&fixture, &image, &given).unwrap(), image);
    for blob in image.blobs() {
        let there = fixture.cache().join("blobs/sha256").join(blob.digest.hex());
        assert_eq!(size(&there), blob.size);
    }
    // Each byte goes once, and the layer's index with it.
    let index = size(&fixture.cache().join("indexes").join(hex));
    assert!(index > 0);
    let most = image.size() + index + 20_000;
    assert!(shipped.sent < most, "{}", shipped.sent);
}

#[tokio::test]
async fn what_never_comes_to_its_end_is_no_image() {
    // In the middle of a layer, and behind it.
    for (came, there) in [(LAYER / 2, 0), (LAYER, 1)] {
        let fixture = Fixture::new();
        let engine = Engine::start(fixture.folder.path());
        let fixture = fixture.with_engine(&engine.socket);
        let (mut source, tidings) = source(&fixture.store);
        let (image, coming) = (source.image.clone(), source.coming.clone());
        source.grow(&bytes()[..came]);
        drop(source);
        let (ended, shipped) = run(&fixture, &[coming], tidings).await;
        assert!(!matches!(ended, Ok(Some(_))), "{came}");
        // Whoever sends the rest knows that this was not there.
        let layer = &image.layers[0];
        let lacked = [(layer.digest.clone(), layer.size)];
        assert_eq!(shipped.lacked, lacked.into(), "{came}");
        // A layer that is whole stays; it is no image.
        let blobs = fixture.cache().join("blobs/sha256");
        let blobs: Vec<_> = fs::read_dir(blobs).unwrap().map(Result::unwrap).collect();
        assert_eq!(blobs.len(), there);
        for blob in blobs {
            assert_eq!(blob.file_name(), image.layers[0].digest.hex());
            assert_eq!(size(&blob.path()), image.layers[0].size);
        }
        let given = engine.given.join().unwrap();
        assert!(import(&fixture, &image, &given).is_err(), "{came}");
    }
}

#[tokio::test]
async fn a_host_with_blobs_that_may_be_alike_is_left_alone() {
    let fixture = Fixture::new();
    let like = fixture.put(&bytes()[100..]);
    fixture.send(&[like]).await.unwrap();
    let (source, tidings) = source(&fixture.store);
    let coming = source.coming.clone();
    let (ended, _) = run(&fixture, &[coming], tidings).await;
    assert!(matches!(ended, Ok(None)));
}
