//! Requests go to replicas that run and are healthy, never to one that stops.

use super::replay::{Fleet, Moment, Replayed};
use crate::model::{HostName, HostObserved, Release, Route, Upstream};

/// Where a host's proxy sends requests before the plan; none when its files are not those of the
/// release that serves, so that nobody can tell.
///
/// A host's proxy has its own selection of the release's upstreams; those whose address is in its
/// files are.
pub(super) fn known(
    name: &HostName,
    seen: &HostObserved,
    active: Option<&Release>,
) -> Option<Vec<Route>> {
    let active = active?;
    let files = active.proxy_files.get(name)?;
    let as_written = files
        .iter()
        .all(|file| seen.proxy_files.get(&file.path).cloned().flatten() == file.content);
    if !as_written {
        return None;
    }
    let dialled = |upstream: &Upstream| {
        let own = upstream.host == *name;
        let addr = if own { "127.0.0.1" } else { &upstream.addr };
        let address = format!("{addr}:{}", upstream.port);
        let texts = files.iter().filter_map(|file| file.content.as_ref());
        texts.into_iter().any(|text| text.contains(&address))
    };
    let mut routes = active.routes.clone();
    for route in &mut routes {
        route.upstreams.retain(dialled);
    }
    Some(routes)
}

fn target<'f>(fleet: &'f Fleet, upstream: &Upstream) -> Option<&'f Replayed> {
    fleet.get(&upstream.host)?.containers.iter().find(|one| {
        one.live
            && one
                .reached
                .as_ref()
                .is_none_or(|ports| ports.contains(&upstream.port))
    })
}

/// Every upstream is a healthy replica of the route's service.
pub(super) fn check(moment: &Moment<'_>, routes: &[Route], wrong: &mut Vec<String>) {
    for route in routes {
        if route.upstreams.is_empty() {
            wrong.push(format!("`{}` goes nowhere", route.domain));
        }
        for upstream in &route.upstreams {
            let (host, port) = (&upstream.host, upstream.port);
            match target(moment.settled, upstream) {
                None => wrong.push(format!(
                    "`{}` goes to `{host}`:{port}, where nothing runs",
                    route.domain
                )),
                Some(one) if one.service != route.service => wrong.push(format!(
                    "`{}` goes to a replica of `{}`",
                    route.domain, one.service
                )),
                Some(one) if !one.gated => wrong.push(format!(
                    "`{}` goes to `{}`, which has not proven to be healthy",
                    route.domain, one.name
                )),
                Some(_) => {}
            }
            let own = upstream.host == moment.step.host;
            if own != (upstream.addr == "127.0.0.1") {
                wrong.push(format!(
                    "`{}` reaches `{host}` at {}",
                    route.domain, upstream.addr
                ));
            }
        }
    }
}

/// No proxy sends requests to a container that stops.
pub(super) fn check_stop(moment: &Moment<'_>, old: &Replayed, wrong: &mut Vec<String>) {
    for (host, state) in moment.settled {
        // Hosts that do not take part keep their routes; the plan warns about them.
        if !moment.plan.hosts.iter().any(|one| one.name == *host) {
            continue;
        }
        let routes = state.routes.iter().flatten();
        let upstreams = routes.flat_map(|route| &route.upstreams);
        for upstream in upstreams.filter(|upstream| upstream.host == moment.step.host) {
            if target(moment.settled, upstream).is_some_and(|one| one.id == old.id) {
                wrong.push(format!(
                    "the proxy of `{host}` still sends requests to `{}`",
                    old.name
                ));
            }
        }
    }
}
