use std::fs;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use super::*;
use crate::error::Kind;
use crate::event::Event;
use crate::image::chunk::Index;
use crate::model::{Digest, Ssh};

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
        let tmp = self.cache().join("tmp");
        fs::create_dir_all(&tmp).unwrap();
        let client = self.store.client().unwrap();
        fs::write(tmp.join(format!("{}.{client}", blob.digest.hex())), bytes).unwrap();
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

/// Bytes that no piece repeats.
fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    })
    .flatten()
    .take(length)
    .collect()
}

/// What was sent, and what was said meanwhile.
struct Told {
    sent: u64,
    said: String,
}

impl Fixture {
    /// Another client with nothing but these blobs.
    async fn elsewhere(&self, blobs: &[&[u8]]) -> Told {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::at(folder.path()).unwrap();
        let blobs: Vec<BlobShipment> = blobs
            .iter()
            .map(|bytes| store.put(bytes).unwrap())
            .map(|blob| BlobShipment {
                digest: blob.digest,
                size: blob.size,
                from: None,
            })
            .collect();
        self.told(&store, &blobs).await
    }

    async fn told(&self, store: &Store, blobs: &[BlobShipment]) -> Told {
        let said = Arc::new(Mutex::new(String::new()));
        let sink = Arc::clone(&said);
        let events = Events::new(move |event| {
            if let Event::Notice { message } | Event::Warning { message } = event {
                sink.lock().unwrap().push_str(&message);
            }
        });
        let cache = self.cache().to_str().unwrap().to_owned();
        let shipped = send(&self.host, &cache, blobs, None, store, &events).await;
        let Sent {
            wire: sent, lacked, ..
        } = shipped.unwrap();
        let all: u64 = blobs.iter().map(|blob| blob.size).sum();
        assert!(lacked <= all, "{lacked} of {all}");
        self.assert_arrived(blobs);
        let said = said.lock().unwrap().clone();
        Told { sent, said }
    }

    fn index(&self, blob: &BlobShipment) -> PathBuf {
        self.cache().join("indexes").join(blob.digest.hex())
    }

    /// A blob that arrives, and another one with a small change.
    async fn two(&self) -> (BlobShipment, Vec<u8>) {
        let mut bytes = noise(1, 3_000_000);
        let old = self.put(&bytes);
        self.told(&self.store, std::slice::from_ref(&old)).await;
        assert!(self.index(&old).exists());
        bytes.splice(1_500_000..1_500_000, *b"changed");
        (old, bytes)
    }
}

#[tokio::test]
async fn of_a_blob_like_another_only_the_difference_travels() {
    let fixture = Fixture::new();
    let (_, new) = fixture.two().await;
    let told = fixture.elsewhere(&[&new, b"small"]).await;
    assert!(told.sent < 100_000, "{} bytes", told.sent);
    assert_eq!(told.said, "");
    // The new one has an index too, so the next one is made of it.
    let mut newer = new;
    newer.truncate(2_900_000);
    newer.extend(noise(2, 20_000));
    let told = fixture.elsewhere(&[&newer]).await;
    assert!(told.sent < 100_000, "{} bytes", told.sent);
}

#[tokio::test]
async fn an_unlike_blob_is_sent_whole() {
    let fixture = Fixture::new();
    fixture.two().await;
    let told = fixture.elsewhere(&[&noise(9, 500_000)]).await;
    assert!(told.sent > 500_000, "{} bytes", told.sent);
    assert_eq!(told.said, "");
}

#[tokio::test]
async fn a_blob_that_is_being_made_is_continued_where_it_stopped() {
    let fixture = Fixture::new();
    let (_, new) = fixture.two().await;
    for made in [1, 1_400_000, 1_600_000, new.len() - 1, new.len()] {
        let blob = fixture.put(&new);
        let _ = fs::remove_file(fixture.cached(&blob));
        fixture.leave_part(&blob, &new[..made]);
        let told = fixture.told(&fixture.store, &[blob]).await;
        assert!(told.sent < 100_000, "{} bytes", told.sent);
        assert_eq!(told.said, "");
    }
}

#[tokio::test]
async fn a_damaged_base_is_found_and_the_blob_is_sent_whole() {
    let fixture = Fixture::new();
    let (old, new) = fixture.two().await;
    let mut damaged = fs::read(fixture.cached(&old)).unwrap();
    damaged[100] ^= 1;
    fs::write(fixture.cached(&old), damaged).unwrap();
    let told = fixture.elsewhere(&[&new]).await;
    assert!(
        told.said.contains("was damaged and is removed"),
        "{}",
        told.said
    );
    assert!(told.said.contains("it is sent whole"), "{}", told.said);
    assert!(!fixture.cached(&old).exists());
    assert!(!fixture.index(&old).exists());
    // A truncated one is no base.
    fixture
        .told(&fixture.store, std::slice::from_ref(&old))
        .await;
    fs::write(fixture.cached(&old), b"short").unwrap();
    let blob = fixture.put(&new);
    fs::remove_file(fixture.cached(&blob)).unwrap();
    fs::remove_file(fixture.index(&blob)).unwrap();
    assert_eq!(fixture.elsewhere(&[&new]).await.said, "");
}

#[tokio::test]
async fn an_index_that_lies_costs_an_attempt() {
    let fixture = Fixture::new();
    let (old, new) = fixture.two().await;
    // The old blob's index says that it is the new one's content.
    let mut bytes = new.clone();
    bytes.truncate(usize::try_from(old.size).unwrap());
    let lie = Index::of(&*bytes, &old.digest, old.size).unwrap().unwrap();
    fs::write(fixture.index(&old), lie.to_bytes().unwrap()).unwrap();
    let told = fixture.elsewhere(&[&new]).await;
    assert!(told.said.contains("it is sent whole"), "{}", told.said);
    assert!(!fixture.index(&old).exists());
    assert!(fixture.cached(&old).exists(), "the blob itself is sound");
}

#[tokio::test]
async fn a_damaged_index_is_passed_over_and_a_missing_one_sent_again() {
    let fixture = Fixture::new();
    let (old, new) = fixture.two().await;
    let sound = fs::read(fixture.index(&old)).unwrap();
    fs::write(fixture.index(&old), &sound[..sound.len() / 2]).unwrap();
    let told = fixture.elsewhere(&[&new]).await;
    assert_eq!(told.said, "");
    fs::remove_file(fixture.index(&old)).unwrap();
    fixture
        .told(&fixture.store, std::slice::from_ref(&old))
        .await;
    assert_eq!(fs::read(fixture.index(&old)).unwrap(), sound);
}

#[tokio::test]
async fn two_clients_that_have_the_same_blob_made_do_not_hurt_each_other() {
    let fixture = Fixture::new();
    let (_, new) = fixture.two().await;
    let folder = tempfile::tempdir().unwrap();
    let other = Store::at(folder.path()).unwrap();
    other.put(&new).unwrap();
    let blobs = [fixture.put(&new)];
    let cache = fixture.cache().to_str().unwrap().to_owned();
    let events = Events::none();
    let ship = |store| send(&fixture.host, &cache, &blobs, None, store, &events);
    let (one, other) = tokio::join!(ship(&fixture.store), ship(&other));
    for sent in [one.unwrap(), other.unwrap()] {
        assert!(sent.wire < 100_000 && sent.lacked < 100_000, "{sent:?}");
    }
    fixture.assert_arrived(&blobs);
}

#[test]
fn a_host_without_perl_and_python_says_so_and_takes_whole_blobs() {
    let folder = tempfile::tempdir().unwrap();
    let programs = folder.path().join("programs");
    fs::create_dir(&programs).unwrap();
    for name in [
        "sh",
        "mkdir",
        "stat",
        "df",
        "rm",
        "mv",
        "dd",
        "grep",
        "head",
        "cat",
        "tee",
        "sha256sum",
    ] {
        let found = std::env::split_paths(&std::env::var_os("PATH").unwrap())
            .map(|folder| folder.join(name))
            .find(|path| path.exists());
        std::os::unix::fs::symlink(found.unwrap(), programs.join(name)).unwrap();
    }
    let hex = Digest::of(b"bytes").hex().to_owned();
    let cache = folder.path().join("cache");
    fs::create_dir_all(cache.join("indexes")).unwrap();
    fs::write(cache.join("indexes").join("a".repeat(64)), "").unwrap();
    let mut child = std::process::Command::new(programs.join("sh"))
        .args(["-c", include_str!("../sh/receive.sh"), "webpods"])
        .args([cache.to_str().unwrap(), "client", "attempt", "", ""])
        .env("PATH", &programs)
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let input = format!("{hex} 5\n\nsend\n{hex} 0 5\nbytes");
    std::io::Write::write_all(&mut child.stdin.take().unwrap(), input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(said.contains(&format!("want {hex} 0\n")), "{said}");
    assert!(
        said.ends_with(&format!("pack none\ngo\nok {hex}\n")),
        "{said}"
    );
}

/// An engine that keeps what it is given to load.
pub(super) struct Engine {
    pub(super) socket: PathBuf,
    pub(super) given: std::thread::JoinHandle<Vec<u8>>,
}

impl Engine {
    pub(super) fn start(folder: &std::path::Path) -> Self {
        use std::io::{BufRead as _, Read as _, Write as _};
        let socket = folder.join("engine.sock");
        let listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
        let given = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut from = std::io::BufReader::new(stream.try_clone().unwrap());
            let mut line = String::new();
            while line != "\r\n" {
                line.clear();
                from.read_line(&mut line).unwrap();
            }
            let mut body = Vec::new();
            loop {
                line.clear();
                from.read_line(&mut line).unwrap();
                let size = u64::from_str_radix(line.trim(), 16).unwrap();
                (&mut from).take(size).read_to_end(&mut body).unwrap();
                from.read_line(&mut line).unwrap();
                if size == 0 {
                    break;
                }
            }
            stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n{}").unwrap();
            body
        });
        Self { socket, given }
    }
}

#[tokio::test]
async fn the_engine_reads_the_archive_while_blobs_arrive() {
    let fixture = Fixture::new();
    let engine = Engine::start(fixture.folder.path());
    let fixture = fixture.with_engine(&engine.socket);
    let large: Vec<u8> = (0u32..300_000).flat_map(u32::to_le_bytes).collect();
    let layers: [&[u8]; 4] = [b"there already", b"half of it was there", b"", &large];
    let image = crate::image::manifest::tests::image(&fixture.store, &layers);
    let blobs = |image: &Image| -> Vec<BlobShipment> {
        let blobs = image.blobs().map(|blob| BlobShipment {
            digest: blob.digest.clone(),
            size: blob.size,
            from: None,
        });
        blobs.collect()
    };
    let mut wanted = blobs(&image);
    let there = wanted
        .iter()
        .position(|one| one.digest == image.layers[0].digest);
    let there = wanted.remove(there.unwrap());
    fixture.send(&[there]).await.unwrap();
    let half = wanted
        .iter()
        .find(|one| one.digest == image.layers[1].digest);
    fixture.leave_part(half.unwrap(), b"half of it");
    let archive = Archive {
        members: image.blobs().cloned().collect(),
        end: archive::End::of(&[&image]).unwrap(),
    };
    let cache = fixture.cache().to_str().unwrap().to_owned();
    let events = Events::none();
    let (host, store) = (&fixture.host, &fixture.store);
    send(host, &cache, &wanted, Some(&archive), store, &events)
        .await
        .unwrap();
    fixture.assert_arrived(&blobs(&image));
    let mark = fixture
        .cache()
        .join("images")
        .join(image.manifest.digest.hex());
    assert_eq!(
        fs::read_to_string(mark).unwrap(),
        format!("{}\n", image.reference)
    );
    let given = engine.given.join().unwrap();
    let other = Store::at(fixture.folder.path().join("other")).unwrap();
    let reference = crate::image::Wanted {
        reference: &image.reference,
        platform: None,
    };
    assert_eq!(other.import(&*given, reference).unwrap(), image);
}

#[tokio::test]
async fn an_engine_that_reads_nothing_does_not_keep_blobs_from_the_cache() {
    let fixture = Fixture::new();
    let nowhere = fixture.folder.path().join("no engine");
    let fixture = fixture.with_engine(&nowhere);
    let large: Vec<u8> = (0u32..300_000).flat_map(u32::to_le_bytes).collect();
    let blob = fixture.put(&large);
    let archive = Archive {
        members: [Blob {
            digest: blob.digest.clone(),
            size: blob.size,
        }]
        .into(),
        end: archive::End::default(),
    };
    let cache = fixture.cache().to_str().unwrap().to_owned();
    let (blobs, store) = ([blob], &fixture.store);
    send(
        &fixture.host,
        &cache,
        &blobs,
        Some(&archive),
        store,
        &Events::none(),
    )
    .await
    .unwrap();
    fixture.assert_arrived(&blobs);
}
