//! Images as webpods ships them: uncompressed layers under their diff IDs (`docs/shipping.md`).

use serde::{Deserialize, Serialize};

use super::Digest;

/// A content-addressed piece of an image.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Blob {
    /// sha256 of the bytes as they are stored.
    pub digest: Digest,
    /// Size in bytes.
    pub size: u64,
}

/// An image in normalised form: the same content has the same manifest digest whoever built it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Image {
    /// What the Compose file calls it, or `<project>-<service>` for a built one.
    pub reference: String,
    /// sha256 of the normalised OCI manifest: the image's identity in releases (spec §12.3).
    pub manifest: Blob,
    /// The image configuration; its digest is the image ID on the classic store.
    pub config: Blob,
    /// Layers from the base up; each digest is the layer's diff ID.
    pub layers: Vec<Blob>,
    /// `os/architecture[/variant]`.
    pub platform: String,
    /// Digest of the build inputs that made it; none for pulled images.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<Digest>,
}

impl Image {
    /// Every blob that must be on a host to load the image: layers, config, manifest.
    pub fn blobs(&self) -> impl Iterator<Item = &Blob> {
        self.layers.iter().chain([&self.config, &self.manifest])
    }

    /// The name the image has on hosts: unique per content, so a tag never moves.
    #[must_use]
    pub fn host_tag(&self) -> String {
        format!("webpods/{}:latest", self.manifest.digest.hex())
    }

    /// Bytes of all blobs.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.blobs().map(|blob| blob.size).sum()
    }
}

/// What is known of a service's image before anything is built or pulled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum ImageState {
    /// Built or pulled and in the local store, or recorded in a release.
    Known(Image),
    /// Will be built or pulled; the digest is known afterwards.
    Pending {
        /// What the Compose file calls it.
        reference: String,
        /// True: built here. False: pulled here.
        build: bool,
        /// Why: `never built`, `source changed since r3`, `--build`.
        reason: String,
    },
}

impl ImageState {
    /// The image, once known.
    #[must_use]
    pub fn known(&self) -> Option<&Image> {
        match self {
            Self::Known(image) => Some(image),
            Self::Pending { .. } => None,
        }
    }
}
