//! For which platforms a service's image is needed: those of the hosts that run it.

use std::collections::{BTreeMap, BTreeSet};

use super::Engine;
use crate::docker::Nodes;
use crate::error::Result;
use crate::model::{Build, HostName, Project, Service, ServiceName};

/// The platforms of a fleet, each with its hosts.
pub(super) type Platforms = Vec<(String, Vec<HostName>)>;

/// Per service the platforms its image is needed for; none: whatever this machine makes.
pub(super) type Targets = BTreeMap<ServiceName, Vec<String>>;

/// What each service's image is needed for: what the Compose file says, else the platforms of the
/// hosts where its replicas will be, or may be while that is not known.
pub(super) fn targets(
    project: &Project,
    fleet: &Platforms,
    placed: Option<&BTreeMap<ServiceName, BTreeSet<HostName>>>,
) -> Targets {
    let mut targets: Targets = project
        .services
        .values()
        .map(|service| (service.name.clone(), needed(service, fleet, placed)))
        .collect();
    // What an image is built from is needed for the same platforms.
    let mut again = true;
    while again {
        again = false;
        for service in project.services.values() {
            let wanted = targets.get(&service.name).cloned().unwrap_or_default();
            for base in service.build.iter().flat_map(Build::services) {
                let Some(other) = project
                    .services
                    .get(base)
                    .filter(|it| it.platform.is_none())
                else {
                    continue;
                };
                let theirs = targets.entry(base.clone()).or_default();
                for platform in wanted.iter().filter(|one| offered(other, one)) {
                    if !theirs.contains(platform) {
                        theirs.push(platform.clone());
                        again = true;
                    }
                }
            }
        }
    }
    targets
}

fn needed(
    service: &Service,
    fleet: &Platforms,
    placed: Option<&BTreeMap<ServiceName, BTreeSet<HostName>>>,
) -> Vec<String> {
    if let Some(written) = &service.platform {
        return vec![written.clone()];
    }
    let may = |host: &HostName| {
        let named = service.placement.hosts.as_ref();
        named.is_none_or(|named| named.iter().any(|name| name == host.as_str()))
    };
    let will = |host: &HostName| match placed {
        Some(placed) => placed
            .get(&service.name)
            .is_some_and(|hosts| hosts.contains(host)),
        None => may(host),
    };
    let platforms = fleet.iter().filter(|(_, hosts)| hosts.iter().any(will));
    platforms
        .map(|(platform, _)| platform.clone())
        .filter(|platform| offered(service, platform))
        .collect()
}

/// What the Compose file itself says that images are made for, whatever the hosts are.
pub(super) fn promised(project: &Project) -> Targets {
    let services = project.services.values();
    let named = services.filter_map(|service| {
        let build = service.build.as_ref();
        let platforms = match &service.platform {
            Some(written) => vec![written.clone()],
            None => build.map(|build| build.platforms.clone())?,
        };
        Some((service.name.clone(), platforms))
    });
    named.collect()
}

/// `build.platforms` is a promise of what builds at all.
fn offered(service: &Service, platform: &str) -> bool {
    service.build.as_ref().is_none_or(|build| {
        build.platforms.is_empty() || build.platforms.iter().any(|one| one == platform)
    })
}

/// The services whose images are made for one platform, and the project as it is then.
#[derive(Debug, Clone)]
pub(super) struct Pass {
    /// None: whatever this machine makes.
    pub(super) platform: Option<String>,
    /// With `platform:` filled in where it is not this machine's own.
    pub(super) project: Project,
    pub(super) services: Vec<ServiceName>,
}

/// One pass per platform, in the order in which services first need them.
///
/// Where this machine's engine makes the platform anyway, `platform:` stays as it is; without an
/// engine too: nothing can be built then, and a source must be the one that was built elsewhere.
pub(super) fn passes(
    project: &Project,
    services: &[ServiceName],
    targets: &Targets,
    own: Option<&str>,
) -> Vec<Pass> {
    let mut passes: Vec<Pass> = Vec::new();
    for name in services {
        let wanted = targets.get(name).map_or(&[][..], Vec::as_slice);
        let each = wanted.iter().map(|platform| Some(platform.clone()));
        let none = wanted.is_empty().then_some(None);
        for platform in each.chain(none) {
            let found = passes.iter().position(|pass| pass.platform == platform);
            let at = found.unwrap_or(passes.len());
            if found.is_none() {
                passes.push(Pass {
                    platform,
                    project: project.clone(),
                    services: Vec::new(),
                });
            }
            let pass = &mut passes[at];
            pass.services.push(name.clone());
            if let Some(service) = pass.project.services.get_mut(name)
                && service.platform.is_none()
                && let (Some(own), Some(platform)) = (own, &pass.platform)
                && own != platform
            {
                service.platform = Some(platform.clone());
            }
        }
    }
    passes
}

impl Engine {
    /// The platforms of the hosts, and which hosts are of each.
    pub(super) async fn platforms(&self) -> Result<Platforms> {
        let nodes = self.nodes().await?;
        nodes.greet().await?;
        Ok(by_platform(nodes))
    }

    /// As [`Engine::platforms`], taking engines that answered an earlier command for what they were
    /// then.
    pub(super) async fn presumed_platforms(&self) -> Result<Platforms> {
        let nodes = self.nodes().await?;
        nodes.acquaint().await?;
        Ok(by_platform(nodes))
    }
}

/// Needs every host to have been reached, once.
pub(super) fn by_platform(nodes: &Nodes) -> Platforms {
    let mut platforms = Platforms::new();
    for node in nodes.iter() {
        let Some(identity) = node.acquaintance() else {
            continue;
        };
        let platform = identity.platform;
        match platforms.iter_mut().find(|(one, _)| *one == platform) {
            Some((_, hosts)) => hosts.push(node.name().clone()),
            None => platforms.push((platform, vec![node.name().clone()])),
        }
    }
    platforms
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::NamedContext;
    use crate::model::fixtures::{self, project};

    const ARM: &str = "linux/arm64";
    const AMD: &str = "linux/amd64";

    fn service(name: &str, change: impl FnOnce(&mut Service)) -> Service {
        let mut service = fixtures::service(name);
        change(&mut service);
        service
    }

    fn fleet(hosts: &[(&str, &str)]) -> Platforms {
        let hosts = hosts.iter().map(|(platform, host)| {
            let host: HostName = host.parse().unwrap();
            ((*platform).to_owned(), vec![host])
        });
        hosts.collect()
    }

    /// The platforms that one service is made for, and what `platform:` says in each pass.
    fn made(
        service: Service,
        hosts: &[(&str, &str)],
        own: Option<&str>,
    ) -> (Vec<String>, Vec<Option<String>>) {
        let project = project(vec![service]);
        let targets = targets(&project, &fleet(hosts), None);
        let names: Vec<ServiceName> = project.services.keys().cloned().collect();
        let passes = passes(&project, &names, &targets, own);
        let filled = passes
            .iter()
            .map(|pass| pass.project.services[0].platform.clone());
        (targets[&names[0]].clone(), filled.collect())
    }

    fn filled(service: Service, hosts: &[(&str, &str)], own: Option<&str>) -> Vec<Option<String>> {
        made(service, hosts, own).1
    }

    #[test]
    fn hosts_that_agree_get_what_they_run() {
        let plain = || service("web", |_| ());
        let arm = Some(ARM.to_owned());
        assert_eq!(filled(plain(), &[(ARM, "a")], Some(AMD)), [arm]);
        assert_eq!(
            filled(plain(), &[(ARM, "a")], None),
            [None],
            "nothing builds"
        );
        assert_eq!(
            filled(plain(), &[(AMD, "a")], Some(AMD)),
            [None],
            "as always"
        );
        assert_eq!(filled(plain(), &[], Some(AMD)), [None]);
    }

    #[test]
    fn a_mixed_fleet_gets_one_image_per_platform_that_is_used() {
        let mixed = [(AMD, "a"), (ARM, "b")];
        let arm = Some(ARM.to_owned());
        let both = filled(service("web", |_| ()), &mixed, Some(AMD));
        assert_eq!(both, [None, arm.clone()]);
        let there = service("web", |web| {
            web.placement.hosts = Some(vec!["b".to_owned()]);
        });
        assert_eq!(filled(there, &mixed, Some(AMD)), [arm]);
        let shop = project(vec![service("web", |_| ()), service("db", |_| ())]);
        let on = |name: &str, host: &str| {
            let hosts = [host.parse().unwrap()].into();
            (name.parse().unwrap(), hosts)
        };
        let placed = [on("web", "a"), on("db", "b")].into();
        let wanted = targets(&shop, &fleet(&mixed), Some(&placed));
        assert_eq!(
            (&*wanted["web"], &*wanted["db"]),
            (&[AMD.to_owned()][..], &[ARM.to_owned()][..])
        );
    }

    #[test]
    fn what_an_image_is_built_from_is_made_for_the_same() {
        let base: ServiceName = "base".parse().unwrap();
        let web = service("web", |web| {
            web.build = Some(Build {
                contexts: [("base".to_owned(), NamedContext::Service(base.clone()))].into(),
                ..Build::default()
            });
        });
        let shop = project(vec![
            web,
            service("base", |base| base.build = Some(Build::default())),
        ]);
        let here: BTreeSet<HostName> = ["b".parse().unwrap()].into();
        let placed = [("web".parse().unwrap(), here)].into();
        let wanted = targets(&shop, &fleet(&[(AMD, "a"), (ARM, "b")]), Some(&placed));
        assert_eq!(wanted["base"], [ARM]);
        let names: Vec<ServiceName> = shop.services.keys().cloned().collect();
        let passes = passes(&shop, &names, &wanted, Some(AMD));
        assert_eq!(passes.len(), 1);
        assert_eq!(passes[0].services.len(), 2);
    }

    #[test]
    fn files_are_made_for_what_the_compose_file_says() {
        let shop = project(vec![
            service("web", |web| {
                web.build = Some(Build {
                    platforms: vec![AMD.to_owned(), ARM.to_owned()],
                    ..Build::default()
                });
            }),
            service("db", |db| db.platform = Some(ARM.to_owned())),
            service("cache", |_| ()),
        ]);
        let promised = promised(&shop);
        assert_eq!(promised["web"], [AMD, ARM]);
        assert_eq!(promised["db"], [ARM]);
        assert_eq!(promised.get("cache"), None, "whatever this machine is");
    }

    #[test]
    fn what_the_file_says_stands() {
        let written = service("web", |web| web.platform = Some("linux/s390x".to_owned()));
        let kept = made(written, &[(ARM, "a")], Some(AMD));
        let s390x = "linux/s390x".to_owned();
        assert_eq!(kept, (vec![s390x.clone()], vec![Some(s390x)]));
        let only = |platform: &str| {
            service("web", |web| {
                web.build = Some(Build {
                    platforms: vec![platform.to_owned()],
                    ..Build::default()
                });
            })
        };
        assert_eq!(filled(only(AMD), &[(ARM, "a")], Some(AMD)), [None]);
        let arm = filled(only(ARM), &[(ARM, "a")], Some(AMD));
        assert_eq!(arm, [Some(ARM.to_owned())]);
    }
}
