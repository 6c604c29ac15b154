//! What `webpods images` shows.

use std::collections::BTreeMap;

use serde::Serialize;

use super::Have;
use crate::model::{Digest, HostName, Image, ServiceName};

/// A service's image and where it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Listed {
    /// The service.
    pub service: ServiceName,
    /// What the Compose file calls the image.
    pub reference: String,
    /// Its manifest digest.
    pub digest: Digest,
    /// `os/architecture[/variant]`.
    pub platform: String,
    /// Bytes of all its blobs.
    pub size: u64,
    /// By host.
    pub hosts: BTreeMap<HostName, Presence>,
}

/// How much of an image a host has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Presence {
    /// The engine can run it.
    pub loaded: bool,
    /// Bytes of it in the cache.
    pub cached: u64,
    /// It runs, or can be loaded, without a byte being sent.
    pub restorable: bool,
}

/// Lists images in the order of services, with what hosts said they have.
#[must_use]
pub fn list(images: &BTreeMap<ServiceName, Image>, have: &BTreeMap<HostName, Have>) -> Vec<Listed> {
    let presence = |image: &Image, have: &Have| Presence {
        loaded: have.images.contains(&image.manifest.digest),
        cached: image
            .blobs()
            .filter(|blob| have.blobs.contains(&blob.digest))
            .map(|blob| blob.size)
            .sum(),
        restorable: have.restorable(image),
    };
    images
        .iter()
        .map(|(service, image)| Listed {
            service: service.clone(),
            reference: image.reference.clone(),
            digest: image.manifest.digest.clone(),
            platform: image.platform.clone(),
            size: image.size(),
            hosts: have
                .iter()
                .map(|(host, have)| (host.clone(), presence(image, have)))
                .collect(),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::{Store, manifest};
    use super::*;

    #[test]
    fn each_host_shows_what_it_has() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::at(folder.path()).unwrap();
        let image = manifest::tests::image(&store, &[b"layer"]);
        let full = Have {
            blobs: image.blobs().map(|blob| blob.digest.clone()).collect(),
            ..Have::default()
        };
        let loaded = Have {
            images: [image.manifest.digest.clone()].into(),
            ..Have::default()
        };
        let hosts = [("a", Have::default()), ("b", full), ("c", loaded)];
        let hosts = hosts.map(|(name, have)| (name.parse().unwrap(), have));
        let services = [("web".parse().unwrap(), image.clone())];
        let listed = list(&services.into(), &hosts.into());
        let shown: Vec<_> = listed[0]
            .hosts
            .values()
            .map(|host| (host.loaded, host.cached, host.restorable))
            .collect();
        assert_eq!(
            shown,
            [
                (false, 0, false),
                (false, image.size(), true),
                (true, 0, true)
            ]
        );
        assert_eq!(listed[0].size, image.size());
    }
}
