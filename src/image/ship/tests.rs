//! Blobs on their way to a host's cache.

mod difference;
mod reading;

use std::fs;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use super::*;
use crate::error::Kind;
use crate::event::Event;
use crate::model::{Digest, Ssh};

pub(super) use reading::Engine;

/// This machine as a host.
fn host(options: &crate::remote::Options) -> Arc<Host> {
    let host = serde_json::from_value(serde_json::json!({
        "name": "h1", "addr": "localhost", "labels": {}, "local": true,
    }))
    .unwrap();
    Host::with(&Ssh::default(), &host, &Events::none(), options).unwrap()
}

/// A store, and a host's cache in a folder of this machine.
pub(super) struct Fixture {
    pub(super) folder: tempfile::TempDir,
    pub(super) store: Store,
    pub(super) host: Arc<Host>,
}

impl Fixture {
    pub(super) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self {
            store: Store::at(folder.path().join("store")).unwrap(),
            folder,
            host: host(&crate::remote::Options::default()),
        }
    }

    /// With an engine that listens there.
    pub(super) fn with_engine(mut self, socket: &std::path::Path) -> Self {
        self.host = host(&crate::remote::Options {
            engine: Some(socket.to_owned()),
            ..crate::remote::Options::default()
        });
        self
    }

    pub(super) fn put(&self, bytes: &[u8]) -> BlobShipment {
        let blob = self.store.put(bytes).unwrap();
        BlobShipment {
            digest: blob.digest,
            size: blob.size,
            from: None,
            adopted: false,
        }
    }

    pub(super) fn cache(&self) -> PathBuf {
        self.folder.path().join("a cache; $(id)")
    }

    fn cached(&self, blob: &BlobShipment) -> PathBuf {
        self.cache().join("blobs/sha256").join(blob.digest.hex())
    }

    pub(super) async fn send(&self, blobs: &[BlobShipment]) -> Result<u64> {
        let sent = Arc::new(Mutex::new(0));
        let sink = Arc::clone(&sent);
        let events = Events::new(move |event| {
            if let Event::Shipping { done, .. } = event {
                *sink.lock().unwrap() = done;
            }
        });
        let cache = self.cache().to_str().unwrap().to_owned();
        send(&self.host, &cache, blobs, None, &self.store, &events).await?;
        let sent = *sent.lock().unwrap();
        Ok(sent)
    }

    fn assert_arrived(&self, blobs: &[BlobShipment]) {
        for blob in blobs {
            let bytes = fs::read(self.cached(blob)).unwrap();
            assert_eq!(Digest::of(&bytes), blob.digest);
        }
        let parts: Vec<_> = fs::read_dir(self.cache().join("tmp"))
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.extension() != Some("lock".as_ref()))
            .collect();
        assert_eq!(parts, Vec::<PathBuf>::new());
    }

    /// Leaves a part as a broken attempt of this store would.
    fn leave_part(&self, blob: &BlobShipment, bytes: &[u8]) {
        self.leave_part_of("", blob, bytes);
    }

    /// The same of the client's second, third or fourth transfer at once: `-2`, …
    fn leave_part_of(&self, transfer: &str, blob: &BlobShipment, bytes: &[u8]) {
        let client = self.store.client().unwrap();
        let part = format!("{}.{client}{transfer}", blob.digest.hex());
        fs::write(self.tmp().join(part), bytes).unwrap();
    }

    fn tmp(&self) -> PathBuf {
        let tmp = self.cache().join("tmp");
        fs::create_dir_all(&tmp).unwrap();
        tmp
    }

    /// Has this store be at work with the cache already, for another project.
    fn busy(&self) -> fs::File {
        let client = self.store.client().unwrap();
        let lock = fs::File::create(self.tmp().join(format!("{client}.lock"))).unwrap();
        lock.lock().unwrap();
        lock
    }
}

#[tokio::test]
async fn blobs_arrive_verified_and_are_not_sent_twice() {
    let fixture = Fixture::new();
    let large: Vec<u8> = (0u32..1_000_000).flat_map(u32::to_le_bytes).collect();
    let blobs = [fixture.put(b"small"), fixture.put(b""), fixture.put(&large)];
    let sent = fixture.send(&blobs).await.unwrap();
    assert_eq!(sent, 4_000_005);
    fixture.assert_arrived(&blobs);
    assert_eq!(fixture.send(&blobs).await.unwrap(), 0);
    let more = fixture.put(b"more");
    let all = [&blobs[..], &[more]].concat();
    assert_eq!(fixture.send(&all).await.unwrap(), 4);
    fixture.assert_arrived(&all);
}

#[tokio::test]
async fn a_broken_attempt_is_continued_where_it_stopped() {
    let fixture = Fixture::new();
    let blob = fixture.put(b"first half, second half");
    fixture.leave_part(&blob, b"first half,");
    assert_eq!(fixture.send(std::slice::from_ref(&blob)).await.unwrap(), 12);
    fixture.assert_arrived(&[blob]);
}

#[tokio::test]
async fn what_a_client_sends_beside_another_transfer_of_its_own_is_continued_too() {
    let fixture = Fixture::new();
    let _lock = fixture.busy();
    let [first, second] = [&b"sent, in the middle"[..], b"begun, and continued"];
    let [first, second] = [first, second].map(|bytes| fixture.put(bytes));
    assert_eq!(
        fixture.send(std::slice::from_ref(&first)).await.unwrap(),
        19
    );
    fixture.leave_part_of("-2", &second, b"begun,");
    assert_eq!(
        fixture.send(std::slice::from_ref(&second)).await.unwrap(),
        14
    );
    fixture.assert_arrived(&[first, second]);
}

#[tokio::test]
async fn a_part_that_is_wrong_is_sent_again_from_the_start() {
    let fixture = Fixture::new();
    for wrong in [
        &b"other half"[..],
        b"far longer than the whole blob ever was",
    ] {
        let blob = fixture.put(b"first half, second half");
        let _ = fs::remove_file(fixture.cached(&blob));
        fixture.leave_part(&blob, wrong);
        fixture.send(std::slice::from_ref(&blob)).await.unwrap();
        fixture.assert_arrived(&[blob]);
    }
}

#[tokio::test]
async fn a_truncated_blob_in_the_cache_is_sent_again() {
    let fixture = Fixture::new();
    let blob = fixture.put(b"whole");
    fixture.send(std::slice::from_ref(&blob)).await.unwrap();
    fs::write(fixture.cached(&blob), b"who").unwrap();
    assert_eq!(fixture.send(std::slice::from_ref(&blob)).await.unwrap(), 5);
    fixture.assert_arrived(&[blob]);
}

#[tokio::test]
async fn two_senders_of_one_blob_do_not_hurt_each_other() {
    let fixture = Fixture::new();
    let large: Vec<u8> = (0u32..500_000).flat_map(u32::to_le_bytes).collect();
    let blobs = [fixture.put(&large), fixture.put(b"x")];
    let (one, other) = tokio::join!(fixture.send(&blobs), fixture.send(&blobs));
    one.unwrap();
    other.unwrap();
    fixture.assert_arrived(&blobs);
}

#[tokio::test]
async fn a_damaged_local_blob_is_found_and_removed() {
    let fixture = Fixture::new();
    let blob = fixture.put(b"sound");
    fs::write(fixture.store.path(&blob.digest), b"wrong").unwrap();
    let error = fixture.send(std::slice::from_ref(&blob)).await.unwrap_err();
    assert!(error.message().contains("was damaged"), "{error}");
    assert_eq!(fixture.store.size(&blob.digest), None);
    assert!(!fixture.cached(&blob).exists());
}

#[tokio::test]
async fn a_blob_that_is_not_here_is_named() {
    let fixture = Fixture::new();
    let blob = fixture.put(b"gone");
    fs::remove_file(fixture.store.path(&blob.digest)).unwrap();
    let error = fixture.send(std::slice::from_ref(&blob)).await.unwrap_err();
    assert!(
        error
            .message()
            .contains("cannot be read from the image store")
    );
    assert_eq!(error.kind(), Kind::User);
}

#[tokio::test]
async fn a_cache_that_cannot_be_written_is_an_error_at_once() {
    let fixture = Fixture::new();
    let blob = fixture.put(b"x");
    let file = fixture.folder.path().join("file");
    fs::write(&file, b"").unwrap();
    let cache = file.join("below").to_str().unwrap().to_owned();
    let error = send(
        &fixture.host,
        &cache,
        &[blob],
        None,
        &fixture.store,
        &Events::none(),
    )
    .await
    .unwrap_err();
    assert_eq!(error.message(), "cannot receive images on host `h1`");
    assert!(error.causes()[0].contains("Not a directory"), "{error}");
}

#[tokio::test]
async fn a_full_disk_is_seen_before_anything_is_sent() {
    let fixture = Fixture::new();
    // Larger than any disk, and never read.
    let blob = BlobShipment {
        digest: Digest::of(b"huge"),
        size: 1 << 60,
        from: None,
        adopted: false,
    };
    let error = fixture.send(&[blob]).await.unwrap_err();
    assert!(error.message().contains("too little space"), "{error}");
    assert!(
        error.message().contains("1152921.5 TB are needed"),
        "{error}"
    );
}

#[tokio::test]
async fn a_lease_names_what_is_under_way() {
    let fixture = Fixture::new();
    let blob = fixture.put(b"x");
    fixture.send(std::slice::from_ref(&blob)).await.unwrap();
    let mut leases = fs::read_dir(fixture.cache().join("leases")).unwrap();
    let lease = fs::read_to_string(leases.next().unwrap().unwrap().path()).unwrap();
    assert_eq!(lease.trim(), blob.digest.hex());
}
