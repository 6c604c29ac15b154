//! The archive of images that a host's engine reads while their blobs arrive (spec §12.3).
//!
//! An engine unpacks an archive in two steps: it takes all of it, then makes layers of it. The first
//! step costs nothing when it happens on the way into the cache. It is an attempt: whether the
//! engine has the images is asked afterwards, and what it does not have is loaded from the cache.

use std::collections::BTreeSet;

use super::part::Part;
use crate::docker::Node;
use crate::error::Result;
use crate::image::{chain, layout};
use crate::model::{Blob, Digest, Image};

/// What the engine of one host is to be given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Archive {
    /// The blobs that it has not, each once.
    pub(super) members: BTreeSet<Blob>,
    pub(super) end: End,
}

/// What stands behind the blobs of an archive.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct End {
    /// The manifests of its images, each with what people call the image.
    pub(super) names: Vec<(Digest, String)>,
    /// Its documents.
    pub(super) tail: Vec<u8>,
}

impl End {
    pub(super) fn of(images: &[&Image]) -> Result<Self> {
        let name = |image: &&Image| (image.manifest.digest.clone(), image.reference.clone());
        Ok(Self {
            names: images.iter().map(name).collect(),
            tail: layout::tail(images)?,
        })
    }
}

/// The archive in the order in which it is put together. All parts that are sent belong to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Assembly {
    /// Blobs that the host's cache has already.
    pub(super) given: Vec<Blob>,
    pub(super) end: End,
}

impl Archive {
    /// For images that the host's engine lacks; none that it would pull.
    ///
    /// # Errors
    /// The engine does not answer.
    pub(super) async fn new(node: &Node, images: &[Image]) -> Result<Option<Self>> {
        let images: Vec<&Image> = images.iter().filter(|one| one.pull.is_none()).collect();
        if images.is_empty() {
            return Ok(None);
        }
        let engine = node.engine().await?;
        let held = chain::held(engine).await?;
        let layers = chain::layers(engine, &held).await?;
        let kind = engine.identity().store;
        let supplied = chain::supplied_to_all(kind, &layers, images.iter().copied());
        let members = images.iter().flat_map(|one| layout::blobs(one, &supplied));
        Ok(Some(Self {
            members: members.cloned().collect(),
            end: End::of(&images)?,
        }))
    }

    /// How it is put together of the parts that are sent and what is there; nothing when something
    /// is missing or would be sent that is none of it.
    pub(super) fn assembly(&self, parts: &[Part], there: &BTreeSet<Digest>) -> Option<Assembly> {
        let sent: BTreeSet<&Blob> = parts.iter().map(|part| &part.blob).collect();
        let given = self.members.iter().filter(|blob| !sent.contains(blob));
        let given: Vec<Blob> = given.cloned().collect();
        let whole = given.iter().all(|blob| there.contains(&blob.digest))
            && sent.iter().all(|blob| self.members.contains(blob));
        whole.then(|| Assembly {
            given,
            end: self.end.clone(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_archive_is_put_together_only_when_nothing_is_missing_or_too_much() {
        let blob = |name: &str| Blob {
            digest: Digest::of(name.as_bytes()),
            size: 1,
        };
        let part = |name: &str| Part {
            blob: blob(name),
            offset: 0,
            recipe: None,
        };
        let there = |names: &[&str]| names.iter().map(|name| blob(name).digest).collect();
        let archive = Archive {
            members: [blob("a"), blob("b")].into(),
            end: End::default(),
        };
        let of = |parts: &[Part], names: &[&str]| {
            let assembly = archive.assembly(parts, &there(names));
            assembly.map(|assembly| assembly.given)
        };
        assert_eq!(of(&[part("a"), part("b")], &[]), Some(vec![]));
        assert_eq!(of(&[part("a")], &["b", "c"]), Some(vec![blob("b")]));
        assert_eq!(of(&[part("a")], &["c"]), None, "`b` is missing");
        assert_eq!(of(&[part("a"), part("b"), part("c")], &[]), None);
    }
}
