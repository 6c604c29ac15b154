//! Which layers an engine can supply itself, so that they need not travel.

use std::collections::BTreeSet;

use futures_util::{StreamExt, TryStreamExt, stream};

use crate::docker::{Engine, Found};
use crate::error::Result;
use crate::model::{Digest, Image, Store as Kind};

/// Questions to an engine at once.
pub(super) const AT_ONCE: usize = 8;

/// An image an engine holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Held {
    pub(super) id: String,
    pub(super) tags: Vec<String>,
}

/// The manifest digest in a host tag ([`Image::host_tag`]); nothing for other tags.
pub(super) fn manifest_of(tag: &str) -> Option<Digest> {
    Image::digest_of_tag(tag)
}

/// All images of an engine.
pub(super) async fn held(engine: &Engine) -> Result<Vec<Held>> {
    let images = engine.images(&[]).await?;
    Ok(images
        .into_iter()
        .map(|image| Held {
            id: image.id,
            tags: image.repo_tags,
        })
        .collect())
}

/// An image an engine holds, and what is in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Layered {
    pub(super) id: String,
    /// From the base up.
    pub(super) layers: Vec<Digest>,
    /// Whether an image that is loaded may leave out layers because of this one: on the classic
    /// store always, on the containerd store when this one was loaded in our form, where layers are
    /// named by their content.
    pub(super) supplies: bool,
}

impl Held {
    fn supplies(&self, store: Kind) -> bool {
        match store {
            Kind::Classic => true,
            Kind::Containerd => self.tags.iter().any(|tag| Image::is_shipped_tag(tag)),
        }
    }
}

/// The layers of every image that can supply any.
pub(super) async fn layers(engine: &Engine, held: &[Held]) -> Result<Vec<Vec<Digest>>> {
    let store = engine.identity().store;
    let useful = held.iter().filter(|image| image.supplies(store));
    let all = layered(engine, useful).await?;
    Ok(all.into_iter().map(|image| image.layers).collect())
}

/// The layers of images, whatever these can do with them.
pub(super) async fn layered(
    engine: &Engine,
    held: impl IntoIterator<Item = &Held>,
) -> Result<Vec<Layered>> {
    let store = engine.identity().store;
    let images = held.into_iter();
    // Owned, because a stream over borrowed images is not `Send` as far as the compiler can tell.
    let images = images.map(|image| (image.id.clone(), image.supplies(store)));
    let images: Vec<(String, bool)> = images.collect();
    stream::iter(images)
        .map(|(id, supplies)| async move {
            // An image may vanish between the two questions.
            let found = engine.image_content(&id).await.found()?;
            let content = found.unwrap_or_default();
            let layers = content.layers().iter();
            let layers = layers.filter_map(|layer| layer.parse().ok()).collect();
            Ok(Layered {
                id,
                layers,
                supplies,
            })
        })
        .buffer_unordered(AT_ONCE)
        .try_collect()
        .await
}

/// The layers of `image` that an engine with these images does not need to be given.
///
/// On the classic store a layer is there when some image has the same layers up to it; on the
/// containerd store when its content is.
pub(super) fn supplied(kind: Kind, held: &[Vec<Digest>], image: &Image) -> BTreeSet<Digest> {
    let wanted: Vec<&Digest> = image.layers.iter().map(|blob| &blob.digest).collect();
    match kind {
        Kind::Containerd => {
            let there: BTreeSet<&Digest> = held.iter().flatten().collect();
            wanted
                .into_iter()
                .filter(|digest| there.contains(digest))
                .cloned()
                .collect()
        }
        Kind::Classic => {
            let common = |layers: &Vec<Digest>| {
                let pairs = wanted.iter().zip(layers);
                pairs
                    .take_while(|(wanted, there)| **wanted == *there)
                    .count()
            };
            let (there, rest) = wanted.split_at(held.iter().map(common).max().unwrap_or(0));
            // A layer that occurs again further up must be in the archive for that place.
            there
                .iter()
                .filter(|digest| !rest.contains(digest))
                .map(|digest| (*digest).clone())
                .collect()
        }
    }
}

/// The layers that no image among `images` needs to be given.
pub(super) fn supplied_to_all<'a>(
    kind: Kind,
    held: &[Vec<Digest>],
    images: impl IntoIterator<Item = &'a Image>,
) -> BTreeSet<Digest> {
    let (mut supplied_somewhere, mut needed) = (BTreeSet::new(), BTreeSet::new());
    for image in images {
        let supplied = supplied(kind, held, image);
        let layers = image.layers.iter().map(|blob| &blob.digest);
        needed.extend(layers.filter(|digest| !supplied.contains(*digest)).cloned());
        supplied_somewhere.extend(supplied);
    }
    supplied_somewhere.difference(&needed).cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Blob;

    fn digest(name: char) -> Digest {
        Digest::of(name.to_string().as_bytes())
    }

    fn digests(names: &str) -> Vec<Digest> {
        names.chars().map(digest).collect()
    }

    fn image(layers: &str) -> Image {
        let blob = |digest| Blob { digest, size: 1 };
        Image {
            reference: "app".to_owned(),
            manifest: blob(Digest::of(layers.as_bytes())),
            config: blob(digest('c')),
            layers: digests(layers).into_iter().map(blob).collect(),
            platform: "linux/amd64".to_owned(),
            source: None,
            pull: None,
            variants: Vec::new(),
        }
    }

    fn names(supplied: &BTreeSet<Digest>) -> String {
        ('a'..='z')
            .filter(|c| supplied.contains(&digest(*c)))
            .collect()
    }

    #[test]
    fn host_tags_are_told_from_others() {
        let image = image("a");
        assert_eq!(manifest_of(&image.host_tag()), Some(image.manifest.digest));
        for other in [
            "webpods/shop:latest",
            "nginx:latest",
            "<none>:<none>",
            "webpods/",
        ] {
            assert_eq!(manifest_of(other), None, "{other}");
        }
    }

    #[test]
    fn the_classic_store_supplies_the_longest_common_chain() {
        let held = [digests("xb"), digests("abd"), digests("a")];
        let from = |layers| names(&supplied(Kind::Classic, &held, &image(layers)));
        assert_eq!(from("abc"), "ab");
        assert_eq!(from("abd"), "abd");
        assert_eq!(from("b"), "", "a layer elsewhere in a chain does not count");
        assert_eq!(from("ba"), "");
        assert_eq!(from("aa"), "", "the second one is not there");
        assert_eq!(from(""), "");
    }

    #[test]
    fn the_containerd_store_supplies_what_it_holds_anywhere() {
        let held = [digests("xb"), digests("a")];
        let found = supplied(Kind::Containerd, &held, &image("bac"));
        assert_eq!(names(&found), "ab");
    }

    #[test]
    fn a_layer_is_left_out_only_when_no_image_needs_it() {
        let held = [digests("ab")];
        let images = [image("abc"), image("xb")];
        let found = supplied_to_all(Kind::Classic, &held, &images);
        assert_eq!(names(&found), "a", "`xb` needs `b` in another chain");
        assert_eq!(names(&supplied_to_all(Kind::Classic, &[], &images)), "");
    }
}
