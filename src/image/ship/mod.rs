//! Blobs on their way to a host: one packed stream, each blob verified where it arrives
//! (spec §12.6).
//!
//! The host says first what it has, and how much of what a broken attempt left behind; only the
//! rest travels. A blob gets its name in the cache when its digest was checked there.

mod answer;
mod feed;
mod pack;
mod transfer;

use std::time::Duration;

use self::transfer::{Failure, Transfer};
use super::Store;
use crate::docker::Node;
use crate::error::Result;
use crate::event::Events;
use crate::plan::BlobShipment;
use crate::remote::Host;

/// How often a shipment is tried before it fails.
const ATTEMPTS: u32 = 4;
/// The pause after the first failure; it doubles after each.
const PAUSE: Duration = Duration::from_secs(1);

/// Sends the blobs that a host's cache lacks, all in one stream. This machine needs none: its
/// engine loads from the store.
///
/// # Errors
/// As for blobs that cannot be had or a host that cannot take them: it has too little space,
/// refuses to write, or is lost for good; a blob is not in the store or is damaged there.
pub async fn ship(
    node: &Node,
    cache_dir: &str,
    blobs: &[BlobShipment],
    store: &Store,
    events: &Events,
) -> Result<()> {
    if blobs.is_empty() || node.host.is_local() {
        return Ok(());
    }
    send(&node.host, cache_dir, blobs, store, events).await
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
) -> Result<()> {
    let client = store.client()?;
    let mut pause = PAUSE;
    let mut attempt = 1;
    loop {
        let transfer = Transfer {
            host,
            cache_dir,
            store,
            client: &client,
            events,
        };
        match transfer.run(blobs).await {
            Ok(()) => return Ok(()),
            Err(Failure::Final(error)) => return Err(error),
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
