//! What a plan says of a service's image: which one, whether it is built, and where it travels.

use crate::model::{Digest, ServiceName};
use crate::plan::{Action, ImagePlan, Plan, ServicePlan, Way};

use super::super::{bytes, clean};

pub(super) fn image_line(plan: &Plan, service: &ServicePlan) -> String {
    let desired = match (&service.desired, service.pending) {
        (_, true) => format!("not {} yet", Missing::of(service).done()),
        (Some(digest), false) => digest.short().to_owned(),
        (None, false) => String::new(),
    };
    let current = service.current.as_ref().map(Digest::short);
    let name = clean(&service.image);
    let desired = if desired.is_empty() || service.pending {
        desired
    } else {
        format!("{desired}{}", other_platforms(plan, service))
    };
    match current {
        _ if desired.is_empty() || plan.action == Action::Down => name,
        Some(current) if desired.starts_with(current) => {
            format!("{name}  {desired} (unchanged)")
        }
        Some(current) => format!("{name}  {current} → {desired}"),
        None => format!("{name}  {desired} (new)"),
    }
}

/// `, 5109a472f702 for linux/arm64`: what hosts of other platforms get in its place.
fn other_platforms(plan: &Plan, service: &ServicePlan) -> String {
    let of_service = |image: &&ImagePlan| image.image.reference == service.image;
    let others = plan.images.iter().filter(of_service).filter(|image| {
        let digest = &image.image.manifest.digest;
        service
            .desired
            .as_ref()
            .is_some_and(|desired| desired != digest)
    });
    let others: Vec<String> = others
        .map(|image| {
            let image = &image.image;
            let platform = clean(&image.platform);
            format!(", {} for {platform}", image.manifest.digest.short())
        })
        .collect();
    others.concat()
}

/// What an image that is not known yet waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Missing {
    Build,
    Pull,
    Push,
}

impl Missing {
    pub(super) fn of(service: &ServicePlan) -> Self {
        let first = |what: &str| {
            let mut reasons = service.reasons.iter();
            reasons.any(|reason| reason.starts_with(what))
        };
        match () {
            () if first("pull:") => Self::Pull,
            () if first("push:") => Self::Push,
            () => Self::Build,
        }
    }

    pub(super) fn done(self) -> &'static str {
        match self {
            Self::Build => "built",
            Self::Pull => "pulled",
            Self::Push => "pushed",
        }
    }
}

pub(super) fn build_line(plan: &Plan, name: &ServiceName, service: &ServicePlan) -> &'static str {
    match (service.pending, plan.action) {
        (true, _) => match Missing::of(service) {
            Missing::Pull => "no, the image is pulled, and then this plan is exact",
            Missing::Push => "no, the image is pushed, and then this plan is exact",
            Missing::Build => "yes, and then this plan is exact",
        },
        (false, Action::Up) if registry(plan, name).is_some() => "no, hosts pull the image",
        (false, Action::Up) => "no, the image is here",
        (false, Action::Rollback | Action::Down) => "no",
    }
}

pub(super) fn ship_line(plan: &Plan, name: &ServiceName, service: &ServicePlan) -> String {
    if service.pending {
        let after = match Missing::of(service) {
            Missing::Build => "build",
            Missing::Pull => "pull",
            Missing::Push => "push",
        };
        return format!("known after the {after}");
    }
    let shipments = || {
        let images = plan.images.iter();
        images
            .filter(|image| image.services.contains(name))
            .flat_map(|image| &image.shipments)
    };
    let mut pulling = shipments().filter(|shipment| shipment.pull).peekable();
    let pulled = pulling.peek().is_some().then(|| {
        let hosts: Vec<&str> = pulling.map(|shipment| shipment.host.as_str()).collect();
        format!(
            "no, pulled by {} from {}",
            hosts.join(", "),
            registry(plan, name).unwrap_or("its registry")
        )
    });
    let shipments: Vec<String> = shipments()
        .filter(|shipment| !shipment.pull)
        .flat_map(|shipment| {
            let host = &shipment.host;
            let ways = shipment.ways().into_iter();
            ways.map(move |(way, count)| match way {
                Way::Sent if count == 0 => format!("{host} (already cached)"),
                Way::Sent => format!("{} to {host}", bytes(count)),
                Way::Adopted => format!("{} on {host} from its engine", bytes(count)),
                Way::Passed(from) => format!("{} to {host} from {from}", bytes(count)),
            })
        })
        .chain(pulled)
        .collect();
    if shipments.is_empty() {
        "no, the hosts have it".to_owned()
    } else {
        shipments.join(", ")
    }
}

/// The registry that hosts pull the service's image from, if they do.
pub(super) fn registry<'p>(plan: &'p Plan, name: &ServiceName) -> Option<&'p str> {
    let mut images = plan.images.iter();
    let image = images.find(|image| image.services.contains(name))?;
    Some(image.image.pull.as_ref()?.repository().registry())
}
