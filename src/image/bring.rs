//! An image into a host's engine, whatever happened to the host since it was looked at.

use super::{Store, have, load, ship};
use crate::docker::Node;
use crate::error::Result;
use crate::event::Events;
use crate::model::Image;
use crate::plan::BlobShipment;

/// Loads an image. When the host's engine or cache no longer has what it had, since somebody removed
/// it or it was damaged, and this machine has it, it is sent and loaded once more (spec §12.3).
///
/// # Errors
/// As [`load`]; what is missing cannot be sent.
pub async fn bring(
    node: &Node,
    cache_dir: &str,
    image: &Image,
    store: &Store,
    events: &Events,
) -> Result<()> {
    let Err(error) = load(node, cache_dir, image).await else {
        return Ok(());
    };
    if node.host.is_local() {
        return Err(error);
    }
    // What the engine seemed to have counts no longer.
    let there = have(node, cache_dir, std::slice::from_ref(image)).await?;
    let missing = image
        .blobs()
        .filter(|blob| !there.blobs.contains(&blob.digest));
    let missing: Vec<_> = missing.cloned().collect();
    if missing.is_empty() || !missing.iter().all(|blob| store.holds(blob)) {
        return Err(error);
    }
    events.notice(format!(
        "{}: a part of image `{}` is no longer there or was damaged; it is sent again ({error})",
        node.name(),
        image.reference
    ));
    let blobs: Vec<BlobShipment> = missing
        .into_iter()
        .map(|blob| BlobShipment {
            digest: blob.digest,
            size: blob.size,
        })
        .collect();
    ship(node, cache_dir, &blobs, 0, store, events).await?;
    load(node, cache_dir, image).await
}
