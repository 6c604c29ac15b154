//! What is removed from a cache, and what is not.

mod leases;

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use super::*;
use crate::event::Events;
use crate::model::Ssh;

struct Fixture {
    folder: tempfile::TempDir,
    host: Arc<Host>,
}

fn blob(text: &str) -> Blob {
    Blob {
        digest: Digest::of(text.as_bytes()),
        size: text.len() as u64,
    }
}

/// An image whose layers are these words; its manifest and configuration follow from them.
fn image(layers: &[&str]) -> Image {
    let name = layers.join("-");
    Image {
        reference: name.clone(),
        manifest: blob(&format!("manifest of {name}")),
        config: blob(&format!("config of {name}")),
        layers: layers.iter().map(|layer| blob(layer)).collect(),
        platform: "linux/amd64".to_owned(),
        source: None,
        pull: None,
        variants: Vec::new(),
    }
}

fn key(project: &str) -> StackKey {
    StackKey {
        context: "prod".parse().unwrap(),
        project: project.parse().unwrap(),
    }
}

impl Fixture {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let host = serde_json::from_value(serde_json::json!({
            "name": "h1", "addr": "localhost", "labels": {}, "local": true,
        }))
        .unwrap();
        fs::create_dir_all(folder.path().join("a cache/blobs/sha256")).unwrap();
        Self {
            host: Host::new(&Ssh::default(), &host, &Events::none()).unwrap(),
            folder,
        }
    }

    fn cache(&self) -> PathBuf {
        self.folder.path().join("a cache")
    }

    /// Puts an image into the cache, as shipping does.
    fn ship(&self, layers: &[&str]) -> Image {
        let image = image(layers);
        for blob in image.blobs() {
            let path = self.cache().join("blobs/sha256").join(blob.digest.hex());
            fs::write(path, vec![b'x'; usize::try_from(blob.size).unwrap()]).unwrap();
        }
        image
    }

    async fn release(&self, project: &str, release: u64, images: &[&Image]) {
        let (cache, key) = (self.cache(), key(project));
        let images = images.iter().copied();
        write(
            &self.host,
            cache.to_str().unwrap(),
            &key,
            ReleaseId(release),
            images,
        )
        .await
        .unwrap();
    }

    async fn sweep(&self, project: &str, keep: &[u64], dry_run: bool) -> Found {
        self.sweep_to(None, project, keep, dry_run).await
    }

    /// As [`Self::sweep`]; the newest of `keep` serves.
    async fn sweep_to(
        &self,
        limit: Option<u64>,
        project: &str,
        keep: &[u64],
        dry_run: bool,
    ) -> Found {
        let releases: Vec<ReleaseId> = keep.iter().map(|number| ReleaseId(*number)).collect();
        let key = key(project);
        let keep = Keep {
            key: &key,
            releases: &releases,
            active: releases.last().copied(),
            limit,
            also: &[],
        };
        let cache = self.cache();
        let swept = sweep(&self.host, cache.to_str().unwrap(), keep, dry_run).await;
        let (found, locked) = swept.unwrap();
        locked.unwrap().wait().await.unwrap();
        found
    }

    fn cached(&self) -> BTreeSet<String> {
        fs::read_dir(self.cache().join("blobs/sha256"))
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect()
    }
}

fn hexes<'a>(images: impl IntoIterator<Item = &'a Image>) -> BTreeSet<String> {
    images
        .into_iter()
        .flat_map(Image::blobs)
        .map(|blob| blob.digest.hex().to_owned())
        .collect()
}

#[tokio::test]
async fn only_what_no_retained_release_needs_is_removed() {
    let fixture = Fixture::new();
    let old = fixture.ship(&["base", "old"]);
    let new = fixture.ship(&["base", "new"]);
    fixture.release("shop", 1, &[&old]).await;
    fixture.release("shop", 2, &[&new]).await;
    let indexes = fixture.cache().join("indexes");
    fs::create_dir(&indexes).unwrap();
    for hex in hexes([&old, &new]) {
        fs::write(indexes.join(hex), "").unwrap();
    }
    fs::write(indexes.join(blob("gone").digest.hex()), "").unwrap();
    let found = fixture.sweep("shop", &[1, 2], false).await;
    assert_eq!(found.blobs, []);

    let looked = fixture.sweep("shop", &[2], true).await;
    assert_eq!(
        fixture.cached(),
        hexes([&old, &new]),
        "a look removes nothing"
    );
    let removed = fixture.sweep("shop", &[2], false).await;
    assert_eq!(looked, removed);
    assert_eq!(removed.blobs.len(), 3, "the shared base stays: {removed:?}");
    assert_eq!(fixture.cached(), hexes([&new]));
    let kept = fs::read_dir(&indexes).unwrap();
    let kept: BTreeSet<String> = kept
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert_eq!(kept, fixture.cached(), "an index goes with its blob");
    assert!(removed.gone.contains(&old.manifest.digest));
    assert!(goes(&removed, &[], &old.host_tag()));
    assert!(!goes(&removed, &[], &new.host_tag()));
}

#[tokio::test]
async fn another_project_keeps_what_it_needs() {
    let fixture = Fixture::new();
    let shared = fixture.ship(&["base", "app"]);
    let own = fixture.ship(&["base", "own"]);
    fixture.release("shop", 1, &[&shared, &own]).await;
    fixture.release("other", 1, &[&shared]).await;
    let removed = fixture.sweep("shop", &[], false).await;
    assert_eq!(fixture.cached(), hexes([&shared]));
    assert!(!goes(&removed, &[], &shared.host_tag()));
    assert!(goes(&removed, &[], &own.host_tag()));
    // The project's folder is gone, the other's is not.
    assert!(!fixture.cache().join("refs/prod/shop").exists());
    assert!(fixture.cache().join("refs/prod/other/r1").exists());
}

/// Makes files of the cache as old as this.
fn age(folder: &std::path::Path, minutes: u64) {
    let then = std::time::SystemTime::now() - std::time::Duration::from_secs(minutes * 60);
    for entry in fs::read_dir(folder).unwrap() {
        let file = fs::File::options().append(true).open(entry.unwrap().path());
        file.unwrap().set_modified(then).unwrap();
    }
}

#[tokio::test]
async fn an_image_that_came_by_another_way_goes_when_nobody_refers_to_it() {
    let fixture = Fixture::new();
    let image = image(&["pulled"]);
    let (cache, tag) = (fixture.cache(), image.host_tag());
    let text = cache.to_str().unwrap();
    crate::image::hold::expect(&fixture.host, text, &image)
        .await
        .unwrap();
    let found = fixture.sweep("shop", &[], false).await;
    assert!(!goes(&found, &[], &tag), "it came just now");

    age(&cache.join("leases"), 61);
    for dry_run in [true, false, false] {
        let found = fixture.sweep("shop", &[], dry_run).await;
        assert!(goes(&found, &[], &tag), "known until it is gone");
    }
    let key = key("shop");
    let keep = Keep {
        key: &key,
        releases: &[],
        active: None,
        limit: None,
        also: &[],
    };
    let (found, locked) = sweep(&fixture.host, text, keep, false).await.unwrap();
    forget(locked.unwrap(), found.gone.iter()).await.unwrap();
    assert_eq!(fs::read_dir(cache.join("images")).unwrap().count(), 0);
}

#[tokio::test]
async fn images_of_a_cache_elsewhere_stay() {
    let fixture = Fixture::new();
    let elsewhere = image(&["base"]);
    let found = fixture.sweep("shop", &[], false).await;
    assert!(!goes(&found, &[], &elsewhere.host_tag()));
    assert!(goes(&found, &[elsewhere.host_tag()], &elsewhere.host_tag()));
    assert!(!goes(&found, &["nginx:latest".to_owned()], "nginx:latest"));
}

#[tokio::test]
async fn a_host_without_a_cache_has_nothing_to_prune() {
    let fixture = Fixture::new();
    let key = key("shop");
    let keep = Keep {
        key: &key,
        releases: &[],
        active: None,
        limit: None,
        also: &[],
    };
    let (found, _) = sweep(&fixture.host, "/nonexistent/cache", keep, false)
        .await
        .unwrap();
    assert_eq!(found, Found::default());
}

#[tokio::test]
async fn a_cache_that_is_too_large_loses_the_oldest_releases_but_not_what_serves() {
    let fixture = Fixture::new();
    let layers = ["a".repeat(1000), "b".repeat(1000), "c".repeat(1000)];
    let images: Vec<Image> = layers
        .iter()
        .map(|layer| fixture.ship(&["base", layer]))
        .collect();
    let neighbour = fixture.ship(&["neighbour"]);
    fixture.release("other", 1, &[&neighbour]).await;
    for (number, image) in (1..).zip(&images) {
        fixture.release("shop", number, &[image]).await;
    }
    let all = &[1, 2, 3];
    let roomy = fixture.sweep_to(Some(1 << 20), "shop", all, false).await;
    assert_eq!((roomy.evicted.len(), roomy.over), (0, None));

    // Each image takes more than 3,000 bytes, with its manifest and configuration.
    let limit = Some(8000);
    let looked = fixture.sweep_to(limit, "shop", all, true).await;
    assert!(fixture.cached().is_superset(&hexes([&images[0]])));
    let removed = fixture.sweep_to(limit, "shop", all, false).await;
    assert_eq!(looked, removed);
    assert_eq!(
        (&removed.evicted[..], removed.over),
        (&[ReleaseId(1)][..], None)
    );
    assert!(goes(&removed, &[], &images[0].host_tag()));
    assert_eq!(
        fixture.cached(),
        hexes([&images[1], &images[2], &neighbour])
    );

    let least = fixture.sweep_to(Some(1), "shop", all, false).await;
    assert_eq!(least.evicted, [ReleaseId(2)]);
    assert!(least.over > Some(1));
    assert_eq!(fixture.cached(), hexes([&images[2], &neighbour]));
    assert!(!goes(&least, &[], &images[2].host_tag()));
    assert!(!goes(&least, &[], &neighbour.host_tag()));
}
