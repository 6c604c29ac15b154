//! An image into a host's engine, whatever happened to the host since it was looked at.

use super::{Shipping, have, load};
use crate::docker::Node;
use crate::error::Result;
use crate::model::Image;
use crate::plan::BlobShipment;

impl Shipping<'_> {
    /// Loads an image. When the host's engine or cache no longer has what it had, since somebody
    /// removed it or it was damaged, and this machine has it, it is sent and loaded once more
    /// (spec §12.3).
    ///
    /// # Errors
    /// The engine refuses it, in its own words; what is missing cannot be sent.
    pub async fn bring(&self, node: &Node, image: &Image) -> Result<()> {
        let cache_dir = &self.context.artifacts.remote_cache_dir;
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
        if missing.is_empty() || !missing.iter().all(|blob| self.store.holds(blob)) {
            return Err(error);
        }
        self.events.notice(format!(
            "{}: a part of image `{}` is no longer there or was damaged; it is sent again \
             ({error})",
            node.name(),
            image.reference
        ));
        let blobs: Vec<BlobShipment> = missing
            .into_iter()
            .map(|blob| BlobShipment {
                digest: blob.digest,
                size: blob.size,
                from: None,
            })
            .collect();
        self.ship(node, &blobs, &[]).await?;
        load(node, cache_dir, image).await
    }
}
