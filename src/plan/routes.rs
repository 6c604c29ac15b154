//! Which domain goes to which replicas, at the end and at every moment on the way (spec §9.3, §11).

use std::collections::{BTreeMap, BTreeSet};

use super::fleet::{Fleet, Member};
use super::ingress::{Domain, recorded_domains};
use super::template::is_reached_by_others;
use super::{Policy, RenderRequest, RouteChange};
use crate::error::{Error, Result};
use crate::model::{
    Context, HostName, ProxyFile, Release, Route, ServiceName, StackKey, Upstream, Upstreams,
};

/// Container port → host port of each replica that serves now, by number and host.
pub(super) type LiveReplicas = BTreeMap<(u32, HostName), BTreeMap<u16, u16>>;

/// The routes while replicas come and go.
pub(super) struct Routing<'a> {
    context: &'a Context,
    key: &'a StackKey,
    policy: &'a dyn Policy,
    members: Vec<Member<'a>>,
    /// At the end.
    wanted: Vec<Domain>,
    /// In the release that serves.
    before: Vec<Domain>,
    /// Replicas wanted in the end, by service.
    replicas: BTreeMap<ServiceName, usize>,
    /// Replicas that serve now.
    pub live: BTreeMap<ServiceName, LiveReplicas>,
    /// Proxy files as they are at this point of the plan.
    files: BTreeMap<HostName, BTreeMap<String, Option<String>>>,
    /// Files the serving release wrote: those that are no longer rendered are removed.
    obsolete: BTreeMap<HostName, BTreeSet<String>>,
    /// Addresses each host's proxy sends requests to at this point of the plan.
    dialled: BTreeMap<HostName, BTreeSet<String>>,
}

/// What one host's proxy must do so that the routes hold.
pub(super) struct Switch {
    pub host: HostName,
    /// None: its files are right already.
    pub route: Option<Switched>,
    /// Addresses it no longer sends requests to.
    pub drained: Vec<String>,
}

/// New proxy files for a host.
pub(super) struct Switched {
    pub files: Vec<ProxyFile>,
    pub before: Vec<ProxyFile>,
    pub routes: Vec<Route>,
}

impl<'a> Routing<'a> {
    pub fn new(
        context: &'a Context,
        key: &'a StackKey,
        policy: &'a dyn Policy,
        fleet: &Fleet<'a>,
        active: Option<&Release>,
        wanted: Vec<Domain>,
    ) -> Self {
        let before = active.map(recorded_domains).unwrap_or_default();
        let mut files = BTreeMap::new();
        let mut obsolete: BTreeMap<HostName, BTreeSet<String>> = BTreeMap::new();
        for member in &fleet.members {
            let name = member.name().clone();
            files.insert(name.clone(), member.observed.proxy_files.clone());
            let recorded = active.and_then(|release| release.proxy_files.get(&name));
            let paths = recorded.into_iter().flatten().map(|file| file.path.clone());
            obsolete.insert(name, paths.collect());
        }
        Self {
            context,
            key,
            policy,
            members: fleet.members.clone(),
            wanted,
            before,
            replicas: BTreeMap::new(),
            live: BTreeMap::new(),
            files,
            obsolete,
            dialled: BTreeMap::new(),
        }
    }

    /// Says how many replicas of a service there will be.
    pub fn expect(&mut self, service: &ServiceName, replicas: usize) {
        self.replicas.insert(service.clone(), replicas);
    }

    /// Takes note of what serves before anything happens.
    pub fn begin(&mut self) {
        if !self.is_on() {
            return;
        }
        let routes = self.routes(false);
        for member in &self.members {
            let dialled = addresses(&self.routes_on(member, &routes));
            self.dialled.insert(member.name().clone(), dialled);
        }
    }

    /// Whether the service has a domain, or had one.
    pub fn knows(&self, service: &ServiceName) -> bool {
        let mut domains = self.wanted.iter().chain(&self.before);
        domains.any(|domain| domain.service == *service)
    }

    /// The script that renders and applies.
    pub fn driver(&self) -> &str {
        &self.context.proxy.driver
    }

    /// Whether a proxy is configured at all.
    pub fn is_on(&self) -> bool {
        self.context.proxy.driver != "none"
    }

    /// The routes at this point; `done` when only what is wanted may be left.
    pub fn routes(&self, done: bool) -> Vec<Route> {
        let mut routes = Vec::new();
        for domain in &self.wanted {
            let old = self
                .before
                .iter()
                .find(|old| old.name == domain.name && old.service != domain.service);
            // A domain that goes to another service stays with the old one until the new one is
            // complete.
            let complete = self.live.get(&domain.service).map_or(0, BTreeMap::len)
                >= self.replicas.get(&domain.service).copied().unwrap_or(0);
            let stays = old
                .filter(|_| !done && !complete)
                .map(|old| self.route(old))
                .filter(|route| !route.upstreams.is_empty());
            routes.push(stays.unwrap_or_else(|| self.route(domain)));
        }
        if !done {
            let wanted: BTreeSet<&str> = self.wanted.iter().map(|w| w.name.as_str()).collect();
            let leaving = self
                .before
                .iter()
                .filter(|old| !wanted.contains(old.name.as_str()));
            routes.extend(leaving.map(|old| self.route(old)));
        }
        routes.retain(|route| !route.upstreams.is_empty());
        routes
    }

    fn route(&self, domain: &Domain) -> Route {
        let was = self
            .before
            .iter()
            .find(|old| old.name == domain.name && old.service == domain.service)
            .map(|old| old.port);
        let live = self.live.get(&domain.service).into_iter().flatten();
        let upstreams = live.filter_map(|((_, host), ports)| {
            let port = ports
                .get(&domain.port)
                .or_else(|| ports.get(&was?))
                .copied()?;
            let member = self.members.iter().find(|member| member.name() == host)?;
            Some(Upstream {
                host: host.clone(),
                addr: member.host.upstream_addr().to_owned(),
                port,
            })
        });
        Route {
            domain: domain.name.clone(),
            service: domain.service.clone(),
            health_path: domain.health_path.clone(),
            tls: domain.tls,
            upstreams: upstreams.collect(),
        }
    }

    /// The routes as the proxy of one host has them.
    fn routes_on(&self, member: &Member<'_>, routes: &[Route]) -> Vec<Route> {
        let mut own = Vec::new();
        for route in routes {
            let upstreams: Vec<Upstream> = route
                .upstreams
                .iter()
                .filter_map(|upstream| self.upstream_on(member, upstream))
                .collect();
            if !upstreams.is_empty() {
                own.push(Route {
                    upstreams,
                    ..route.clone()
                });
            }
        }
        own
    }

    fn upstream_on(&self, member: &Member<'_>, upstream: &Upstream) -> Option<Upstream> {
        if upstream.host == *member.name() {
            return Some(Upstream {
                addr: "127.0.0.1".to_owned(),
                ..upstream.clone()
            });
        }
        let there = self
            .members
            .iter()
            .find(|other| *other.name() == upstream.host)?;
        let reachable = self.context.proxy.upstreams == Upstreams::All
            && is_reached_by_others(self.context, there.host);
        reachable.then(|| upstream.clone())
    }

    /// What every host's proxy must do so that the routes of this point hold.
    ///
    /// # Errors
    /// The proxy script fails, or writes somewhere that is not an absolute path.
    pub fn switch(&mut self, done: bool) -> Result<Vec<Switch>> {
        if !self.is_on() {
            return Ok(Vec::new());
        }
        let routes = self.routes(done);
        let mut switches = Vec::new();
        for member in self.members.clone() {
            let host = member.name().clone();
            let own = self.routes_on(&member, &routes);
            let now = addresses(&own);
            let drained = self.dialled.get(&host).map_or_else(Vec::new, |before| {
                before.difference(&now).cloned().collect()
            });
            self.dialled.insert(host.clone(), now);
            let route = self.write(&host, own)?;
            if route.is_some() || !drained.is_empty() {
                switches.push(Switch {
                    host,
                    route,
                    drained,
                });
            }
        }
        Ok(switches)
    }

    /// Renders and compares with what is there at this point.
    fn write(&mut self, host: &HostName, routes: Vec<Route>) -> Result<Option<Switched>> {
        let mut wanted = self.render(host, routes.clone())?;
        for path in self.obsolete.get(host).into_iter().flatten() {
            if !wanted.iter().any(|file| file.path == *path) {
                wanted.push(ProxyFile {
                    path: path.clone(),
                    content: None,
                });
            }
        }
        let there = self.files.entry(host.clone()).or_default();
        let now = |path: &str| there.get(path).cloned().flatten();
        if wanted.iter().all(|file| file.content == now(&file.path)) {
            return Ok(None);
        }
        let before = wanted
            .iter()
            .map(|file| ProxyFile {
                path: file.path.clone(),
                content: now(&file.path),
            })
            .collect();
        for file in &wanted {
            there.insert(file.path.clone(), file.content.clone());
        }
        Ok(Some(Switched {
            files: wanted,
            before,
            routes,
        }))
    }

    /// # Errors
    /// As [`Self::switch`].
    fn render(&self, host: &HostName, routes: Vec<Route>) -> Result<Vec<ProxyFile>> {
        let driver = &self.context.proxy.driver;
        let request = RenderRequest {
            context: self.key.context.to_string(),
            project: self.key.project.to_string(),
            host: host.clone(),
            routes,
        };
        let files = self.policy.render(driver, &request)?;
        for file in &files {
            if !file.path.starts_with('/') || file.path.contains("/../") {
                return Err(Error::user(format!(
                    "the script `proxy/{driver}` writes to {:?}, which is not an absolute path",
                    file.path
                )));
            }
        }
        Ok(files)
    }

    /// Every host's files with the routes that are wanted in the end.
    ///
    /// # Errors
    /// As [`Self::switch`].
    pub fn final_files(&self) -> Result<BTreeMap<HostName, Vec<ProxyFile>>> {
        let mut files = BTreeMap::new();
        if self.is_on() {
            let routes = self.routes(true);
            for member in &self.members {
                let own = self.routes_on(member, &routes);
                files.insert(member.name().clone(), self.render(member.name(), own)?);
            }
        }
        Ok(files)
    }
}

/// `addr:port` of every upstream.
fn addresses(routes: &[Route]) -> BTreeSet<String> {
    let upstreams = routes.iter().flat_map(|route| &route.upstreams);
    upstreams
        .map(|upstream| {
            if upstream.addr.contains(':') {
                format!("[{}]:{}", upstream.addr, upstream.port)
            } else {
                format!("{}:{}", upstream.addr, upstream.port)
            }
        })
        .collect()
}

/// Routes that appear, change or vanish.
pub(super) fn changes(before: &[Route], after: &[Route]) -> Vec<RouteChange> {
    let find = |routes: &[Route], domain: &str| {
        routes.iter().find(|route| route.domain == domain).cloned()
    };
    let gone = before
        .iter()
        .filter(|route| !after.iter().any(|other| other.domain == route.domain));
    let domains: Vec<&str> = after
        .iter()
        .chain(gone)
        .map(|route| route.domain.as_str())
        .collect();
    domains
        .into_iter()
        .map(|domain| RouteChange {
            domain: domain.to_owned(),
            before: find(before, domain),
            after: find(after, domain),
        })
        .filter(|change| change.before != change.after)
        .collect()
}
