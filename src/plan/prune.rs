//! What no retained release needs (spec §19): old images in the engine, networks of services that
//! are gone.

use std::collections::{BTreeMap, BTreeSet};

use super::StepKind;
use super::fleet::Fleet;
use super::networks::resolve_network;
use crate::error::Result;
use crate::model::{Digest, HostName, Image, ProjectState, Release, ReleaseId, StackKey};

/// One `prune` step per host, when a release was dropped, a network is no longer used, or
/// (`limited`) a cache may have grown too large.
///
/// Blobs in the cache are kept as long as any ref names them; the step removes the refs of dropped
/// releases, so nothing of another project is touched.
///
/// # Errors
/// A network's written name is not valid.
pub(super) fn steps(
    key: &StackKey,
    state: &ProjectState,
    dropped: &[Release],
    fleet: &Fleet<'_>,
    limited: bool,
) -> Result<Vec<(HostName, StepKind)>> {
    let keep: Vec<ReleaseId> = state.releases.iter().map(|release| release.id).collect();
    let kept_images: BTreeSet<&Digest> = images(&state.releases).map(digest).collect();
    let obsolete: BTreeMap<&Digest, &Image> = images(dropped)
        .map(|image| (digest(image), image))
        .filter(|(digest, _)| !kept_images.contains(digest))
        .collect();
    let networks_now = networks(key, state.active_release())?;
    let earlier = state.releases.iter().chain(dropped);
    let mut networks_before = BTreeSet::new();
    for release in earlier {
        networks_before.extend(networks(key, Some(release))?);
    }
    let mut steps = Vec::new();
    for member in &fleet.members {
        let images: Vec<String> = obsolete
            .iter()
            .filter(|(digest, _)| member.observed.images.contains(**digest))
            .map(|(_, image)| image.host_tag())
            .collect();
        let networks: Vec<String> = networks_before
            .difference(&networks_now)
            .filter(|network| member.observed.networks.contains(*network))
            .cloned()
            .collect();
        if dropped.is_empty() && networks.is_empty() && !limited {
            continue;
        }
        steps.push((
            member.name().clone(),
            StepKind::Prune {
                keep: keep.clone(),
                images,
                networks,
                volumes: Vec::new(),
                everything: false,
            },
        ));
    }
    Ok(steps)
}

fn images<'r>(releases: impl IntoIterator<Item = &'r Release>) -> impl Iterator<Item = &'r Image> {
    let services = releases
        .into_iter()
        .flat_map(|release| release.services.values());
    services.flat_map(|service| service.image.all())
}

fn digest(image: &Image) -> &Digest {
    &image.manifest.digest
}

/// Networks of a release that webpods made.
pub(super) fn networks(key: &StackKey, release: Option<&Release>) -> Result<BTreeSet<String>> {
    let mut names = BTreeSet::new();
    for (network, defined) in release.into_iter().flat_map(|release| &release.networks) {
        if !defined.external {
            names.insert(resolve_network(key, network, defined)?);
        }
    }
    Ok(names)
}
