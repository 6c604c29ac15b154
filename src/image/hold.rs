//! What is observed on a host stays there until a release refers to it.
//!
//! Between the moment a plan is made on what a host has and the moment its release is recorded,
//! another project may prune. A lease tells it what is in use; and since nobody takes a lease while
//! someone prunes, what is observed afterwards is there for good.

use std::collections::BTreeSet;

use super::unique;
use crate::docker::Node;
use crate::error::Result;
use crate::model::{Digest, Image};
use crate::remote::Host;

const HOLD: &str = include_str!("sh/hold.sh");

/// What is kept on a host for a release that is not recorded yet. Recording it ends this; so does
/// an hour.
#[derive(Debug)]
pub struct Held {
    name: String,
}

/// Keeps these images on a host, in its cache and in its engine. What is observed before may be
/// gone; what is observed after stays.
///
/// # Errors
/// The cache cannot be written.
pub async fn hold<'a>(
    node: &Node,
    cache_dir: &str,
    images: impl IntoIterator<Item = &'a Image>,
) -> Result<Held> {
    let digests: BTreeSet<&Digest> = images.into_iter().flat_map(Image::needed).collect();
    let held = Held { name: unique() };
    held.write(&node.host, cache_dir, &digests).await?;
    Ok(held)
}

/// As [`hold`], for an image that is about to come to the engine in another way than through the
/// cache: nobody prunes it for an hour, and from then on `prune` knows it.
///
/// # Errors
/// The cache cannot be written.
pub(super) async fn expect(host: &Host, cache_dir: &str, image: &Image) -> Result<()> {
    let hex = image.manifest.digest.hex();
    let arguments = [cache_dir, &unique(), hex, &image.reference];
    host.sh_with_input(HOLD, &arguments, format!("{hex}\n").as_bytes())
        .await?
        .ok("keep images in the image cache")?;
    Ok(())
}

impl Held {
    /// Lets go what no release refers to.
    ///
    /// # Errors
    /// The cache cannot be written.
    pub async fn release(self, node: &Node, cache_dir: &str) -> Result<()> {
        self.write(&node.host, cache_dir, &BTreeSet::new()).await
    }

    async fn write(&self, host: &Host, cache_dir: &str, digests: &BTreeSet<&Digest>) -> Result<()> {
        let list: String = digests
            .iter()
            .flat_map(|digest| [digest.hex(), "\n"])
            .collect();
        host.sh_with_input(HOLD, &[cache_dir, &self.name], list.as_bytes())
            .await?
            .ok("keep images in the image cache")?;
        Ok(())
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// As [`hold`], on a host without an engine.
    pub(in crate::image) async fn hold_on(host: &Host, cache_dir: &str, image: &Image) -> Held {
        let digests = image.blobs().map(|blob| &blob.digest).collect();
        let held = Held { name: unique() };
        held.write(host, cache_dir, &digests).await.unwrap();
        held
    }

    /// As [`Held::release`].
    pub(in crate::image) async fn release_on(host: &Host, cache_dir: &str, held: Held) {
        held.write(host, cache_dir, &BTreeSet::new()).await.unwrap();
    }
}
