//! Images as webpods ships them: uncompressed layers under their diff IDs (`docs/shipping.md`).

use serde::{Deserialize, Serialize};

use super::{Digest, Pinned};

/// The tag of images that were loaded from blobs.
const SHIPPED: &str = "latest";
/// The tag of images that hosts pulled.
const PULLED: &str = "pulled";

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
    /// Where hosts pull it from themselves; its layers are not known here then, `manifest` is the
    /// registry's and stands for `config` too. None: its blobs are sent to hosts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pull: Option<Pinned>,
}

impl Image {
    /// An image that hosts pull. `manifest` is what the registry names it by.
    #[must_use]
    pub fn pulled(reference: String, from: Pinned, size: u64, platform: String) -> Self {
        let manifest = Blob {
            digest: from.digest().clone(),
            size,
        };
        Self {
            reference,
            config: manifest.clone(),
            manifest,
            layers: Vec::new(),
            platform,
            source: None,
            pull: Some(from),
        }
    }

    /// Every blob that must be on a host to load the image: layers, config, manifest. None when the
    /// host pulls it.
    pub fn blobs(&self) -> impl Iterator<Item = &Blob> {
        let shipped = self.layers.iter().chain([&self.config, &self.manifest]);
        shipped.filter(|_| self.pull.is_none())
    }

    /// The digests by which a host knows that the image is needed: those of its blobs, and the
    /// manifest's always.
    pub fn needed(&self) -> impl Iterator<Item = &Digest> {
        let blobs = self.blobs().map(|blob| &blob.digest);
        blobs.chain([&self.manifest.digest])
    }

    /// The name the image has on hosts: unique per content, so a tag never moves. One that was
    /// pulled has another tag, since an engine may keep its layers in another form.
    #[must_use]
    pub fn host_tag(&self) -> String {
        let tag = if self.pull.is_some() { PULLED } else { SHIPPED };
        format!("webpods/{}:{tag}", self.manifest.digest.hex())
    }

    /// The manifest digest in a [`Image::host_tag`]; none for other tags.
    #[must_use]
    pub fn digest_of_tag(tag: &str) -> Option<Digest> {
        let (hex, tag) = tag.strip_prefix("webpods/")?.split_once(':')?;
        let ours = tag == SHIPPED || tag == PULLED;
        ours.then(|| format!("sha256:{hex}").parse().ok())?
    }

    /// Whether a [`Image::host_tag`] is that of an image that was loaded from blobs.
    #[must_use]
    pub fn is_shipped_tag(tag: &str) -> bool {
        tag.ends_with(":latest") && Self::digest_of_tag(tag).is_some()
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
    /// Built here, and to be pushed to the registry that hosts pull from; its digest there is known
    /// afterwards.
    Unpublished(Image),
}

impl ImageState {
    /// The image, once known.
    #[must_use]
    pub fn known(&self) -> Option<&Image> {
        match self {
            Self::Known(image) => Some(image),
            Self::Pending { .. } | Self::Unpublished(_) => None,
        }
    }
}
