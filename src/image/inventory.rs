//! Everything a host keeps of images, whichever project it belongs to (spec §12.4).

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use super::chain;
use crate::docker::Node;
use crate::error::Result;
use crate::model::{Blob, Digest, Reference, ReleaseId, StackKey};

const LIST: &str = include_str!("sh/list.sh");

/// What a host keeps of images.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Inventory {
    /// Blobs in its cache with their sizes in bytes.
    pub blobs: BTreeMap<Digest, u64>,
    /// What the releases of each project need.
    pub refs: BTreeMap<StackKey, BTreeMap<ReleaseId, BTreeSet<Digest>>>,
    /// What came too recently to be pruned.
    pub leased: BTreeSet<Digest>,
    /// Bytes of blobs that are not complete.
    pub parts: u64,
    /// What people call the images that came, by their manifests.
    pub names: BTreeMap<Digest, String>,
    /// The blobs of those of them that no release needs.
    pub contents: BTreeMap<Digest, BTreeSet<Blob>>,
    /// Manifest digests of the images in its engine under their host tag.
    pub engine: BTreeSet<Digest>,
}

/// Who needs the blobs of a cache, in bytes as seen by one project.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub struct Shares {
    /// All blobs.
    pub total: u64,
    /// Only this project needs them.
    pub own: u64,
    /// This project and another need them.
    pub shared: u64,
    /// Only other projects need them.
    pub others: u64,
    /// They came within the hour, and no release needs them yet: `prune` leaves them.
    pub recent: u64,
    /// Nobody needs them: `prune` frees them.
    pub unused: u64,
    /// No blobs yet: what transfers are writing, or left when they broke off. Another `push` goes on
    /// with it; `prune` frees it after a day.
    pub parts: u64,
}

impl Inventory {
    /// Whose the blobs are, as seen by `key`.
    #[must_use]
    pub fn shares(&self, key: &StackKey) -> Shares {
        let needed = |mine: bool| -> BTreeSet<&Digest> {
            let refs = self
                .refs
                .iter()
                .filter(|(owner, _)| (*owner == key) == mine);
            refs.flat_map(|(_, releases)| releases.values().flatten())
                .collect()
        };
        let (ours, theirs) = (needed(true), needed(false));
        let mut shares = Shares {
            parts: self.parts,
            ..Shares::default()
        };
        for (digest, size) in &self.blobs {
            shares.total += size;
            *match (ours.contains(digest), theirs.contains(digest)) {
                (true, true) => &mut shares.shared,
                (true, false) => &mut shares.own,
                (false, true) => &mut shares.others,
                (false, false) if self.leased.contains(digest) => &mut shares.recent,
                (false, false) => &mut shares.unused,
            } += size;
        }
        shares
    }

    /// The releases of `key` that need this blob.
    #[must_use]
    pub fn releases(&self, key: &StackKey, blob: &Digest) -> Vec<ReleaseId> {
        let releases = self.refs.get(key).into_iter().flatten();
        releases
            .filter(|(_, needed)| needed.contains(blob))
            .map(|(release, _)| *release)
            .collect()
    }

    /// The images in the engine that came through this cache and that no release needs, and those
    /// that only the cache has. A cache elsewhere on the host may have brought others.
    pub fn unowned(&self) -> impl Iterator<Item = &Digest> {
        let needed: BTreeSet<&Digest> = {
            let releases = self.refs.values().flat_map(BTreeMap::values);
            releases.flatten().collect()
        };
        let known =
            |digest: &&Digest| self.names.contains_key(*digest) || self.blobs.contains_key(*digest);
        let engine = self.engine.iter().filter(known);
        let all: BTreeSet<&Digest> = engine.chain(self.contents.keys()).collect();
        all.into_iter()
            .filter(move |digest| !needed.contains(digest))
    }

    /// The other projects that need this blob.
    #[must_use]
    pub fn sharers(&self, key: &StackKey, blob: &Digest) -> Vec<StackKey> {
        let needs = |releases: &BTreeMap<_, BTreeSet<Digest>>| {
            releases.values().any(|needed| needed.contains(blob))
        };
        let refs = self.refs.iter();
        refs.filter(|(owner, releases)| *owner != key && needs(releases))
            .map(|(owner, _)| owner.clone())
            .collect()
    }
}

/// Asks a host for everything in its cache and in its engine.
///
/// # Errors
/// The host or its engine does not answer.
pub async fn inventory(node: &Node, cache_dir: &str) -> Result<Inventory> {
    let (output, held) = tokio::try_join!(
        async {
            let output = node.host.sh(LIST, &[cache_dir]).await?;
            output.ok("list the image cache")
        },
        node.ask(|engine| async move { chain::held(&engine).await })
    )?;
    let mut inventory = read(&String::from_utf8_lossy(&output.stdout));
    let tags = held.iter().flat_map(|image| &image.tags);
    inventory.engine = tags.filter_map(|tag| chain::manifest_of(tag)).collect();
    Ok(inventory)
}

/// Reads what the script printed; a file that no client wrote is passed over.
fn read(lines: &str) -> Inventory {
    let mut inventory = Inventory::default();
    for line in lines.lines() {
        let words: Vec<&str> = line.split(' ').collect();
        match words[..] {
            ["blob", hex, size] => {
                if let (Some(digest), Ok(size)) = (digest(hex), size.parse()) {
                    inventory.blobs.insert(digest, size);
                }
            }
            ["part", size] => inventory.parts += size.parse::<u64>().unwrap_or_default(),
            ["leased", hex] => inventory.leased.extend(digest(hex)),
            ["image", hex, name] => {
                // A name is an image's, or is not shown.
                if let (Some(digest), Ok(_)) = (digest(hex), name.parse::<Reference>()) {
                    inventory.names.insert(digest, name.to_owned());
                }
            }
            ["manifest", hex, text] => {
                if let (Some(digest), Some(content)) = (digest(hex), content(hex, text)) {
                    inventory.contents.insert(digest, content);
                }
            }
            ["ref", context, project, release, hex] => {
                if let (Ok(context), Ok(project), Ok(release), Some(digest)) = (
                    context.parse(),
                    project.parse(),
                    release.parse(),
                    digest(hex),
                ) {
                    let releases = inventory.refs.entry(StackKey { context, project });
                    let release = releases.or_default().entry(release);
                    release.or_default().insert(digest);
                }
            }
            _ => {}
        }
    }
    inventory
}

/// The blobs of an image, its manifest among them. Nothing: this is not the manifest that it is said
/// to be, or none of ours.
fn content(hex: &str, manifest: &str) -> Option<BTreeSet<Blob>> {
    #[derive(Deserialize)]
    struct Content {
        config: Blob,
        layers: Vec<Blob>,
    }
    let own = Blob {
        digest: Digest::of(manifest.as_bytes()),
        size: manifest.len() as u64,
    };
    let content: Content = serde_json::from_str(manifest).ok()?;
    let blobs = content.layers.into_iter().chain([content.config]);
    (own.digest.hex() == hex).then(|| blobs.chain([own.clone()]).collect())
}

fn digest(hex: &str) -> Option<Digest> {
    format!("sha256:{hex}").parse().ok()
}

#[cfg(test)]
mod tests {
    use super::super::manifest;
    use super::*;

    fn key(project: &str) -> StackKey {
        StackKey {
            context: "prod".parse().unwrap(),
            project: project.parse().unwrap(),
        }
    }

    #[test]
    fn an_image_that_was_only_pushed_has_a_size() {
        let blob = |name: &str, size| Blob {
            digest: Digest::of(name.as_bytes()),
            size,
        };
        let (layer, config) = (blob("layer", 13_000_000), blob("config", 700));
        let text = manifest::bytes(&config, &[layer.clone(), layer.clone()]).unwrap();
        let own = Blob {
            digest: Digest::of(&text),
            size: text.len() as u64,
        };
        let text = String::from_utf8(text).unwrap();
        let hex = own.digest.hex();
        let found = read(&format!("image {hex} app\nmanifest {hex} {text}\n"));
        let blobs = [layer, config, own.clone()];
        assert_eq!(found.contents, [(own.digest.clone(), blobs.into())].into());
        assert!(
            found.unowned().eq([&own.digest]),
            "the engine need not have it"
        );
        let other = Digest::of(b"other");
        for lie in [
            format!("manifest {} {text}", other.hex()),
            format!("manifest {hex} {{}}"),
            format!("manifest {hex}"),
        ] {
            assert_eq!(read(&lie).contents, BTreeMap::new(), "{lie}");
        }
    }

    #[test]
    fn bytes_are_counted_once_for_whoever_needs_them() {
        let hex = |text: &str| Digest::of(text.as_bytes()).hex().to_owned();
        let (base, top, other, left) = (hex("base"), hex("top"), hex("other"), hex("left"));
        let new = hex("new");
        let lines = [
            format!("blob {base} 100"),
            format!("blob {top} 20"),
            format!("blob {other} 3"),
            format!("blob {left} 4000"),
            format!("ref prod shop r1 {base}"),
            format!("ref prod shop r2 {base}"),
            format!("ref prod shop r2 {top}"),
            format!("ref prod blog r7 {base}"),
            format!("ref prod blog r7 {other}"),
            format!("ref ../evil blog r7 {left}"),
            format!("ref prod blog .r7.123 {left}"),
            "blob nonsense 7".to_owned(),
            format!("leased {new}"),
            "part 5".to_owned(),
            "part 7".to_owned(),
            "part x".to_owned(),
            format!("blob {new} 50000"),
            format!("image {new} r.io/app:1"),
            format!("image {left} not \u{1b}[31m one"),
            format!("image {top} -x"),
            String::new(),
        ];
        let mut found = read(&lines.join("\n"));
        let shop = key("shop");
        assert_eq!(
            found.shares(&shop),
            Shares {
                total: 54123,
                own: 20,
                shared: 100,
                others: 3,
                recent: 50000,
                unused: 4000,
                parts: 12,
            }
        );
        let base: Digest = format!("sha256:{base}").parse().unwrap();
        assert_eq!(found.releases(&shop, &base), [ReleaseId(1), ReleaseId(2)]);
        assert_eq!(found.sharers(&shop, &base), [key("blog")]);
        assert_eq!(found.sharers(&key("blog"), &base), [shop]);
        let names: Vec<&str> = found.names.values().map(String::as_str).collect();
        assert_eq!(names, ["r.io/app:1"]);
        found.engine = [Digest::of(b"new"), Digest::of(b"elsewhere"), base].into();
        assert!(found.unowned().eq([&Digest::of(b"new")]));
    }
}
