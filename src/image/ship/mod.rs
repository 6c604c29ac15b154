//! Blobs on their way to a host: one packed stream, each blob verified where it arrives
//! (spec §12.6).
//!
//! The host says first what it has, and how much of what a broken attempt left behind; only the
//! rest travels, and of a blob that is like others there, only what those do not have. A blob gets
//! its name in the cache when its digest was checked there.

mod answer;
mod delta;
mod feed;
mod pack;
mod said;
mod transfer;

use std::collections::BTreeSet;
use std::time::Duration;

use self::transfer::{Failure, Transfer};
use super::{Store, adopt, amount};
use crate::docker::Node;
use crate::error::Result;
use crate::event::{Event, Events};
use crate::plan::BlobShipment;
use crate::remote::Host;

/// How often a shipment is tried before it fails.
const ATTEMPTS: u32 = 4;
/// The pause after the first failure; it doubles after each.
const PAUSE: Duration = Duration::from_secs(1);

/// What a shipment took.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Shipped {
    /// Bytes on the connection, questions and answers included.
    pub sent: u64,
    /// Bytes of the blobs that the host has now.
    pub blobs: u64,
}

/// Sends the blobs that a host's cache lacks, all in one stream. This machine needs none: its
/// engine loads from the store.
///
/// `whole` is what the host needs altogether, in bytes, for the message at the end; what is less
/// than the blobs means these.
///
/// # Errors
/// As for blobs that cannot be had or a host that cannot take them: it has too little space,
/// refuses to write, or is lost for good; a blob is not in the store or is damaged there.
pub async fn ship(
    node: &Node,
    cache_dir: &str,
    blobs: &[BlobShipment],
    whole: u64,
    store: &Store,
    events: &Events,
) -> Result<Shipped> {
    if blobs.is_empty() || node.host.is_local() {
        return Ok(Shipped::default());
    }
    match adopt::adopt(node, cache_dir, blobs).await {
        Ok(0) => {}
        Ok(bytes) => events.notice(format!(
            "{}: {} of layers are taken from its engine",
            node.name(),
            amount(bytes)
        )),
        // What a host cannot take from itself is sent.
        Err(error) => events.notice(format!(
            "{}: layers cannot be taken from its engine, and are sent ({error})",
            node.name()
        )),
    }
    let shipped = send(&node.host, cache_dir, blobs, store, events).await?;
    events.emit(Event::Shipped {
        host: node.name().clone(),
        sent: shipped.sent,
        total: whole.max(shipped.blobs),
    });
    Ok(shipped)
}

/// Sends the blobs that the host's cache lacks.
///
/// # Errors
/// The host has too little space, refuses to write, or cannot be reached after several attempts;
/// a blob is not in the store or is damaged there.
async fn send(
    host: &Host,
    cache_dir: &str,
    blobs: &[BlobShipment],
    store: &Store,
    events: &Events,
) -> Result<Shipped> {
    let client = store.client()?;
    let mut shipped = Shipped {
        sent: 0,
        blobs: blobs.iter().map(|blob| blob.size).sum(),
    };
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
        };
        match transfer.run(blobs, &mut shipped.sent).await {
            Ok(()) => return Ok(shipped),
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
