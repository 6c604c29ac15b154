//! Services that use the namespaces or volumes of another one: each container has one of the other
//! service's beside it on its host, comes with it and goes with it.

use std::collections::BTreeMap;

use bollard::models::ContainerCreateBody;

use super::fleet::list;
use super::work::Work;
use crate::error::{Error, Result};
use crate::model::{HostName, Labels, Lender, ReleaseId, Service, ServiceName, Share, Shared};

/// A container that another one uses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Borrowed {
    pub what: Shared,
    pub of: ServiceName,
    /// The lender's replica.
    pub number: u32,
    /// Its container's name.
    pub container: String,
    /// The release that made it.
    pub release: ReleaseId,
    /// It is made or taken over by this plan.
    pub fresh: bool,
}

/// The containers used, as a label says it.
pub(super) fn label(borrowed: &[Borrowed]) -> String {
    let mut names: Vec<String> = borrowed
        .iter()
        .map(|one| format!("{}@{}", one.container, one.release))
        .collect();
    names.sort();
    names.dedup();
    names.join(" ")
}

/// Where a borrower's replicas are: beside those of the service it shares with, the first beside
/// the first. When there are more than it has, they go round.
///
/// The keys are the borrower's replica numbers; where a partner exists they are the partner's.
///
/// # Errors
/// The lender has no replicas.
pub(super) fn beside(
    service: &Service,
    share: &Share,
    lender: &Work<'_>,
) -> Result<BTreeMap<u32, (HostName, u32)>> {
    let mut places = BTreeMap::new();
    // One on every host it may be on is one beside each partner.
    let replicas = if service.mode.is_global() {
        lender.numbers.len()
    } else {
        service.replicas as usize
    };
    let partners: Vec<(&u32, &HostName)> = lender.numbers.iter().collect();
    if replicas > 0 && partners.is_empty() {
        return Err(Error::user(format!(
            "service `{}` shares the {} of `{}`, which has no replicas",
            service.name,
            share.what.name(),
            share.of
        ))
        .hint(format!(
            "give `{}` a replica, or scale `{}` to 0 too",
            share.of, service.name
        )));
    }
    let most = partners.last().map_or(0, |(number, _)| **number);
    let own = partners
        .iter()
        .map(|(number, _)| **number)
        .chain(most + 1..);
    for (number, (partner, host)) in own.zip(partners.iter().cycle()) {
        if places.len() >= replicas {
            break;
        }
        places.insert(number, ((*host).clone(), **partner));
    }
    allowed(service, share, &places)?;
    Ok(places)
}

/// `x-placement` of a borrower must agree with where its partners are.
fn allowed(
    service: &Service,
    share: &Share,
    places: &BTreeMap<u32, (HostName, u32)>,
) -> Result<()> {
    let refuse = |why: String| {
        Error::user(format!(
            "service `{}` shares the {} of `{}` and runs beside it, but {why}",
            service.name,
            share.what.name(),
            share.of
        ))
        .hint(format!(
            "place `{}`; `{}` follows it",
            share.of, service.name
        ))
    };
    let mut counts: BTreeMap<&HostName, u32> = BTreeMap::new();
    for (host, _) in places.values() {
        *counts.entry(host).or_default() += 1;
        let hosts = service.placement.hosts.as_deref();
        if hosts.is_some_and(|hosts| !hosts.iter().any(|one| one == host.as_str())) {
            let allowed = list(hosts.unwrap_or_default());
            return Err(refuse(format!(
                "`{}` is on `{host}` and `x-placement.hosts` allows {allowed}",
                share.of
            )));
        }
    }
    for (host, count) in counts {
        if service
            .placement
            .max_per_host
            .is_some_and(|most| count > most)
        {
            return Err(refuse(format!(
                "{count} replicas on `{host}` are more than `x-placement.max_per_host`"
            )));
        }
    }
    Ok(())
}

/// The containers that each replica uses.
///
/// # Errors
/// A second lender has no replica on the host.
pub(super) fn borrowed<'w>(
    service: &Service,
    numbers: &BTreeMap<u32, HostName>,
    partners: &BTreeMap<u32, u32>,
    lender: impl Fn(&ServiceName) -> Option<&'w Work<'w>>,
) -> Result<BTreeMap<u32, Vec<Borrowed>>> {
    let shares = service.shares();
    let first = shares.first().map(|share| share.of.clone());
    let mut all = BTreeMap::new();
    for (number, host) in numbers {
        let mut list: Vec<Borrowed> = Vec::new();
        for share in &shares {
            let found = lender(&share.of).and_then(|work| {
                let paired = partners
                    .get(number)
                    .filter(|_| first.as_ref() == Some(&share.of));
                let here = |wanted: &u32| work.numbers.get(wanted) == Some(host);
                let replica = paired
                    .copied()
                    .or_else(|| Some(*number).filter(here))
                    .or_else(|| {
                        let mut here = work.numbers.iter().filter(|(_, at)| *at == host);
                        here.next().map(|(replica, _)| *replica)
                    })?;
                work.container_of(replica)
                    .map(|(container, release, fresh)| Borrowed {
                        what: share.what,
                        of: share.of.clone(),
                        number: replica,
                        container,
                        release,
                        fresh,
                    })
            });
            list.push(found.ok_or_else(|| {
                Error::user(format!(
                    "service `{}` shares the {} of `{}`, which has no replica on `{host}`",
                    service.name,
                    share.what.name(),
                    share.of
                ))
                .hint("place them on the same hosts with `x-placement.hosts`")
            })?);
        }
        if !list.is_empty() {
            all.insert(*number, list);
        }
    }
    Ok(all)
}

/// Puts the names of the containers in place of the services.
pub(super) fn borrow(body: &mut ContainerCreateBody, service: &Service, borrowed: &[Borrowed]) {
    let host = body.host_config.get_or_insert_default();
    let mut volumes: Vec<String> = Vec::new();
    for from in &service.volumes_from {
        let name = match &from.from {
            Lender::Container(name) => Some(name.clone()),
            Lender::Service(of) => borrowed
                .iter()
                .find(|one| one.of == *of)
                .map(|one| one.container.clone()),
        };
        let mode = if from.read_only { ":ro" } else { "" };
        volumes.extend(name.map(|name| format!("{name}{mode}")));
    }
    if !volumes.is_empty() {
        host.volumes_from = Some(volumes);
    }
    for one in borrowed {
        let mode = Some(format!("container:{}", one.container));
        match one.what {
            Shared::Network => host.network_mode = mode,
            Shared::Ipc => host.ipc_mode = mode,
            Shared::Pid => host.pid_mode = mode,
            Shared::Volumes { .. } => {}
        }
    }
    if !borrowed.is_empty() {
        let labels = body.labels.get_or_insert_default();
        labels.insert(Labels::SHARES.to_owned(), label(borrowed));
    }
}

/// What the engine refuses of a container in another one's network, said before anything starts.
///
/// # Errors
/// The service has settings that belong to the network it does not have.
pub(super) fn refuse_conflicts(service: &Service) -> Result<()> {
    let Some(mode) = service.network_mode.as_deref() else {
        return Ok(());
    };
    if !mode.starts_with("service:") && !mode.starts_with("container:") {
        return Ok(());
    }
    let body = &service.template.0;
    let host = body.host_config.clone().unwrap_or_default();
    let filled = |list: &Option<Vec<String>>| list.as_ref().is_some_and(|list| !list.is_empty());
    let conflict = [
        ("ports", !service.ports.is_empty()),
        ("expose", filled(&body.exposed_ports)),
        ("hostname", body.hostname.is_some()),
        ("dns", filled(&host.dns)),
        ("extra_hosts", filled(&host.extra_hosts)),
    ]
    .into_iter()
    .find(|(_, there)| *there);
    match conflict {
        None => Ok(()),
        Some((key, _)) => Err(Error::user(format!(
            "service `{}` has `{key}`, but with `network_mode: {}` it has no network of its own",
            service.name,
            mode.escape_debug()
        ))
        .hint(format!(
            "move `{key}` to the service whose network it shares"
        ))),
    }
}
