//! What each host keeps of images: `images --hosts`.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::Engine;
use crate::docker::Nodes;
use crate::error::Result;
use crate::image::{self, Inventory, Shares};
use crate::model::{Digest, HostName, Image, ProjectState, ReleaseId, ServiceName, StackKey};
use crate::state::{Copies, together};

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
    /// Bytes of all its blobs; none: of no release of the project, and its manifest is gone.
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
        let nodes = self.selected_nodes()?;
        nodes.open().await?;
        let copies = Copies::of(nodes, &key);
        let (state, found) = tokio::join!(copies.read(), self.inventories(nodes));
        let (state, found) = (state?.state, found?);
        let named = self.services_by_image().await;
        let hosts = found.into_iter().map(|(host, found)| HostImages {
            host,
            cache: found.shares(&key),
            images: images(state.as_ref(), &key, &found, &named),
        });
        Ok(hosts.collect())
    }

    /// The services of the Compose file by what it calls their images; none without the file.
    async fn services_by_image(&self) -> Named {
        let mut named = Named::new();
        if let Ok(project) = self.project().await {
            for (name, service) in &project.services {
                if let Ok(reference) = image::reference(project, service) {
                    named.entry(reference).or_default().insert(name.clone());
                }
            }
        }
        named
    }

    /// What these hosts keep of images, in inventory order.
    pub(super) async fn inventories(&self, nodes: &Nodes) -> Result<Vec<(HostName, Inventory)>> {
        let cache = &self.settings.context.artifacts.remote_cache_dir;
        let asked = nodes.ask_each(async |node| {
            let found = image::inventory(node, cache).await?;
            Ok((node.name().clone(), found))
        });
        together(asked.await)
    }
}

type Named = BTreeMap<String, BTreeSet<ServiceName>>;

/// The images of all releases of the project that the host keeps, newest first; then what was
/// pushed and is of no release.
fn images(
    state: Option<&ProjectState>,
    key: &StackKey,
    found: &Inventory,
    named: &Named,
) -> Vec<HostImage> {
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
    rows.extend(unowned.map(|digest| {
        let reference = found.names.get(digest);
        let services = reference.and_then(|reference| named.get(reference));
        let blobs = found.contents.get(digest);
        let size = blobs.map(|blobs| blobs.iter().map(|blob| blob.size).sum());
        let cached = blobs.into_iter().flatten();
        let cached = cached.filter_map(|blob| found.blobs.get(&blob.digest));
        HostImage {
            reference: reference.cloned(),
            services: services.cloned().unwrap_or_default(),
            digest: digest.clone(),
            releases: Vec::new(),
            shared_with: Vec::new(),
            size,
            cached: cached.sum(),
            loaded: found.engine.contains(digest),
        }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Blob, fixtures};

    #[test]
    fn what_was_pushed_and_never_deployed_is_listed_with_its_size_and_services() {
        let blob = |name: &str, size| Blob {
            digest: Digest::of(name.as_bytes()),
            size,
        };
        let (layer, manifest) = (blob("layer", 13_000_000), blob("manifest", 400));
        let found = Inventory {
            blobs: [(layer.digest.clone(), layer.size)].into(),
            names: [(manifest.digest.clone(), "app:1".to_owned())].into(),
            contents: [(manifest.digest.clone(), [layer, manifest.clone()].into())].into(),
            engine: [manifest.digest.clone()].into(),
            ..Inventory::default()
        };
        let web: BTreeSet<ServiceName> = ["web".parse().unwrap()].into();
        let named = [("app:1".to_owned(), web.clone())].into();
        let rows = images(None, &fixtures::key("shop"), &found, &named);
        let [row] = rows.as_slice() else {
            panic!("{rows:?}")
        };
        assert_eq!((row.size, row.cached), (Some(13_000_400), 13_000_000));
        assert_eq!((&row.services, row.loaded), (&web, true));
        assert_eq!(row.reference.as_deref(), Some("app:1"));
        assert!(row.releases.is_empty());
    }
}
