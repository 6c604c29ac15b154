//! Which image goes where, and which bytes each host lacks (spec §12).

use std::collections::{BTreeMap, BTreeSet};

use super::fleet::{Fleet, Member, list};
use super::work::Work;
use super::{BlobShipment, ImagePlan, ImageShipment, StepKind};
use crate::error::{Error, Result};
use crate::model::{Digest, HostName, Image, ImageState, Service, Store, machine};

/// Images with what each host lacks of them; a blob goes to a host once, whatever images share it.
///
/// # Errors
/// An image was built for another platform than that of a host it is needed on, or has more layers
/// than its engine takes; or an image of an older release is not complete on a host and its bytes
/// are not here.
pub(super) fn images(
    works: &[Work<'_>],
    fleet: &Fleet<'_>,
    warnings: &mut Vec<String>,
) -> Result<Vec<ImagePlan>> {
    let mut plans: BTreeMap<Identity<'_>, ImagePlan> = BTreeMap::new();
    let mut order: Vec<Identity<'_>> = Vec::new();
    let mut sent: BTreeMap<HostName, BTreeSet<Digest>> = BTreeMap::new();
    for work in works {
        check_platform(work, fleet, warnings)?;
        let Some(image) = work.image() else {
            continue;
        };
        check_layers(work, image, fleet)?;
        for one in image.all() {
            let plan = plans.entry(identity(one)).or_insert_with(|| {
                order.push(identity(one));
                ImagePlan {
                    image: one.alone(),
                    services: Vec::new(),
                    shipments: Vec::new(),
                }
            });
            plan.services.push(work.name().clone());
        }
        let fresh = work.fresh_hosts();
        for member in &fleet.members {
            let one = image.on(&member.observed.platform);
            let Some(plan) = plans.get_mut(&identity(one)) else {
                continue;
            };
            let has = member.observed.images.contains(&one.manifest.digest);
            let listed = plan.shipments.iter().any(|one| one.host == *member.name());
            if !has && !listed && fresh.contains(member.name()) {
                let sent = sent.entry(member.name().clone()).or_default();
                plan.shipments.push(shipment(member, one, sent));
            }
        }
    }
    for work in works.iter().filter(|work| !work.wanted.local) {
        let lacks = work
            .image()
            .into_iter()
            .flat_map(Image::all)
            .filter_map(|image| plans.get(&identity(image)))
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
        .filter_map(|image| plans.remove(&image))
        .collect())
}

/// What tells images apart: in a registry, one digest may stand for several platforms.
type Identity<'i> = (&'i Digest, &'i str);

fn identity(image: &Image) -> Identity<'_> {
    (&image.manifest.digest, &image.platform)
}

fn shipment(member: &Member<'_>, image: &Image, sent: &mut BTreeSet<Digest>) -> ImageShipment {
    let mut blobs = Vec::new();
    // Of an image that it pulls, a host's manifest is there when its engine holds it otherwise.
    let there = member.observed.blobs.contains(&image.manifest.digest);
    let layers: BTreeSet<&Digest> = image.layers.iter().map(|layer| &layer.digest).collect();
    for blob in image.blobs() {
        let cached = member.observed.blobs.contains(&blob.digest);
        let held =
            layers.contains(&blob.digest) && member.observed.engine_layers.contains(&blob.digest);
        if !cached && !held && sent.insert(blob.digest.clone()) {
            blobs.push(BlobShipment {
                digest: blob.digest.clone(),
                size: blob.size,
                from: None,
                adopted: member.observed.adoptable.contains(&blob.digest),
            });
        }
    }
    let travel = blobs.iter().filter(|blob| !blob.adopted);
    ImageShipment {
        host: member.name().clone(),
        bytes: travel.map(|blob| blob.size).sum(),
        blobs,
        pull: image.pull.is_some() && !there,
    }
}

type Steps = Vec<(HostName, StepKind)>;

/// One `ship` step per host with all it lacks and this machine sends.
pub(super) fn ships(plans: &[ImagePlan]) -> Steps {
    shipping(plans, |blob| blob.from.is_none())
}

/// One `ship` step per host with all it lacks and other hosts pass on.
pub(super) fn passes(plans: &[ImagePlan]) -> Steps {
    shipping(plans, |blob| blob.from.is_some())
}

fn shipping(plans: &[ImagePlan], wanted: impl Fn(&BlobShipment) -> bool) -> Steps {
    let mut per_host: BTreeMap<&HostName, (Vec<BlobShipment>, Vec<Image>)> = BTreeMap::new();
    for plan in plans {
        for shipment in &plan.shipments {
            let (blobs, images) = per_host.entry(&shipment.host).or_default();
            blobs.extend(shipment.blobs.iter().cloned());
            if plan.image.pull.is_none() {
                images.push(plan.image.clone());
            }
        }
    }
    for (blobs, images) in per_host.values_mut() {
        let (now, rest): (Vec<_>, Vec<_>) = blobs.drain(..).partition(|blob| wanted(blob));
        // What hosts pass on comes last, and an image with it.
        let later = rest.into_iter().filter(|blob| blob.from.is_some());
        let later: BTreeSet<Digest> = later.map(|blob| blob.digest).collect();
        images.retain(|image| !image.blobs().any(|blob| later.contains(&blob.digest)));
        *blobs = now;
    }
    per_host
        .into_iter()
        .filter(|(_, (blobs, _))| !blobs.is_empty())
        .map(|(host, (blobs, images))| (host.clone(), StepKind::Ship { blobs, images }))
        .collect()
}

/// A `load` step per host and image.
pub(super) fn loads(plans: &[ImagePlan]) -> Steps {
    let loads = plans.iter().flat_map(|plan| {
        let image = &plan.image;
        plan.shipments.iter().map(|shipment| {
            let image = image.clone();
            (shipment.host.clone(), StepKind::Load { image })
        })
    });
    loads.collect()
}

/// The longest chain of layers that the classic store of an engine takes.
const CLASSIC_LAYERS: usize = 125;

/// An image goes only where the engine can hold it.
fn check_layers(work: &Work<'_>, image: &Image, fleet: &Fleet<'_>) -> Result<()> {
    let layers = |member: &Member<'_>| image.on(&member.observed.platform).layers.len();
    let fresh = work.fresh_hosts();
    let members = fleet.members.iter();
    let full: Vec<&Member<'_>> = members
        .filter(|member| fresh.contains(member.name()))
        .filter(|member| member.observed.store == Store::Classic)
        .filter(|member| layers(member) > CLASSIC_LAYERS)
        .collect();
    let Some(layers) = full.iter().map(|member| layers(member)).max() else {
        return Ok(());
    };
    Err(Error::user(format!(
        "the image of service `{}` has {layers} layers, and the classic image store on {} takes at \
         most {CLASSIC_LAYERS}",
        work.name(),
        list(full.iter().map(|member| member.name()))
    ))
    .hint("join lines of the Dockerfile")
    .hint("or let these hosts use the containerd image store, which takes some 400"))
}

/// How a host runs an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Runs {
    Itself,
    /// By an emulator, or as a processor of 64 bits runs a program of 32.
    Foreign,
    Never,
}

/// How a host runs the best of what there is for these platforms.
fn runs(member: &Member<'_>, platforms: &[&str]) -> Runs {
    let (system, architecture) = machine(&member.observed.platform);
    let narrow = [("amd64", "386"), ("arm64", "arm")];
    let each = platforms.iter().map(|platform| {
        let wanted = machine(platform);
        if wanted == (system, architecture) {
            Runs::Itself
        } else if wanted.0 == system
            && (member.observed.emulates.contains(wanted.1)
                || narrow.contains(&(architecture, wanted.1)))
        {
            Runs::Foreign
        } else {
            Runs::Never
        }
    });
    each.min().unwrap_or(Runs::Itself)
}

/// An image goes only where it runs; where it runs badly, only when the service says so. What is
/// not built yet is refused before it is.
fn check_platform(work: &Work<'_>, fleet: &Fleet<'_>, warnings: &mut Vec<String>) -> Result<()> {
    let service: &Service = &work.wanted.service;
    let (platforms, is): (Vec<&str>, _) = match &work.wanted.image {
        ImageState::Known(image) | ImageState::Unpublished(image) => {
            (image.all().map(|one| &*one.platform).collect(), "is")
        }
        ImageState::Pending { platforms, .. } => {
            (platforms.iter().map(String::as_str).collect(), "will be")
        }
    };
    let hosts = work.numbers.values().collect::<BTreeSet<_>>();
    let members: Vec<&Member<'_>> = hosts.into_iter().filter_map(|it| fleet.get(it)).collect();
    let which = |how: Runs| -> Vec<&Member<'_>> {
        let members = members.iter().copied();
        members
            .filter(|member| runs(member, &platforms) == how)
            .collect()
    };
    let (never, foreign) = (which(Runs::Never), which(Runs::Foreign));
    let what = |wrong: &[&Member<'_>]| {
        let theirs: BTreeSet<&str> = wrong
            .iter()
            .map(|member| member.observed.platform.as_str())
            .collect();
        let theirs: Vec<&str> = theirs.into_iter().collect();
        format!(
            "the image of service `{}` {is} for {}, but {} {} `{}`",
            service.name,
            list(platforms.iter().map(|one| one.escape_debug().to_string())),
            list(wrong.iter().map(|member| member.name())),
            if wrong.len() == 1 { "is" } else { "are" },
            theirs.join("`, `")
        )
    };
    if never.is_empty() && (foreign.is_empty() || service.platform.is_some()) {
        if !foreign.is_empty() {
            warnings.push(format!("{}; it runs emulated there", what(&foreign)));
        }
        return Ok(());
    }
    let wrong = if never.is_empty() { foreign } else { never };
    let first = wrong.first().map(|member| &*member.observed.platform);
    let refused = Error::user(what(&wrong));
    let listed = service.build.as_ref().filter(|it| !it.platforms.is_empty());
    Err(if service.platform.is_some() {
        refused
            .hint("remove `platform` from the service: it is built for every host then")
            .hint("or place it elsewhere with `x-placement.hosts`")
    } else if listed.is_some() {
        refused.hint(format!(
            "add `{}` to `build.platforms`, or place the service elsewhere with \
             `x-placement.hosts`",
            first.unwrap_or("linux/amd64")
        ))
    } else {
        refused.hint(format!(
            "make the image for `{}` too, or place the service elsewhere with \
             `x-placement.hosts`",
            first.unwrap_or("linux/amd64")
        ))
    })
}
