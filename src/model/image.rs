//! Images as webpods ships them: uncompressed layers under their diff IDs (`docs/shipping.md`).

use std::collections::BTreeSet;

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
    /// The same for hosts of other platforms; they have none themselves.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub variants: Vec<Image>,
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
            variants: Vec::new(),
        }
    }

    /// One image of several that are the same for different platforms, the first of them first.
    /// None: there are none.
    #[must_use]
    pub fn of_platforms(images: impl IntoIterator<Item = Self>) -> Option<Self> {
        let mut images = images.into_iter().map(|image| image.alone());
        let mut first = images.next()?;
        for other in images {
            if first.all().all(|one| one.platform != other.platform) {
                first.variants.push(other);
            }
        }
        Some(first)
    }

    /// The image and its variants.
    pub fn all(&self) -> impl Iterator<Item = &Self> {
        std::iter::once(self).chain(&self.variants)
    }

    /// What a host of this platform runs: the variant that is made for it, else the image itself.
    #[must_use]
    pub fn on(&self, platform: &str) -> &Self {
        let wanted = machine(platform);
        let mut all = self.all();
        let found = all.find(|one| machine(&one.platform) == wanted);
        found.unwrap_or(self)
    }

    /// Without its variants.
    #[must_use]
    pub fn alone(&self) -> Self {
        Self {
            variants: Vec::new(),
            ..self.clone()
        }
    }

    /// Whether two images are the same content, on every platform.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        let digests = |image: &Self| -> BTreeSet<Digest> {
            let all = image.all();
            all.map(|one| one.manifest.digest.clone()).collect()
        };
        digests(self) == digests(other)
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

/// `linux` and `amd64` from `linux/amd64/v2`: what decides whether a program runs at all.
#[must_use]
pub fn machine(platform: &str) -> (&str, &str) {
    let mut parts = platform.split('/');
    let system = parts.next().unwrap_or_default();
    let architecture = match parts.next().unwrap_or_default() {
        "x86_64" | "x86-64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    };
    (system, architecture)
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
        /// The platforms it will be for; empty: nobody knows yet.
        platforms: Vec<String>,
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

#[cfg(test)]
mod tests {
    use super::*;

    fn image(content: &str, platform: &str) -> Image {
        let name = format!("r.io/app@{}", Digest::of(content.as_bytes()));
        let from = name.parse().unwrap();
        Image::pulled("app".to_owned(), from, 1, platform.to_owned())
    }

    #[test]
    fn every_host_gets_what_is_made_for_it() {
        let amd = image("a", "linux/amd64");
        let arm = image("b", "linux/arm64/v8");
        let twice = image("c", "linux/amd64");
        let both = Image::of_platforms([amd.clone(), arm.clone(), twice]).unwrap();
        assert_eq!(both.all().count(), 2);
        assert_eq!(both.on("linux/aarch64"), &arm);
        assert_eq!(both.on("linux/x86_64").manifest, amd.manifest);
        assert_eq!(both.on("linux/s390x").manifest, amd.manifest, "the first");
        assert_eq!(both.alone(), amd);
        assert_eq!(Image::of_platforms([]), None);
        let again = Image::of_platforms([both.clone()]).unwrap();
        assert_eq!(again, amd);
        assert!(!both.is_same(&amd));
        assert!(both.is_same(&Image::of_platforms([arm, amd]).unwrap()));
        let json = serde_json::to_string(&both).unwrap();
        assert_eq!(serde_json::from_str::<Image>(&json).unwrap(), both);
        assert!(
            !serde_json::to_string(&both.alone())
                .unwrap()
                .contains("variants")
        );
    }
}
