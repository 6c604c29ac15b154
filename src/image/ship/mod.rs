//! Blobs on their way to a host: one packed stream, each blob verified where it arrives
//! (spec §12.6).
//!
//! The host says first what it has, and how much of what a broken attempt left behind; only the
//! rest travels, and of a blob that is like others there, only what those do not have. A blob gets
//! its name in the cache when its digest was checked there.
//!
//! Where the plan says so, a host gets blobs from another one ([`pass`]). What does not come that
//! way is sent from here; what is not here either is fetched from that host first.

mod ahead;
mod answer;
mod archive;
mod delta;
mod failure;
mod feed;
mod level;
mod pack;
mod part;
mod pass;
mod road;
mod said;
mod transfer;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use tokio::sync::Mutex;

use self::archive::Archive;
use self::failure::Failure;
use self::pass::Pass;
use self::transfer::Transfer;
use super::have::fetch;
use super::{Store, adopt, amount};
use crate::docker::{Node, Nodes};
use crate::error::Result;
use crate::event::{Event, Events};
use crate::model::{Blob, Context, Digest, HostName, Image};
use crate::plan::BlobShipment;
use crate::remote::Host;

/// How often a shipment is tried before it fails.
const ATTEMPTS: u32 = 4;
/// The pause after the first failure; it doubles after each.
const PAUSE: Duration = Duration::from_secs(1);

/// Several hosts may need the same blobs; they are fetched once.
static FETCHING: Mutex<()> = Mutex::const_new(());

/// Bytes of each of several blobs: what several images share counts once.
pub type Sizes = BTreeMap<Digest, u64>;

/// What a shipment took.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Shipped {
    /// Bytes on this machine's connection, packed, questions and answers included.
    pub sent: u64,
    /// The blobs of what the host gets, those that were there too.
    pub blobs: Sizes,
    /// Of blobs that this machine sends, as much as the host had no part of, not packed.
    pub lacked: Sizes,
    /// Bytes of blobs that came from these hosts.
    pub passed: u64,
    /// The hosts that passed blobs on.
    pub from: Vec<HostName>,
    /// Whether an event said so.
    pub told: bool,
}

/// What shipping works with.
#[derive(Debug, Clone, Copy)]
pub struct Shipping<'a> {
    /// How hosts are reached, and where their caches are.
    pub context: &'a Context,
    /// The hosts that may pass blobs on.
    pub nodes: &'a Nodes,
    /// This machine's blobs.
    pub store: &'a Store,
    /// Who is told.
    pub events: &'a Events,
}

impl Shipped {
    /// Counts another shipment to the same host.
    pub fn add(&mut self, other: Self) {
        self.sent += other.sent;
        self.blobs.extend(other.blobs);
        self.lacked.extend(other.lacked);
        self.passed += other.passed;
        self.from.extend(other.from);
        self.told |= other.told;
    }

    fn event(&self, host: &HostName) -> Event {
        Event::Shipped {
            host: host.clone(),
            sent: self.sent,
            lacked: self.lacked.values().sum(),
            total: self.blobs.values().sum(),
            passed: self.passed,
            from: self.from.clone(),
        }
    }
}

impl Shipping<'_> {
    /// Sends the blobs that a host's cache lacks, all in one stream, or has other hosts pass them
    /// on. This machine needs none: its engine loads from the store.
    ///
    /// `images` are those that the blobs belong to. The host's engine reads them while they arrive,
    /// as far as that can be done; whether it has them is for [`Shipping::bring`] to see. `begun` is
    /// what an attempt sent that ended early, and nobody was told of.
    ///
    /// # Errors
    /// As for blobs that cannot be had or a host that cannot take them: it has too little space,
    /// refuses to write, or is lost for good; a blob is not in the store or is damaged there.
    pub async fn ship(
        &self,
        node: &Node,
        blobs: &[BlobShipment],
        images: &[Image],
        begun: Shipped,
    ) -> Result<Shipped> {
        let mut shipped = begun;
        if (blobs.is_empty() && shipped.lacked.is_empty()) || node.host.is_local() {
            return Ok(shipped);
        }
        let sent = blobs.iter().map(|blob| (&blob.digest, blob.size));
        let there = images.iter().flat_map(Image::blobs);
        let gets = sent.chain(there.map(|blob| (&blob.digest, blob.size)));
        let gets = gets.map(|(digest, size)| (digest.clone(), size));
        shipped.blobs.extend(gets);
        self.adopt(node, blobs).await;
        let mut ways: BTreeMap<Option<&HostName>, Vec<BlobShipment>> = BTreeMap::new();
        for blob in blobs {
            ways.entry(blob.from.as_ref())
                .or_default()
                .push(blob.clone());
        }
        let mut direct = ways.remove(&None).unwrap_or_default();
        for (from, blobs) in ways {
            if let Some(from) = from {
                direct.extend(self.pass(from, node, blobs, &mut shipped).await?);
            }
        }
        if !direct.is_empty() {
            // An engine that does not answer is no reason not to fill the cache.
            let archive = Archive::new(node, images).await.unwrap_or_default();
            let sent = send(
                &node.host,
                &self.context.artifacts.remote_cache_dir,
                &direct,
                archive.as_ref(),
                self.store,
                self.events,
            )
            .await?;
            shipped.sent += sent.wire;
            lacked_too(&mut shipped.lacked, sent.lacked);
            if sent.refused {
                self.forget(node, images).await?;
            }
        }
        shipped.told = true;
        self.events.emit(shipped.event(node.name()));
        Ok(shipped)
    }

    /// Has an engine forget images that it refused: some list what they took only a part of.
    async fn forget(&self, node: &Node, images: &[Image]) -> Result<()> {
        let engine = node.engine().await?;
        for image in images.iter().filter(|image| image.pull.is_none()) {
            // What a container uses is whole, and stays.
            let _ = engine.remove_image(&image.host_tag()).await;
        }
        Ok(())
    }

    /// Has a host take layers from its own engine; what it cannot take it gets otherwise.
    async fn adopt(&self, node: &Node, blobs: &[BlobShipment]) {
        let cache_dir = &self.context.artifacts.remote_cache_dir;
        match adopt::adopt(node, cache_dir, blobs).await {
            Ok(0) => {}
            Ok(bytes) => self.events.notice(format!(
                "{}: {} of layers are taken from its engine",
                node.name(),
                amount(bytes)
            )),
            Err(error) => self.events.notice(format!(
                "{}: layers cannot be taken from its engine, and are sent ({error})",
                node.name()
            )),
        }
    }

    /// Has a host pass blobs on. Returns those that must be sent from here, and are here.
    async fn pass(
        &self,
        from: &HostName,
        node: &Node,
        blobs: Vec<BlobShipment>,
        shipped: &mut Shipped,
    ) -> Result<Vec<BlobShipment>> {
        let host = self.context.host(node.name());
        let (Some(source), Some(host)) = (self.nodes.get(from), host) else {
            return Ok(blobs);
        };
        let cache_dir = &self.context.artifacts.remote_cache_dir;
        let pass = Pass {
            source: &source.host,
            target: &node.host,
            address: host.upstream_addr(),
            timeout: self.context.ssh.connect_timeout,
            cache_dir,
            client: &self.store.client()?,
            events: self.events,
        };
        let passed = pass.run(&blobs).await;
        shipped.sent += passed.wire;
        let mut rest = blobs;
        rest.retain(|blob| !passed.there.contains(&blob.digest));
        if passed.bytes > 0 {
            shipped.passed += passed.bytes;
            shipped.from.push(from.clone());
        }
        if !rest.is_empty() {
            self.events.notice(format!(
                "host `{}` cannot get images from host `{from}` ({}); this machine sends them",
                node.name(),
                passed.obstacle.as_deref().unwrap_or("blobs are missing")
            ));
            let blob = |blob: &BlobShipment| Blob {
                digest: blob.digest.clone(),
                size: blob.size,
            };
            let blobs: Vec<Blob> = rest.iter().map(blob).collect();
            let _alone = FETCHING.lock().await;
            fetch(source, cache_dir, &blobs, self.store, self.events).await?;
        }
        Ok(rest)
    }
}

/// Adds what a host lacked at another attempt: a blob may have grown there meanwhile, or had to be
/// sent whole that seemed to be like another.
fn lacked_too(lacked: &mut Sizes, other: Sizes) {
    for (digest, bytes) in other {
        let known = lacked.entry(digest).or_default();
        *known = bytes.max(*known);
    }
}

/// What came of sending blobs to one host.
#[derive(Debug)]
struct Sent {
    /// Bytes that travelled, either way.
    wire: u64,
    /// Of each blob, as much as the host had no part of.
    lacked: Sizes,
    /// The host's engine did not take the archive.
    refused: bool,
}

/// Sends the blobs that the host's cache lacks, and has its engine read along.
///
/// # Errors
/// The host has too little space, refuses to write, or cannot be reached after several attempts;
/// a blob is not in the store or is damaged there.
async fn send(
    host: &Host,
    cache_dir: &str,
    blobs: &[BlobShipment],
    archive: Option<&Archive>,
    store: &Store,
    events: &Events,
) -> Result<Sent> {
    let client = store.client()?;
    let mut wire = 0;
    let mut lacked = Sizes::new();
    let mut whole = BTreeSet::new();
    let mut pause = PAUSE;
    let mut attempt = 1;
    loop {
        let transfer = Transfer {
            host,
            cache_dir,
            store,
            client: &client,
            events,
            whole: &whole,
            archive,
        };
        let mut wanted = Sizes::new();
        let ended = transfer.run(blobs, &mut wire, &mut wanted).await;
        lacked_too(&mut lacked, wanted);
        match ended {
            Ok(arrived) => {
                return Ok(Sent {
                    wire,
                    lacked,
                    refused: arrived.refused,
                });
            }
            Err(Failure::Final(error)) => return Err(error),
            // Once for each blob.
            Err(Failure::Whole(digest)) => {
                events.notice(format!(
                    "host `{}` could not make blob `{digest}` of what it has; it is sent whole",
                    host.name()
                ));
                whole.insert(digest);
                continue;
            }
            Err(Failure::Again(error)) if attempt == ATTEMPTS => {
                return Err(error.context(format!(
                    "images cannot be shipped to host `{}`; {ATTEMPTS} attempts failed",
                    host.name()
                )));
            }
            Err(Failure::Again(error)) => events.notice(format!(
                "shipping to host `{}` was interrupted ({error}); going on in {} s",
                host.name(),
                pause.as_secs()
            )),
        }
        tokio::time::sleep(pause).await;
        pause *= 2;
        attempt += 1;
    }
}

#[cfg(test)]
mod tests;
