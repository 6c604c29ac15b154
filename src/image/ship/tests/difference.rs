//! Of what is like something that the host has, only the difference travels.

use super::*;
use crate::image::chunk::Index;
use crate::image::chunk::tests::noise;

/// What was sent, and what was said meanwhile.
struct Told {
    sent: u64,
    /// Bytes that the host had no part of.
    lacked: u64,
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
                adopted: false,
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
        for blob in blobs {
            let lacked = lacked.get(&blob.digest).copied().unwrap_or_default();
            assert!(lacked <= blob.size, "{lacked} of {}", blob.size);
        }
        self.assert_arrived(blobs);
        let said = said.lock().unwrap().clone();
        let lacked = lacked.values().sum();
        Told { sent, lacked, said }
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
    assert_eq!(told.lacked, new.len() as u64, "all of it travelled");
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
        let lacked = sent.lacked.values().sum::<u64>();
        assert!(sent.wire < 100_000 && lacked < 100_000, "{sent:?}");
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
        .args(["-c", include_str!("../../sh/receive.sh"), "webpods"])
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
