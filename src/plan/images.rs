//! Which image goes where, and which bytes each host lacks (spec §12).

use std::collections::{BTreeMap, BTreeSet};

use super::fleet::{Fleet, Member, list};
use super::work::Work;
use super::{BlobShipment, ImagePlan, ImageShipment, StepKind};
use crate::error::{Error, Result};
use crate::model::{Digest, HostName, Image, Service};

/// Images with what each host lacks of them; a blob goes to a host once, whatever images share it.
///
/// # Errors
/// An image was built for another platform than that of a host it is needed on, or an image of an
/// older release is not complete on a host and its bytes are not here.
pub(super) fn images(
    works: &[Work<'_>],
    fleet: &Fleet<'_>,
    warnings: &mut Vec<String>,
) -> Result<Vec<ImagePlan>> {
    let mut plans: BTreeMap<&Digest, ImagePlan> = BTreeMap::new();
    let mut order = Vec::new();
    let mut sent: BTreeMap<HostName, BTreeSet<Digest>> = BTreeMap::new();
    for work in works {
        let Some(image) = work.image() else {
            continue;
        };
        check_platform(work, image, fleet, warnings)?;
        let plan = plans.entry(&image.manifest.digest).or_insert_with(|| {
            order.push(&image.manifest.digest);
            ImagePlan {
                image: image.clone(),
                services: Vec::new(),
                shipments: Vec::new(),
            }
        });
        plan.services.push(work.name().clone());
        let fresh = work.fresh_hosts();
        for member in &fleet.members {
            let has = member.observed.images.contains(&image.manifest.digest);
            let listed = plan.shipments.iter().any(|one| one.host == *member.name());
            if !has && !listed && fresh.contains(member.name()) {
                let sent = sent.entry(member.name().clone()).or_default();
                plan.shipments.push(shipment(member, image, sent));
            }
        }
    }
    for work in works.iter().filter(|work| !work.wanted.local) {
        let lacks = work
            .image()
            .and_then(|image| plans.get(&image.manifest.digest))
            .into_iter()
            .flat_map(|plan| &plan.shipments)
            .filter(|shipment| !shipment.blobs.is_empty());
        let hosts: Vec<&HostName> = lacks.map(|shipment| &shipment.host).collect();
        if !hosts.is_empty() {
            return Err(Error::user(format!(
                "the image of service `{}` is neither here nor complete on {}",
                work.name(),
                list(hosts)
            ))
            .hint("`webpods release ls` says which releases can be restored, and where"));
        }
    }
    Ok(order
        .into_iter()
        .filter_map(|digest| plans.remove(digest))
        .collect())
}

fn shipment(member: &Member<'_>, image: &Image, sent: &mut BTreeSet<Digest>) -> ImageShipment {
    let mut blobs = Vec::new();
    let layers: BTreeSet<&Digest> = image.layers.iter().map(|layer| &layer.digest).collect();
    for blob in image.blobs() {
        let cached = member.observed.blobs.contains(&blob.digest);
        let held =
            layers.contains(&blob.digest) && member.observed.engine_layers.contains(&blob.digest);
        if !cached && !held && sent.insert(blob.digest.clone()) {
            blobs.push(BlobShipment {
                digest: blob.digest.clone(),
                size: blob.size,
            });
        }
    }
    ImageShipment {
        host: member.name().clone(),
        bytes: blobs.iter().map(|blob| blob.size).sum(),
        blobs,
    }
}

type Steps = Vec<(HostName, StepKind)>;

/// One `ship` step per host with all it lacks, and a `load` step per host and image.
pub(super) fn steps(plans: &[ImagePlan]) -> (Steps, Steps) {
    let mut per_host: BTreeMap<&HostName, (Vec<BlobShipment>, Vec<Image>)> = BTreeMap::new();
    let mut loads = Vec::new();
    for plan in plans {
        for shipment in &plan.shipments {
            let (blobs, images) = per_host.entry(&shipment.host).or_default();
            blobs.extend(shipment.blobs.iter().cloned());
            images.push(plan.image.clone());
            loads.push((
                shipment.host.clone(),
                StepKind::Load {
                    image: plan.image.clone(),
                },
            ));
        }
    }
    let ships = per_host
        .into_iter()
        .filter(|(_, (blobs, _))| !blobs.is_empty())
        .map(|(host, (blobs, images))| (host.clone(), StepKind::Ship { blobs, images }))
        .collect();
    (ships, loads)
}

/// `linux/amd64` from `linux/amd64/v2`: what decides whether a program runs at all.
fn machine(platform: &str) -> String {
    let mut parts = platform.split('/');
    let (os, architecture) = (parts.next(), parts.next());
    let architecture = match architecture.unwrap_or_default() {
        "x86_64" | "x86-64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    };
    format!("{}/{architecture}", os.unwrap_or_default())
}

fn check_platform(
    work: &Work<'_>,
    image: &Image,
    fleet: &Fleet<'_>,
    warnings: &mut Vec<String>,
) -> Result<()> {
    let service: &Service = &work.wanted.service;
    let wrong: Vec<&Member<'_>> = work
        .numbers
        .values()
        .collect::<BTreeSet<_>>()
        .into_iter()
        .filter_map(|host| fleet.get(host))
        .filter(|member| machine(&member.observed.platform) != machine(&image.platform))
        .collect();
    if wrong.is_empty() {
        return Ok(());
    }
    let hosts = list(wrong.iter().map(|member| member.name()));
    let platforms: BTreeSet<&str> = wrong
        .iter()
        .map(|member| member.observed.platform.as_str())
        .collect();
    let platforms: Vec<&str> = platforms.into_iter().collect();
    let what = format!(
        "the image of service `{}` is for `{}`, but {hosts} {} `{}`",
        service.name,
        image.platform.escape_debug(),
        if wrong.len() == 1 { "is" } else { "are" },
        platforms.join("`, `")
    );
    // Whoever writes the platform means it: the host may emulate it.
    if service.platform.is_some() {
        warnings.push(format!(
            "{what}; it runs only where the host emulates that platform"
        ));
        return Ok(());
    }
    Err(Error::user(what).hint(format!(
        "build for the hosts with `platform: {}` in the service, or place it elsewhere with \
         `x-placement.hosts`",
        platforms.first().copied().unwrap_or("linux/amd64")
    )))
}
