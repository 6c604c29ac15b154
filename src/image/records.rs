//! What the store remembers of images: which engine image, source or reference became which image.

use std::fs;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::Store;
use crate::error::{Explain, Result};
use crate::model::{Digest, Image, machine};

/// What an image is remembered by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Key<'a> {
    /// The identifier an engine gave it.
    Engine(&'a str),
    /// The fingerprint of the build inputs.
    Source(&'a Digest),
    /// What a Compose file calls it: the last one built or pulled here.
    Reference(&'a str),
    /// The same for one platform, `name platform`.
    OfPlatform(&'a str),
    /// Which image was pushed where.
    Pushed(&'a str),
}

impl Key<'_> {
    fn parts(&self) -> (&'static str, &str) {
        match self {
            Self::Engine(id) => ("engine", id),
            Self::Source(digest) => ("source", digest.as_str()),
            Self::Reference(name) => ("reference", name),
            Self::OfPlatform(name) => ("platform", name),
            Self::Pushed(name) => ("pushed", name),
        }
    }
}

#[derive(Serialize, Deserialize)]
struct Record {
    version: u32,
    key: String,
    image: Image,
}

impl Store {
    /// References and identifiers come from outside, so the file is named by their digest.
    fn record_path(&self, key: Key) -> PathBuf {
        let (folder, name) = key.parts();
        let name = Digest::of(name.as_bytes());
        self.root()
            .join("images")
            .join(folder)
            .join(format!("{}.json", name.hex()))
    }

    /// Remembers an image under a key.
    pub(super) fn remember(&self, key: Key, image: &Image) -> Result<()> {
        let record = Record {
            version: 1,
            key: key.parts().1.to_owned(),
            image: image.clone(),
        };
        let json = serde_json::to_vec_pretty(&record)
            .explain(|| format!("image `{}` cannot be recorded", image.reference))?;
        self.write_file(&self.record_path(key), &json)
    }

    /// The image remembered under a key, blobs present or not. What cannot be read is forgotten:
    /// it can be made again.
    pub(super) fn recall(&self, key: Key) -> Option<Image> {
        let bytes = fs::read(self.record_path(key)).ok()?;
        let record: Record = serde_json::from_slice(&bytes).ok()?;
        (record.version == 1 && record.key == key.parts().1).then_some(record.image)
    }

    /// Remembers the image that a Compose file's name stands for now, for its platform and for all.
    pub(super) fn remember_named(&self, reference: &str, image: &Image) -> Result<()> {
        let (system, architecture) = machine(&image.platform);
        let of_platform = format!("{reference} {system}/{architecture}");
        self.remember(Key::OfPlatform(&of_platform), image)?;
        self.remember(Key::Reference(reference), image)
    }

    /// The image that a name stood for last, for this platform; without one, for any.
    pub(super) fn recall_named(&self, reference: &str, platform: Option<&str>) -> Option<Image> {
        let last = || self.recall(Key::Reference(reference));
        let Some(platform) = platform else {
            return last();
        };
        let (system, architecture) = machine(platform);
        let of_platform = format!("{reference} {system}/{architecture}");
        self.recall(Key::OfPlatform(&of_platform)).or_else(last)
    }

    /// As [`Store::recall`], and only when all its blobs are here.
    pub(super) fn recall_complete(&self, key: Key) -> Option<Image> {
        self.recall(key).filter(|image| self.complete(image))
    }
}

#[cfg(test)]
mod tests {
    use super::super::manifest;
    use super::*;

    #[test]
    fn images_are_recalled_by_key_and_forgotten_when_damaged() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::at(folder.path()).unwrap();
        let image = manifest::tests::image(&store, &[b"layer"]);
        let key = Key::Reference("../../etc/passwd:latest\n");
        assert_eq!(store.recall(key), None);
        store.remember(key, &image).unwrap();
        assert_eq!(store.recall_complete(key).as_ref(), Some(&image));
        assert_eq!(store.recall(Key::Engine("../../etc/passwd:latest\n")), None);

        fs::remove_file(store.path(&image.layers[0].digest)).unwrap();
        assert_eq!(store.recall_complete(key), None);
        assert_eq!(store.recall(key), Some(image));

        fs::write(store.record_path(key), b"{ half").unwrap();
        assert_eq!(store.recall(key), None);
    }

    #[test]
    fn a_name_stands_for_one_image_per_platform() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::at(folder.path()).unwrap();
        let amd = manifest::tests::image(&store, &[b"layer"]);
        let mut arm = manifest::tests::image(&store, &[b"other"]);
        arm.platform = "linux/arm64/v8".to_owned();
        store.remember_named("app", &amd).unwrap();
        store.remember_named("app", &arm).unwrap();
        let recall = |platform| store.recall_named("app", platform);
        assert_eq!(recall(Some("linux/amd64")).as_ref(), Some(&amd));
        assert_eq!(recall(Some("linux/aarch64")).as_ref(), Some(&arm));
        assert_eq!(recall(None).as_ref(), Some(&arm), "the last one");
    }
}
