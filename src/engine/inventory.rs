//! What each host keeps of images: `images --hosts`.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::future::join_all;
use serde::Serialize;

use super::Engine;
use crate::error::Result;
use crate::image::{self, Inventory, Shares};
use crate::model::{Digest, HostName, Image, ProjectState, ReleaseId, ServiceName, StackKey};
use crate::state::Copies;

/// One host's images.
#[derive(Debug, Clone, Serialize)]
pub struct HostImages {
    /// The host.
    pub host: HostName,
    /// Its cache, in bytes.
    pub cache: Shares,
    /// The images of the project's releases, and those in its engine that are of no release.
    pub images: Vec<HostImage>,
}

/// An image of the project on one host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HostImage {
    /// What the Compose file called it; none: nobody knows any more.
    pub reference: Option<String>,
    /// The services that run it.
    pub services: BTreeSet<ServiceName>,
    /// Its identity.
    pub digest: Digest,
    /// The releases it is kept for.
    pub releases: Vec<ReleaseId>,
    /// Other projects, as `context/project`, that need it too.
    pub shared_with: Vec<String>,
    /// Bytes of all its blobs; none: of no release of the project.
    pub size: Option<u64>,
    /// Bytes of those in the cache.
    pub cached: u64,
    /// Whether the engine holds it.
    pub loaded: bool,
}

impl Engine {
    /// What every host keeps of the project's images, and how full its cache is and for whom.
    ///
    /// # Errors
    /// A host cannot be reached.
    pub async fn images_on_hosts(&self) -> Result<Vec<HostImages>> {
        let key = self.key().await?;
        let nodes = self.connect_selected().await?;
        let cache = &self.settings.context.artifacts.remote_cache_dir;
        let state = Copies::of(&nodes, &key).read().await?.state;
        let asked = nodes.iter().map(|node| image::inventory(node, cache));
        let found = join_all(asked).await;
        nodes
            .iter()
            .zip(found)
            .map(|(node, found)| {
                let found = found?;
                Ok(HostImages {
                    host: node.name().clone(),
                    cache: found.shares(&key),
                    images: images(state.as_ref(), &key, &found),
                })
            })
            .collect()
    }
}

/// The images of all releases of the project that the host keeps, newest first; then what was
/// pushed and is of no release.
fn images(state: Option<&ProjectState>, key: &StackKey, found: &Inventory) -> Vec<HostImage> {
    let releases = state.iter().flat_map(|state| state.releases.iter().rev());
    let mut seen: BTreeMap<&Digest, usize> = BTreeMap::new();
    let mut rows: Vec<HostImage> = Vec::new();
    let services = releases.flat_map(|release| &release.services);
    for (service, image) in
        services.flat_map(|(name, one)| one.image.all().map(move |it| (name, it)))
    {
        let digest = &image.manifest.digest;
        let at = *seen.entry(digest).or_insert_with(|| {
            rows.push(row(image, key, found));
            rows.len() - 1
        });
        rows[at].services.insert(service.clone());
    }
    rows.retain(|row| row.loaded || !row.releases.is_empty());
    let unowned = found.unowned().filter(|digest| !seen.contains_key(digest));
    rows.extend(unowned.map(|digest| HostImage {
        reference: found.names.get(digest).cloned(),
        services: BTreeSet::new(),
        digest: digest.clone(),
        releases: Vec::new(),
        shared_with: Vec::new(),
        size: None,
        cached: 0,
        loaded: true,
    }));
    rows
}

fn row(image: &Image, key: &StackKey, found: &Inventory) -> HostImage {
    let manifest = &image.manifest.digest;
    let cached = image.blobs().filter_map(|b| found.blobs.get(&b.digest));
    let sharers = found.sharers(key, manifest);
    HostImage {
        reference: Some(image.reference.clone()),
        services: BTreeSet::new(),
        digest: manifest.clone(),
        releases: found.releases(key, manifest),
        shared_with: sharers.iter().map(ToString::to_string).collect(),
        size: Some(image.size()),
        cached: cached.sum(),
        loaded: found.engine.contains(manifest),
    }
}
