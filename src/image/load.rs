//! From a host's cache into its engine (spec §12.3), under a name that is unique per content.

use std::collections::BTreeSet;

use super::{Store, chain, layout, pipe, unique};
use crate::docker::{Engine, Found, Node};
use crate::error::{Error, Result};
use crate::model::{Digest, Image, Store as Kind};
use crate::remote::Host;

const LOAD: &str = include_str!("sh/load.sh");
/// How the script ends when a blob is not in the cache.
const MISSING: i32 = 3;

/// Loads an image into a host's engine as [`Image::host_tag`]. Nothing happens when it is there.
///
/// # Errors
/// A blob is neither in the cache nor in the engine; the engine refuses, in its own words.
pub async fn load(node: &Node, cache_dir: &str, image: &Image) -> Result<()> {
    let engine = node.engine().await?;
    if engine
        .inspect_image(&image.host_tag())
        .await
        .found()?
        .is_some()
    {
        return Ok(());
    }
    if node.host.is_local() {
        let store = Store::open()?;
        if tag_own(engine, &store, image).await? {
            return Ok(());
        }
        if store.complete(image) {
            from_store(engine, &store, image).await?;
            return verify(engine, image).await;
        }
    }
    let held = chain::held(engine).await?;
    let layers = chain::layers(engine, &held).await?;
    let supplied = chain::supplied(engine.identity().store, &layers, image);
    let partial = from_cache(&node.host, cache_dir, image, &supplied).await;
    if let Err(refused) = partial {
        if supplied.is_empty() {
            return Err(refused);
        }
        // The engine did not supply what it seemed to have; the cache may.
        let whole = from_cache(&node.host, cache_dir, image, &BTreeSet::new()).await;
        whole.map_err(|_| refused)?;
    }
    verify(engine, image).await
}

/// Names an image that this machine's engine has already. False: it has none like it.
async fn tag_own(engine: &Engine, store: &Store, image: &Image) -> Result<bool> {
    // The classic store names an image by its configuration, the other one by what was built.
    for name in [image.config.digest.as_str(), &image.reference] {
        let Some(found) = engine.inspect_image(name).await.found()? else {
            continue;
        };
        let Some(id) = found.id else { continue };
        let same = id == image.config.digest.as_str()
            || store
                .recall(super::records::Key::Engine(&id))
                .is_some_and(|known| known.manifest == image.manifest);
        if same {
            let repository = image.host_tag();
            let repository = repository.trim_end_matches(":latest");
            engine.tag_image(&id, repository, "latest").await?;
            return Ok(true);
        }
    }
    Ok(false)
}

async fn from_store(engine: &Engine, store: &Store, image: &Image) -> Result<()> {
    let (store, image) = (store.clone(), image.clone());
    let archive = pipe::write(move |to| layout::write(&store, &image, &BTreeSet::new(), to));
    engine.load_images(archive).await?;
    Ok(())
}

async fn from_cache(
    host: &Host,
    cache_dir: &str,
    image: &Image,
    supplied: &BTreeSet<Digest>,
) -> Result<()> {
    let head = layout::head(image)?;
    let attempt = unique();
    let socket = host.engine_path().to_string_lossy();
    let blobs = layout::blobs(image, supplied);
    let mut arguments = vec![cache_dir, &attempt, &socket];
    arguments.extend(blobs.iter().map(|blob| blob.digest.hex()));
    let output = host.sh_with_input(LOAD, &arguments, &head).await?;
    if output.status == MISSING {
        return Err(Error::user(format!(
            "image `{}` is incomplete in the cache of host `{}`: `{}`",
            image.reference,
            host.name(),
            output.text()
        ))
        .hint("run the command again; what is missing is shipped then"));
    }
    output.ok(&format!("load image `{}`", image.reference))?;
    Ok(())
}

/// Whether the engine now has what it was given.
async fn verify(engine: &Engine, image: &Image) -> Result<()> {
    let there = engine.inspect_image(&image.host_tag()).await.found()?;
    let wrong = |why: String| {
        Error::user(format!(
            "image `{}` was not loaded on host `{}`",
            image.reference,
            engine.host().name()
        ))
        .cause(why)
    };
    let Some(found) = there else {
        return Err(wrong(format!(
            "the engine took the archive and has no `{}`",
            image.host_tag()
        )));
    };
    let id = found.id.unwrap_or_default();
    if engine.identity().store == Kind::Classic && id != image.config.digest.as_str() {
        return Err(wrong(format!(
            "the engine made `{id}` of it in place of `{}`",
            image.config.digest
        )));
    }
    Ok(())
}
