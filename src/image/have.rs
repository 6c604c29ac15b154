//! What a host has already: one question about its cache, one about its engine (spec §12.3).

use std::collections::BTreeSet;

use futures_util::{StreamExt, TryStreamExt, future, stream};

use super::load::{self, Loaded};
use super::{Store, adopt, amount, chain, registry};
use crate::docker::{Engine, Node};
use crate::error::{Error, Result};
use crate::event::Events;
use crate::model::{Blob, Digest, Image, Store as Kind};

const HAVE: &str = include_str!("sh/have.sh");

/// What a host has of the images that were asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Have {
    /// Blobs in its cache; on this machine those of the local store too. Of an image that it pulls,
    /// the manifest, when its engine holds it under another name already.
    pub blobs: BTreeSet<Digest>,
    /// Layers its engine can supply to every one of the images that needs them.
    pub engine_layers: BTreeSet<Digest>,
    /// Layers that it can copy from its engine into its cache, of the others.
    pub adoptable: BTreeSet<Digest>,
    /// Manifest digests of images its engine holds under their host tag.
    pub images: BTreeSet<Digest>,
}

impl Have {
    /// Whether the image runs, or can be loaded, without a byte being sent.
    #[must_use]
    pub fn restorable(&self, image: &Image) -> bool {
        self.images.contains(&image.manifest.digest) || self.lacks(image).next().is_none()
    }

    /// The blobs that must be sent before the image can be loaded.
    pub fn lacks<'a>(&'a self, image: &'a Image) -> impl Iterator<Item = &'a Blob> {
        let loaded = self.images.contains(&image.manifest.digest);
        image.blobs().filter(move |blob| {
            !loaded
                && !self.blobs.contains(&blob.digest)
                && !self.engine_layers.contains(&blob.digest)
        })
    }
}

/// Asks a host what it has of these images.
///
/// # Errors
/// The host or its engine does not answer.
pub async fn have(node: &Node, cache_dir: &str, images: &[Image]) -> Result<Have> {
    let wanted: BTreeSet<&Blob> = images.iter().flat_map(Image::blobs).collect();
    let (mut blobs, mut have) = tokio::try_join!(
        cached(node, cache_dir, &wanted),
        node.ask(|engine| async move { loaded(&engine, images).await })
    )?;
    for image in images.iter().filter(|image| image.pull.is_some()) {
        let digest = &image.manifest.digest;
        if !have.images.contains(digest) && registry::held(node.engine().await?, image).await? {
            blobs.insert(digest.clone());
        }
    }
    have.adoptable.retain(|layer| !blobs.contains(layer));
    have.blobs = blobs;
    Ok(have)
}

/// The blobs in the cache that have the size they should have.
async fn cached(
    node: &Node,
    cache_dir: &str,
    wanted: &BTreeSet<&Blob>,
) -> Result<BTreeSet<Digest>> {
    let list: String = wanted
        .iter()
        .flat_map(|blob| [blob.digest.hex(), "\n"])
        .collect();
    if list.is_empty() {
        return Ok(BTreeSet::new());
    }
    let output = node
        .host
        .sh_with_lines(HAVE, &[cache_dir], &list)
        .await?
        .ok("ask what is in the image cache")?;
    let mut found: BTreeSet<Digest> = String::from_utf8_lossy(&output.stdout)
        .lines()
        .filter_map(|line| {
            let (hex, size) = line.split_once(' ')?;
            let (digest, size) = (format!("sha256:{hex}").parse().ok()?, size.parse().ok()?);
            let blob = Blob { digest, size };
            wanted.contains(&blob).then_some(blob.digest)
        })
        .collect();
    if node.host.is_local() {
        let store = Store::open()?;
        let here = wanted.iter().filter(|blob| store.holds(blob));
        found.extend(here.map(|blob| blob.digest.clone()));
    }
    Ok(found)
}

/// The images that the engine holds under their host tag, and the layers it can supply to others.
/// Of the cache nothing is known yet.
async fn loaded(engine: &Engine, images: &[Image]) -> Result<Have> {
    // The classic store has a name only when it has the image: there the list says it all.
    let listed = |image: &Image| engine.identity().store == Kind::Classic && image.pull.is_none();
    let doubtful = images.iter().filter(|image| !listed(image));
    let (held, whole) = tokio::try_join!(chain::held(engine), whole(engine, doubtful))?;
    let tags: BTreeSet<&str> = held
        .iter()
        .flat_map(|image| image.tags.iter().map(String::as_str))
        .collect();
    let (mut have, mut missing) = (Have::default(), Vec::new());
    for image in images {
        let named = tags.contains(image.host_tag().as_str());
        if named && (listed(image) || whole.contains(&image.manifest.digest)) {
            have.images.insert(image.manifest.digest.clone());
        } else {
            missing.push(image);
        }
    }
    missing.retain(|image| image.pull.is_none());
    if missing.is_empty() {
        // Nothing will be loaded, so nobody needs to know about layers.
        return Ok(have);
    }
    let there = chain::layered(engine, &held).await?;
    let wanted: BTreeSet<&Blob> = missing.iter().flat_map(|image| &image.layers).collect();
    have.adoptable = adopt::adoptable(&there, wanted);
    let supplied = there.into_iter().filter(|one| one.supplies);
    let supplied: Vec<Vec<Digest>> = supplied.map(|one| one.layers).collect();
    have.engine_layers = chain::supplied_to_all(engine.identity().store, &supplied, missing);
    have.adoptable
        .retain(|layer| !have.engine_layers.contains(layer));
    Ok(have)
}

/// Those of the images that the engine holds with all of their content, a few asked for at once.
async fn whole(engine: &Engine, images: impl Iterator<Item = &Image>) -> Result<BTreeSet<Digest>> {
    // Owned, because a stream over borrowed images is not `Send` as far as the compiler can tell.
    let images: Vec<Image> = images.cloned().collect();
    let found = stream::iter(images).map(|image| async move {
        let whole = load::loaded(engine, &image).await? == Loaded::Whole;
        Ok::<_, Error>(whole.then_some(image.manifest.digest))
    });
    let found = found.buffer_unordered(chain::AT_ONCE);
    found.try_filter_map(future::ok).try_collect().await
}

/// Copies blobs from a host's cache into the local store, for a machine that never built them.
///
/// # Errors
/// The host does not have them, or they are damaged there; the store cannot be written.
pub async fn fetch(
    node: &Node,
    cache_dir: &str,
    blobs: &[Blob],
    store: &Store,
    events: &Events,
) -> Result<()> {
    let missing: Vec<&Blob> = blobs.iter().filter(|blob| !store.holds(blob)).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let bytes = missing.iter().map(|blob| blob.size).sum();
    events.notice(format!(
        "{} of images are not on this machine and are fetched from host `{}`",
        amount(bytes),
        node.name()
    ));
    for blob in missing {
        fetch_one(node, cache_dir, blob, store).await?;
    }
    Ok(())
}

/// Copies an image from a host's engine into the local store: for one whose layers came to that
/// host in another way, so that its cache does not have them.
///
/// # Errors
/// The engine does not have it, or hands over something else; the store cannot be written.
pub async fn fetch_image(node: &Node, image: &Image, store: &Store, events: &Events) -> Result<()> {
    let (tag, platform) = (image.host_tag(), Some(image.platform.as_str()));
    events.notice(format!(
        "image `{}` is not on this machine and is fetched from host `{}`",
        image.reference,
        node.name()
    ));
    let engine = node.engine().await?;
    let fetched = store
        .obtain(engine, &tag, &image.reference, platform)
        .await?;
    if fetched.manifest == image.manifest {
        return Ok(());
    }
    Err(Error::user(format!(
        "the engine of host `{}` handed over another image for `{tag}`",
        node.name()
    ))
    .hint("run the command again with `--build`"))
}

async fn fetch_one(node: &Node, cache_dir: &str, blob: &Blob, store: &Store) -> Result<()> {
    use std::io::Write as _;
    use tokio::io::AsyncReadExt as _;

    let path = format!("{cache_dir}/blobs/sha256/{}", blob.digest.hex());
    let mut process = node.host.stream("exec cat -- \"$1\"", &[&path]).await?;
    drop(process.stdin.take());
    let mut writer = store.writer()?;
    let mut buffer = vec![0; 128 << 10];
    // A connection that breaks shows in how the script ends.
    while let Ok(n @ 1..) = process.stdout.read(&mut buffer).await {
        writer
            .write_all(&buffer[..n])
            .map_err(|error| store.write_error(&error))?;
    }
    process
        .wait()
        .await?
        .ok("read a blob from the image cache")?;
    if writer.finish_as(&blob.digest)? {
        return Ok(());
    }
    load::damaged(&node.host, cache_dir, &[blob.digest.hex()]).await?;
    Err(Error::user(format!(
        "blob `{}` in the cache of host `{}` was damaged and is removed",
        blob.digest,
        node.name()
    ))
    .hint("run the command again: what another host or an engine has is taken from there"))
}

#[cfg(test)]
mod tests {
    use super::super::manifest;
    use super::*;

    #[test]
    fn what_is_lacking_is_what_neither_cache_nor_engine_has() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::at(folder.path()).unwrap();
        let image = manifest::tests::image(&store, &[b"base", b"top"]);
        let mut have = Have::default();
        assert_eq!(have.lacks(&image).count(), 4);
        have.engine_layers.insert(image.layers[0].digest.clone());
        have.blobs.insert(image.config.digest.clone());
        let lacking: Vec<_> = have.lacks(&image).collect();
        assert_eq!(lacking, [&image.layers[1], &image.manifest]);
        assert!(!have.restorable(&image));
        have.images.insert(image.manifest.digest.clone());
        assert_eq!(have.lacks(&image).count(), 0);
        assert!(have.restorable(&image));
    }
}
