//! Which release needs which blobs, recorded beside the blobs; and removal of what none needs
//! (spec §12.4, §19.2).

use std::collections::BTreeSet;

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};

use super::amount::amount;
use super::chain;
use crate::docker::{Engine, Node};
use crate::error::Result;
use crate::event::Events;
use crate::model::{Blob, Digest, HostName, Image, ReleaseId, StackKey};
use crate::remote::{Host, Process};

const REFS: &str = include_str!("../sh/refs.sh");
const PRUNE: &str = include_str!("../sh/prune.sh");

/// Records on a host what a release needs, once its blobs are safely on disk.
///
/// # Errors
/// The cache cannot be written.
pub async fn write_refs(
    node: &Node,
    cache_dir: &str,
    key: &StackKey,
    release: ReleaseId,
    images: impl IntoIterator<Item = &Image>,
) -> Result<()> {
    write(&node.host, cache_dir, key, release, images).await
}

async fn write(
    host: &Host,
    cache_dir: &str,
    key: &StackKey,
    release: ReleaseId,
    images: impl IntoIterator<Item = &Image>,
) -> Result<()> {
    let needed: BTreeSet<&Digest> = images.into_iter().flat_map(Image::needed).collect();
    let list: String = needed
        .into_iter()
        .flat_map(|digest| [digest.as_str(), "\n"])
        .collect();
    let release = release.to_string();
    let names = [
        cache_dir,
        key.context.as_str(),
        key.project.as_str(),
        &release,
    ];
    host.sh_with_input(REFS, &names, list.as_bytes())
        .await?
        .ok("record what the release needs")?;
    Ok(())
}

/// What a prune removes, or would remove.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pruned {
    /// Blobs of the cache.
    pub blobs: Vec<Blob>,
    /// Bytes that transfers left in it when they broke off.
    pub left: u64,
    /// Host tags of the engine's images.
    pub images: Vec<String>,
    /// Releases of the project that went because the cache was larger than it may be.
    pub evicted: Vec<ReleaseId>,
    /// Bytes that have to stay although they are more than the cache may hold.
    pub over: Option<u64>,
}

impl Pruned {
    /// Bytes that the cache gives back.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.left + self.blobs.iter().map(|blob| blob.size).sum::<u64>()
    }

    /// Says what the cache's limit did, or with `dry_run` would do.
    pub fn tell(&self, host: &HostName, events: &Events, dry_run: bool) {
        if !self.evicted.is_empty() {
            let releases: Vec<String> = self.evicted.iter().map(ToString::to_string).collect();
            events.notice(format!(
                "host `{host}`: the cache is at `artifacts.max_cache_bytes`; its blobs of {} {}",
                releases.join(", "),
                if dry_run { "would go" } else { "went" }
            ));
        }
        if let Some(over) = self.over {
            events.warn(format!(
                "host `{host}`: the cache holds {}, more than `artifacts.max_cache_bytes`, and \
                 releases that serve, here or in other projects, need it all; raise the limit",
                amount(over)
            ));
        }
    }
}

/// What of a project stays on a host.
#[derive(Debug, Clone, Copy)]
pub struct Keep<'a> {
    /// The project.
    pub key: &'a StackKey,
    /// Its releases that stay restorable, oldest first; none: everything of it goes.
    pub releases: &'a [ReleaseId],
    /// The one that serves: it stays however large the cache is.
    pub active: Option<ReleaseId>,
    /// Bytes the cache may hold. When more is needed, the project's oldest releases go.
    pub limit: Option<u64>,
    /// Host tags that may go besides those of this cache, when no one refers to them.
    pub also: &'a [String],
}

/// Removes from a host what no release refers to, of whichever project. With `dry_run` nothing is
/// removed and the answer is the same.
///
/// # Errors
/// The cache cannot be read or written; the engine does not answer.
pub async fn prune(node: &Node, cache_dir: &str, keep: Keep<'_>, dry_run: bool) -> Result<Pruned> {
    let engine = node.engine().await?;
    let (found, locked) = sweep(&node.host, cache_dir, keep, dry_run).await?;
    let (images, mut busy) = unused(engine, &found, keep.also).await?;
    if !dry_run {
        for image in &images {
            match engine.remove_image(image).await {
                // Someone else removed it in the meantime.
                Err(error) if error.is_not_found() => {}
                // Someone else began to use it.
                Err(error) if error.is_conflict() => busy.extend(chain::manifest_of(image)),
                removed => removed?,
            }
        }
        if let Some(locked) = locked {
            forget(locked, found.gone.difference(&busy)).await?;
        }
    }
    Ok(Pruned {
        blobs: found.blobs,
        left: found.left,
        images,
        evicted: found.evicted,
        over: found.over,
    })
}

/// What the script found in a cache.
#[derive(Debug, Default, PartialEq, Eq)]
struct Found {
    /// Somebody refers to it.
    used: BTreeSet<Digest>,
    /// A release that goes away referred to it, or it is an image that none refers to.
    gone: BTreeSet<Digest>,
    /// In the cache, and nobody refers to it.
    blobs: Vec<Blob>,
    /// Bytes that transfers left long ago.
    left: u64,
    /// Releases that went because the cache was too large.
    evicted: Vec<ReleaseId>,
    /// Bytes that stay, when they are too many.
    over: Option<u64>,
}

/// Looks, or removes. The cache is locked for as long as the process is kept.
async fn sweep(
    host: &Host,
    cache_dir: &str,
    keep: Keep<'_>,
    dry_run: bool,
) -> Result<(Found, Option<Process>)> {
    let releases: Vec<String> = keep.releases.iter().map(ReleaseId::to_string).collect();
    let how = if dry_run { "look" } else { "remove" };
    let key = keep.key;
    let limit = keep.limit.unwrap_or(0).to_string();
    let active = keep
        .active
        .map_or_else(|| "-".to_owned(), |id| id.to_string());
    let mut arguments = vec![
        cache_dir,
        key.context.as_str(),
        key.project.as_str(),
        how,
        &limit,
        &active,
    ];
    arguments.extend(releases.iter().map(String::as_str));
    let mut process = host.stream(PRUNE, &arguments).await?;
    let stdout = std::mem::replace(&mut process.stdout, Box::new(tokio::io::empty()));
    let mut lines = BufReader::new(stdout).lines();
    let mut found = Found::default();
    // A connection that breaks shows in how the script ends.
    while let Ok(Some(line)) = lines.next_line().await {
        if line == "end" {
            return Ok((found, Some(process)));
        }
        let mut words = line.split(' ');
        let (Some(kind), Some(hex)) = (words.next(), words.next()) else {
            continue;
        };
        match kind {
            "evicted" => found.evicted.extend(hex.parse::<ReleaseId>()),
            "over" => found.over = hex.parse().ok(),
            "left" => found.left += hex.parse::<u64>().unwrap_or_default(),
            _ => {}
        }
        let Ok(digest) = format!("sha256:{hex}").parse() else {
            continue;
        };
        match (kind, words.next().map(str::parse)) {
            ("used", None) => drop(found.used.insert(digest)),
            ("gone", None) => drop(found.gone.insert(digest)),
            ("blob", Some(Ok(size))) => found.blobs.push(Blob { digest, size }),
            _ => {}
        }
    }
    process.wait().await?.ok("prune the image cache")?;
    Ok((found, None))
}

/// Has the script forget images that the engine no longer has, and ends it: from here on others may
/// rely on what is there.
async fn forget(mut locked: Process, images: impl Iterator<Item = &Digest>) -> Result<()> {
    let list: String = images.flat_map(|digest| [digest.hex(), "\n"]).collect();
    if let Some(mut stdin) = locked.stdin.take() {
        // A script that has ended says why.
        let _ = stdin.write_all(list.as_bytes()).await;
        let _ = stdin.shutdown().await;
    }
    locked.wait().await?.ok("prune the image cache")?;
    Ok(())
}

/// Host tags in the engine that this cache knew and nobody refers to: those that may go, and the
/// manifests of those that containers use.
async fn unused(
    engine: &Engine,
    found: &Found,
    also: &[String],
) -> Result<(Vec<String>, BTreeSet<Digest>)> {
    let (held, containers) = tokio::try_join!(chain::held(engine), async {
        Ok(engine.containers(&[]).await?)
    })?;
    let running: BTreeSet<String> = containers
        .into_iter()
        .filter_map(|container| container.image_id)
        .collect();
    let (mut free, mut busy) = (Vec::new(), BTreeSet::new());
    for image in held {
        let tags = image.tags.into_iter().filter(|tag| goes(found, also, tag));
        if running.contains(&image.id) {
            busy.extend(tags.filter_map(|tag| chain::manifest_of(&tag)));
        } else {
            free.extend(tags);
        }
    }
    free.sort();
    Ok((free, busy))
}

/// Whether a host tag may go. A cache elsewhere on the host may know images that this one does
/// not; those stay.
fn goes(found: &Found, also: &[String], tag: &str) -> bool {
    let Some(digest) = chain::manifest_of(tag) else {
        return false;
    };
    let known = found.gone.contains(&digest)
        || found.blobs.iter().any(|blob| blob.digest == digest)
        || also.iter().any(|other| other == tag);
    known && !found.used.contains(&digest)
}

#[cfg(test)]
mod tests;
