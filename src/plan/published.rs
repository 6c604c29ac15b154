//! Host ports that the user publishes with `ports:`: no two containers may have the same.

use std::collections::BTreeMap;

use super::diff::Coming;
use super::fleet::Fleet;
use super::ports::PortBook;
use super::work::Work;
use crate::error::{Error, Result};
use crate::model::{HostName, PortPublication};

type Holder<'w> = (&'w Work<'w>, &'w PortPublication);

/// Reserves every fixed host port of the plan, so that none of ours is put there.
///
/// # Errors
/// Two services publish the same port on one host, or something else on the host holds it.
pub(super) fn reserve(
    works: &[Work<'_>],
    fleet: &Fleet<'_>,
    book: &mut PortBook<'_>,
) -> Result<()> {
    let mut held: BTreeMap<(&HostName, &str, u16), Vec<Holder<'_>>> = BTreeMap::new();
    for work in works {
        let service = &work.wanted.service;
        if service.network_mode.as_deref() == Some("host") {
            continue;
        }
        for slot in work.slots.iter().filter(|slot| slot.stays()) {
            for port in &service.ports {
                let Some(published) = port.fixed() else {
                    continue;
                };
                let holders = held
                    .entry((&slot.host, port.protocol.as_str(), published))
                    .or_default();
                if let Some((other, _)) = holders.iter().find(|(_, other)| meet(other, port)) {
                    return Err(clash(other, work, published, &slot.host));
                }
                let fresh = matches!(slot.new, Some(Coming::Fresh));
                if fresh && port.protocol == "tcp" && book.is_foreign(&slot.host, published) {
                    return Err(Error::user(format!(
                        "service `{}` publishes port {published} on host `{}`, where something \
                         else holds it",
                        service.name, slot.host
                    ))
                    .hint(format!(
                        "find it with `ss -ltnp 'sport = :{published}'` on `{}`, or publish \
                         another port",
                        slot.host
                    )));
                }
                holders.push((work, port));
            }
        }
    }
    for (host, protocol, port) in held.into_keys() {
        if protocol == "tcp" && fleet.get(host).is_some() {
            book.reserve(host, port);
        }
    }
    Ok(())
}

/// Whether two publications of one port exclude each other: the same address, or one of all.
fn meet(a: &PortPublication, b: &PortPublication) -> bool {
    let everywhere = |port: &PortPublication| match port.host_ip.as_deref() {
        None => true,
        Some(ip) => matches!(ip, "" | "0.0.0.0" | "::"),
    };
    everywhere(a) || everywhere(b) || a.host_ip == b.host_ip
}

fn clash(a: &Work<'_>, b: &Work<'_>, port: u16, host: &HostName) -> Error {
    let who = if a.name() == b.name() {
        format!("service `{}` publishes port {port} twice", a.name())
    } else {
        format!(
            "services `{}` and `{}` both publish port {port}",
            a.name(),
            b.name()
        )
    };
    Error::user(format!("{who} on host `{host}`"))
        .hint("publish another port, or place them on different hosts with `x-placement.hosts`")
}
