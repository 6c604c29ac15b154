//! What must be in place before a plan is carried out: what it relies on stays on the hosts, and
//! what it ships is on this machine.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::future::try_join_all;

use crate::error::{Error, Result};
use crate::image::{self, Held};
use crate::model::{Blob, HostName, Image, Observed};
use crate::plan::Plan;

use super::Engine;

/// Images that hosts keep for a plan until its release is recorded.
#[derive(Debug, Default)]
pub(super) struct Holds(Vec<(HostName, Held)>);

impl Engine {
    /// Has every host keep the images of the services that the plan places there.
    ///
    /// # Errors
    /// A host's cache cannot be written.
    pub(super) async fn hold(&self, plan: &Plan) -> Result<Holds> {
        let state = plan.state.as_ref();
        let Some(release) = state.and_then(|state| state.release(plan.release)) else {
            return Ok(Holds::default());
        };
        let mut wanted: BTreeMap<&HostName, Vec<&Image>> = BTreeMap::new();
        for service in release.services.values() {
            for replica in &service.replicas {
                let mut hosts = plan.hosts.iter();
                let host = hosts.find(|host| host.name == replica.host);
                let image = host.map_or(&service.image, |host| service.image.on(&host.platform));
                wanted.entry(&replica.host).or_default().push(image);
            }
        }
        let nodes = self.nodes().await?;
        let cache = &self.settings.context.artifacts.remote_cache_dir;
        let holds = wanted.into_iter().filter_map(|(name, images)| {
            let node = nodes.get(name)?;
            Some(async move {
                let held = image::hold(node, cache, images).await?;
                Ok::<_, Error>((name.clone(), held))
            })
        });
        Ok(Holds(try_join_all(holds).await?))
    }

    /// Lets go what no release refers to after all.
    pub(super) async fn unhold(&self, holds: Holds) {
        let Ok(nodes) = self.nodes().await else {
            return;
        };
        let cache = &self.settings.context.artifacts.remote_cache_dir;
        let released = holds.0.into_iter().filter_map(|(name, held)| {
            let node = nodes.get(&name)?;
            Some(held.release(node, cache))
        });
        // What cannot be let go now goes in an hour; the command has failed for another reason.
        let _ = try_join_all(released).await;
    }

    /// Whether all blobs of an image can be had: from this machine, from hosts' caches, or from a
    /// host's engine.
    pub(super) async fn obtainable(&self, image: &Image, observed: &Observed) -> Result<bool> {
        let store = self.store().await?;
        let cached = |blob: &Blob| store.holds(blob) || holder(blob, observed).is_some();
        let mut all = image.all();
        Ok(all.all(|one| one.blobs().all(cached) || runner(one, observed).is_some()))
    }

    /// Gets the blobs that the plan ships and this machine does not have, from hosts that do.
    ///
    /// # Errors
    /// A blob is nowhere; a host cannot be reached; the copy there is damaged.
    pub(super) async fn gather(&self, plan: &Plan, observed: &Observed) -> Result<()> {
        let store = self.store().await?;
        let mut missing: BTreeMap<&HostName, BTreeSet<Blob>> = BTreeMap::new();
        let mut whole: Vec<(&HostName, &Image)> = Vec::new();
        for image in &plan.images {
            let blobs: BTreeSet<Blob> = image
                .shipments
                .iter()
                .flat_map(|shipment| &shipment.blobs)
                // What a host passes on need not come here.
                .filter(|blob| blob.from.is_none())
                .map(|blob| Blob {
                    digest: blob.digest.clone(),
                    size: blob.size,
                })
                .collect();
            for blob in blobs.into_iter().filter(|blob| !store.holds(blob)) {
                let image = &image.image;
                if let Some(host) = holder(&blob, observed) {
                    missing.entry(host).or_default().insert(blob);
                } else if let Some(host) = runner(image, observed) {
                    // Its engine had a layer that its cache never saw.
                    whole.push((host, image));
                    break;
                } else {
                    return Err(nowhere(image, &blob));
                }
            }
        }
        let nodes = self.nodes().await?;
        let cache = &self.settings.context.artifacts.remote_cache_dir;
        let events = &self.settings.events;
        for (name, image) in whole {
            if let Some(node) = nodes.get(name) {
                image::fetch_image(node, image, store, events).await?;
            }
        }
        for (name, blobs) in missing {
            let Some(node) = nodes.get(name) else {
                continue;
            };
            let blobs: Vec<Blob> = blobs.into_iter().collect();
            image::fetch(node, cache, &blobs, store, events).await?;
        }
        Ok(())
    }
}

/// A host whose cache has the blob.
fn holder<'a>(blob: &Blob, observed: &'a Observed) -> Option<&'a HostName> {
    let mut hosts = observed.hosts.iter();
    let found = hosts.find(|(_, host)| host.blobs.contains(&blob.digest));
    found.map(|(name, _)| name)
}

/// A host whose engine has the image.
fn runner<'a>(image: &Image, observed: &'a Observed) -> Option<&'a HostName> {
    let mut hosts = observed.hosts.iter();
    let found = hosts.find(|(_, host)| host.images.contains(&image.manifest.digest));
    found.map(|(name, _)| name)
}

fn nowhere(image: &Image, blob: &Blob) -> Error {
    Error::user(format!(
        "image `{}` is neither on this machine nor complete on a host",
        image.reference
    ))
    .cause(format!("blob `{}` is nowhere", blob.digest))
    .hint("run the command again with `--build`, or `docker pull` the image")
}
