//! From a host's cache into its engine (spec §12.3), under a name that is unique per content.

use std::collections::BTreeSet;

use super::{Store, chain, hold, layout, pipe, registry, unique};
use crate::docker::{Engine, Found, Node};
use crate::error::{self, Error, Result};
use crate::model::{Digest, Image, Store as Kind};
use crate::remote::Host;

const LOAD: &str = concat!(include_str!("sh/engine.sh"), include_str!("sh/load.sh"));
const CHECK: &str = include_str!("sh/check.sh");
/// How the script ends when a blob is not in the cache, or was damaged there.
const MISSING: i32 = 3;
/// How it ends when the engine is not there, or goes away.
const GONE: i32 = 75;

/// Loads an image into a host's engine as [`Image::host_tag`], or has the engine pull it. Nothing
/// happens when it is there.
///
/// # Errors
/// A blob is neither in the cache nor in the engine, or is damaged there; the engine refuses, in
/// its own words, or is not there (exit 7); a registry cannot be reached from the host, or refuses.
pub async fn load(node: &Node, cache_dir: &str, image: &Image) -> Result<()> {
    let engine = node.engine().await?;
    match loaded(engine, image).await? {
        Loaded::Whole => return Ok(()),
        // An earlier load was given damaged blobs.
        Loaded::Broken => drop(engine.remove_image(&image.host_tag()).await.found()?),
        Loaded::No => {}
    }
    if image.pull.is_some() || node.host.is_local() {
        hold::expect(&node.host, cache_dir, image).await?;
    }
    if let Some(pinned) = &image.pull {
        registry::pull(engine, image, pinned).await?;
        return verify(engine, image).await;
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
    let partial = from_cache(engine, cache_dir, image, &supplied).await;
    if let Err(refused) = partial {
        if supplied.is_empty() || refused.kind() == error::Kind::Unreachable {
            return Err(refused);
        }
        // The engine did not supply what it seemed to have; the cache may.
        let whole = from_cache(engine, cache_dir, image, &BTreeSet::new()).await;
        whole.map_err(|again| match refused.hints() {
            [] => again,
            _ => refused,
        })?;
    }
    Ok(())
}

/// Whether an engine has an image under its host tag.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Loaded {
    /// It has none.
    No,
    /// It has the name, and not all of the content.
    Broken,
    /// It can run it.
    Whole,
}

/// Looks the image up by its host tag.
pub(super) async fn loaded(engine: &Engine, image: &Image) -> Result<Loaded> {
    let Some(found) = engine.image_content(&image.host_tag()).await.found()? else {
        return Ok(Loaded::No);
    };
    if image.pull.is_some() {
        let whole = registry::is_for(&found, image);
        return Ok(if whole { Loaded::Whole } else { Loaded::Broken });
    }
    let wanted = image.layers.iter().map(|blob| blob.digest.as_str());
    let same_layers = wanted.eq(found.layers().iter().map(String::as_str));
    // The containerd store lists an image when it has its manifest, whatever else is missing.
    let whole = same_layers
        && !found.architecture.is_empty()
        && (engine.identity().store == Kind::Containerd
            || found.id == image.config.digest.as_str());
    Ok(if whole { Loaded::Whole } else { Loaded::Broken })
}

/// Names an image that this machine's engine has already. False: it has none like it.
async fn tag_own(engine: &Engine, store: &Store, image: &Image) -> Result<bool> {
    // The classic store names an image by its configuration, the other one by what was built.
    for name in [image.config.digest.as_str(), &image.reference] {
        let Some(found) = engine.image_content(name).await.found()? else {
            continue;
        };
        let same = found.id == image.config.digest.as_str()
            || store
                .recall(super::records::Key::Engine(&found.id))
                .is_some_and(|known| known.manifest == image.manifest);
        if same {
            let repository = image.host_tag();
            let repository = repository.trim_end_matches(":latest");
            engine.tag_image(&found.id, repository, "latest").await?;
            return Ok(loaded(engine, image).await? == Loaded::Whole);
        }
    }
    Ok(false)
}

/// Gives this machine's engine an image of the store under a name of the user's.
///
/// # Errors
/// The engine refuses it.
pub(super) async fn named(
    engine: &Engine,
    store: &Store,
    image: &Image,
    reference: &str,
) -> Result<()> {
    if !tag_own(engine, store, image).await? {
        from_store(engine, store, image).await?;
        verify(engine, image).await?;
    }
    let name_at = reference.rfind('/').map_or(0, |slash| slash + 1);
    let (repository, tag) = match reference[name_at..].split_once(':') {
        Some((name, tag)) => (&reference[..name_at + name.len()], tag),
        None => (reference, "latest"),
    };
    engine.tag_image(&image.host_tag(), repository, tag).await?;
    Ok(())
}

async fn from_store(engine: &Engine, store: &Store, image: &Image) -> Result<()> {
    let (store, image) = (store.clone(), image.clone());
    let archive = pipe::write(move |to| layout::write(&store, &image, &BTreeSet::new(), to));
    engine.load_images(archive).await?;
    Ok(())
}

async fn from_cache(
    engine: &Engine,
    cache_dir: &str,
    image: &Image,
    supplied: &BTreeSet<Digest>,
) -> Result<()> {
    let host = engine.host();
    let head = layout::head(image)?;
    let attempt = unique();
    let socket = host.engine_path().to_string_lossy();
    let blobs: Vec<&str> = layout::blobs(image, supplied)
        .into_iter()
        .map(|blob| blob.digest.hex())
        .collect();
    let (manifest, config) = (image.manifest.digest.hex(), image.config.digest.hex());
    let name = image.reference.as_str();
    let first = [cache_dir, &attempt, &socket, manifest, name, config];
    let arguments = [&first, &blobs[..]].concat();
    let mut output = host.sh_with_input(LOAD, &arguments, &head).await?;
    let result = match output.status {
        0 => verify(engine, image).await,
        MISSING => Err(Error::user(format!(
            "image `{}` is incomplete in the cache of host `{}`: {}",
            image.reference,
            host.name(),
            output.text()
        ))
        .hint("run the command again; what is missing is shipped then")),
        // What there is to say of the cache, another attempt says.
        GONE => {
            let gone = output.error(&format!("load image `{}`", image.reference));
            return Err(gone.with_kind(error::Kind::Unreachable));
        }
        _ => {
            output.stderr = plain(&output.stderr);
            Err(explained(
                output.error(&format!("load image `{}`", image.reference)),
                &output.stderr,
            ))
        }
    };
    match result {
        Ok(()) => Ok(()),
        Err(error) if damaged(host, cache_dir, &blobs).await? => Err(error.hint(format!(
            "what was damaged in the cache of host `{}` is removed; run the command again, and it \
             is shipped again",
            host.name()
        ))),
        Err(error) => Err(error),
    }
}

/// Removes the damaged among these blobs from a cache. False: there are none.
pub(super) async fn damaged(host: &Host, cache_dir: &str, blobs: &[&str]) -> Result<bool> {
    let arguments = [&[cache_dir], blobs].concat();
    let output = host
        .sh(CHECK, &arguments)
        .await?
        .ok("check the image cache")?;
    Ok(output.stdout.starts_with(b"damaged "))
}

/// With what to do about it, where the engine does not say.
fn explained(error: Error, said: &[u8]) -> Error {
    let said = String::from_utf8_lossy(said);
    if said.contains("no space left on device") {
        error.hint("free disk space on the host; `webpods prune` removes what no release needs")
    } else {
        error
    }
}

/// The engine's reason alone, where an answer of its API came as it is.
fn plain(said: &[u8]) -> Vec<u8> {
    let said = String::from_utf8_lossy(said);
    let reason = said.lines().rev().find_map(|line| {
        let answer: serde_json::Value = serde_json::from_str(line.trim()).ok()?;
        let reason = answer.get("error").or_else(|| answer.get("message"))?;
        Some(reason.as_str()?.to_owned())
    });
    reason.unwrap_or_else(|| said.into_owned()).into_bytes()
}

/// Whether the engine now has what it was given; what it has in part is removed.
async fn verify(engine: &Engine, image: &Image) -> Result<()> {
    let why = match loaded(engine, image).await? {
        Loaded::Whole => return Ok(()),
        Loaded::No => format!("the engine took it and has no `{}`", image.host_tag()),
        Loaded::Broken => {
            engine.remove_image(&image.host_tag()).await.found()?;
            "the engine took it and lacks a part of it".to_owned()
        }
    };
    Err(Error::user(format!(
        "image `{}` was not loaded on host `{}`",
        image.reference,
        engine.host().name()
    ))
    .cause(why))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_engines_reason_is_found_in_its_answers() {
        let cases = [
            ("{\"message\":\"no\"}\n", "no"),
            (
                "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n2a\r\n{\"errorDetail\":{},\"error\":\"bad diffID\"}\r\n0\r\n",
                "bad diffID",
            ),
            ("Error: no such socket\n", "Error: no such socket\n"),
            ("", ""),
        ];
        for (said, wanted) in cases {
            assert_eq!(plain(said.as_bytes()), wanted.as_bytes(), "{said}");
        }
    }
}
