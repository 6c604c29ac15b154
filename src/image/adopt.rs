//! Layers that a host's engine holds and cannot supply as they are: its containerd store has them
//! packed, as a pull brings them, or its classic store has them in another chain. The host copies
//! them from its engine into its own cache, so that they need not travel (spec §12.3).

use std::collections::BTreeSet;

use super::chain::{self, Layered};
use super::unique;
use crate::docker::Node;
use crate::error::Result;
use crate::model::{Blob, Digest};
use crate::plan::BlobShipment;

const ADOPT: &str = include_str!("sh/adopt.sh");
/// Fewer bytes are sent sooner than an image is looked through.
const WORTH: u64 = 256 << 10;
/// Left free on the host, in kilobytes.
const RESERVE: u64 = 64 << 10;

/// Which of the layers are worth being copied from an engine with these images.
pub(super) fn adoptable<'a>(
    held: &[Layered],
    wanted: impl IntoIterator<Item = &'a Blob>,
) -> BTreeSet<Digest> {
    let there: BTreeSet<&Digest> = held.iter().flat_map(|image| &image.layers).collect();
    wanted
        .into_iter()
        .filter(|layer| layer.size >= WORTH && there.contains(&layer.digest))
        .map(|layer| layer.digest.clone())
        .collect()
}

/// An image of an engine and what it would give.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Giver {
    id: String,
    layers: BTreeSet<Digest>,
}

/// Copies those of `blobs` that are layers of images in the host's engine into its cache. Returns
/// how many bytes they are.
///
/// # Errors
/// The host or its engine does not answer, or cannot give what it has. What it could give until
/// then is in the cache.
pub(super) async fn adopt(node: &Node, cache_dir: &str, blobs: &[BlobShipment]) -> Result<u64> {
    let wanted: Vec<&BlobShipment> = blobs.iter().filter(|blob| blob.size >= WORTH).collect();
    if wanted.is_empty() {
        return Ok(0);
    }
    let engine = node.engine().await?;
    let images = chain::held(engine).await?;
    let images = chain::layered(engine, &images).await?;
    let givers = images.into_iter().map(|image| Giver {
        id: image.id,
        layers: image.layers.into_iter().collect(),
    });
    let givers = givers.collect();
    let digests = wanted.iter().map(|blob| blob.digest.clone()).collect();
    let chosen = choose(givers, digests);
    let given: BTreeSet<&Digest> = chosen.iter().flat_map(|giver| &giver.layers).collect();
    if given.is_empty() {
        return Ok(0);
    }
    // The archive, what is in it unpacked, and the layers themselves.
    let sizes = wanted.iter().filter(|blob| given.contains(&blob.digest));
    let need = sizes.map(|blob| blob.size >> 10).sum::<u64>() * 3 + RESERVE;
    let socket = engine.host().engine_path().to_string_lossy();
    let (attempt, need) = (unique(), need.to_string());
    let head = [cache_dir, &attempt, &socket, &need];
    let ids = chosen.iter().map(|giver| giver.id.as_str());
    let arguments: Vec<&str> = head.into_iter().chain(ids).collect();
    let list: String = given
        .iter()
        .flat_map(|digest| [digest.hex(), "\n"])
        .collect();
    let output = node
        .host
        .sh_with_input(ADOPT, &arguments, list.as_bytes())
        .await?
        .ok("copy layers out of the engine")?;
    let said = output.text();
    let adopted = said
        .lines()
        .filter_map(|line| line.strip_prefix("adopted "));
    let adopted: BTreeSet<&str> = adopted.collect();
    let sizes = wanted
        .iter()
        .filter(|blob| adopted.contains(blob.digest.hex()));
    Ok(sizes.map(|blob| blob.size).sum())
}

/// The fewest images that give what can be given, the most giving ones first, each with what it is
/// asked for.
fn choose(mut givers: Vec<Giver>, mut wanted: BTreeSet<Digest>) -> Vec<Giver> {
    let mut chosen = Vec::new();
    loop {
        for giver in &mut givers {
            giver.layers.retain(|layer| wanted.contains(layer));
        }
        let Some(best) = givers.iter().max_by_key(|giver| giver.layers.len()) else {
            return chosen;
        };
        if best.layers.is_empty() {
            return chosen;
        }
        let best = best.clone();
        wanted.retain(|layer| !best.layers.contains(layer));
        chosen.push(best);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digests(names: &str) -> BTreeSet<Digest> {
        names
            .chars()
            .map(|name| Digest::of(name.to_string().as_bytes()))
            .collect()
    }

    #[test]
    fn what_is_small_is_sent_sooner_than_it_is_copied() {
        let held = [Layered {
            id: "sha256:0".to_owned(),
            layers: digests("ab").into_iter().collect(),
            supplies: false,
        }];
        let layer = |name: &str, size| Blob {
            digest: Digest::of(name.as_bytes()),
            size,
        };
        let wanted = [layer("a", WORTH), layer("b", WORTH - 1), layer("c", WORTH)];
        assert_eq!(adoptable(&held, &wanted), digests("a"));
    }

    #[test]
    fn few_images_give_all_there_is() {
        let givers = |all: &[&str]| -> Vec<Giver> {
            all.iter()
                .map(|layers| Giver {
                    id: (*layers).to_owned(),
                    layers: digests(layers),
                })
                .collect()
        };
        let chosen = |all: &[&str], wanted: &str| -> Vec<String> {
            let chosen = choose(givers(all), digests(wanted));
            chosen.into_iter().map(|giver| giver.id).collect()
        };
        assert_eq!(chosen(&["ab", "abc", "d"], "abcx"), ["abc"]);
        assert_eq!(chosen(&["ab", "bcd"], "abcd"), ["bcd", "ab"]);
        assert_eq!(chosen(&["ab"], "x"), Vec::<String>::new());
        assert_eq!(chosen(&[], "x"), Vec::<String>::new());
    }
}
