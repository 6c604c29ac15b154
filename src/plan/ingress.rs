//! The domains of `x-ingress` with the services behind them (spec §11.3), wanted and recorded.

use super::domains;
use crate::error::{Error, Result};
use crate::model::{Context, Observed, Release, Service, ServiceName, StackKey, Tls};

/// A domain and the service behind it, without upstreams.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Domain {
    /// In its one form.
    pub name: String,
    pub service: ServiceName,
    /// The container's port.
    pub port: u16,
    pub health_path: Option<String>,
    pub tls: Tls,
}

/// The domains of these services.
///
/// # Errors
/// A domain is not a host name, is not allowed in the context, or belongs to another project.
pub(super) fn domains_of<'s>(
    context: &Context,
    key: &StackKey,
    observed: &Observed,
    services: impl Iterator<Item = &'s Service>,
) -> Result<Vec<Domain>> {
    let mut found: Vec<Domain> = Vec::new();
    for service in services {
        for ingress in &service.ingress {
            let domain = domains::normalise(&service.name, &ingress.host)?;
            domains::check_path(&service.name, ingress)?;
            domains::check(context, key, observed, &service.name, &domain)?;
            found.push(Domain {
                name: domain,
                service: service.name.clone(),
                port: ingress.port,
                health_path: ingress.health_path.clone(),
                tls: ingress.tls.unwrap_or(context.proxy.tls),
            });
        }
    }
    Ok(found)
}

/// # Errors
/// A domain is wanted twice.
pub(super) fn refuse_doubles(domains: &[Domain]) -> Result<()> {
    for (at, one) in domains.iter().enumerate() {
        let Some(other) = domains[..at].iter().find(|other| other.name == one.name) else {
            continue;
        };
        let what = if other.service == one.service {
            format!("service `{}` claims `{}` twice", one.service, one.name)
        } else {
            format!(
                "services `{}` and `{}` both claim `{}`",
                other.service, one.service, one.name
            )
        };
        return Err(Error::user(what).hint("a domain goes to one port of one service"));
    }
    Ok(())
}

/// The domains a release served.
pub(super) fn recorded_domains(release: &Release) -> Vec<Domain> {
    let mut domains = Vec::new();
    for route in &release.routes {
        let service = release.services.get(&route.service);
        let ingress = service.and_then(|recorded| {
            recorded.service.ingress.iter().find(|ingress| {
                domains::normalise(&route.service, &ingress.host)
                    .is_ok_and(|domain| domain == route.domain)
            })
        });
        if let Some(ingress) = ingress {
            domains.push(Domain {
                name: route.domain.clone(),
                service: route.service.clone(),
                port: ingress.port,
                health_path: route.health_path.clone(),
                tls: route.tls,
            });
        }
    }
    domains
}

/// Services that give a domain away, each with the one that gets it: it changes later, so that the
/// domain is served all the time.
pub(super) fn handovers(
    wanted: &[Domain],
    active: Option<&Release>,
) -> Vec<(ServiceName, ServiceName)> {
    let before = active.map(recorded_domains).unwrap_or_default();
    wanted
        .iter()
        .filter_map(|new| {
            let old = before.iter().find(|old| old.name == new.name)?;
            (old.service != new.service).then(|| (old.service.clone(), new.service.clone()))
        })
        .collect()
}
