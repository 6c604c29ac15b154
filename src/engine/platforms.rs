//! For which platform a service's image is needed: that of the hosts that may run it.

use crate::model::{HostName, Project, Service};

/// The platforms of a fleet, each with its hosts.
pub(super) type Platforms = Vec<(String, Vec<HostName>)>;

/// The project with `platform:` filled in where it is missing, all hosts that may run the service
/// agree, and this machine's engine is of another platform. Where hosts differ nothing is filled in:
/// the plan says which of them the image does not fit. Nor without an engine: nothing can be built
/// then, and a source must be the one that was built elsewhere.
pub(super) fn fill(project: &Project, fleet: &Platforms, own: Option<&str>) -> Project {
    let mut project = project.clone();
    for service in project.services.values_mut() {
        if service.platform.is_none()
            && let Some(platform) = needed(service, fleet)
            && own.is_some_and(|own| own != platform)
            && offered(service, platform)
        {
            service.platform = Some(platform.to_owned());
        }
    }
    project
}

/// The one platform of the hosts that may run the service.
pub(super) fn needed<'a>(service: &Service, fleet: &'a Platforms) -> Option<&'a str> {
    let may = |host: &HostName| {
        let named = service.placement.hosts.as_ref();
        named.is_none_or(|named| named.iter().any(|name| name == host.as_str()))
    };
    let mut platforms = fleet
        .iter()
        .filter(|(_, hosts)| hosts.iter().any(may))
        .map(|(platform, _)| platform.as_str());
    let first = platforms.next()?;
    platforms.next().is_none().then_some(first)
}

/// `build.platforms` is a promise of what builds at all.
fn offered(service: &Service, platform: &str) -> bool {
    service.build.as_ref().is_none_or(|build| {
        build.platforms.is_empty() || build.platforms.iter().any(|one| one == platform)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Build;

    const ARM: &str = "linux/arm64";
    const AMD: &str = "linux/amd64";

    fn project(change: impl FnOnce(&mut Service)) -> Project {
        let mut project: Project = serde_json::from_value(serde_json::json!({
            "name": "shop", "working_dir": "/", "warnings": [], "networks": {}, "volumes": {},
            "services": {"web": {
                "name": "web", "image": null, "build": null, "platform": null, "replicas": 1,
                "placement": {"hosts": null, "strategy": "spread", "max_per_host": null,
                              "min_hosts": null},
                "ingress": [], "template": {}, "mounts": [], "files": [], "networks": {},
                "network_mode": null, "ports": [], "depends_on": {}, "container_name": null,
                "stop_grace": {"secs": 10, "nanos": 0}, "healthcheck": false, "parallelism": 1,
                "update_order": null, "rollout": "rolling",
            }},
        }))
        .unwrap();
        change(&mut project.services[0]);
        project
    }

    fn fleet(hosts: &[(&str, &str)]) -> Platforms {
        let hosts = hosts.iter().map(|(platform, host)| {
            let host: HostName = host.parse().unwrap();
            ((*platform).to_owned(), vec![host])
        });
        hosts.collect()
    }

    fn filled(project: &Project, hosts: &[(&str, &str)], own: Option<&str>) -> Option<String> {
        fill(project, &fleet(hosts), own).services[0]
            .platform
            .clone()
    }

    #[test]
    fn hosts_that_agree_get_what_they_run() {
        let plain = project(|_| ());
        let arm = filled(&plain, &[(ARM, "a")], Some(AMD));
        assert_eq!(arm.as_deref(), Some(ARM));
        assert_eq!(filled(&plain, &[(ARM, "a")], None), None, "nothing builds");
        assert_eq!(filled(&plain, &[(AMD, "a")], Some(AMD)), None, "as always");
        assert_eq!(filled(&plain, &[], Some(AMD)), None);
    }

    #[test]
    fn a_mixed_fleet_is_left_to_placement() {
        let mixed = [(AMD, "a"), (ARM, "b")];
        assert_eq!(filled(&project(|_| ()), &mixed, Some(AMD)), None);
        let placed = project(|web| web.placement.hosts = Some(vec!["b".to_owned()]));
        assert_eq!(filled(&placed, &mixed, Some(AMD)).as_deref(), Some(ARM));
    }

    #[test]
    fn what_the_file_says_stands() {
        let written = project(|web| web.platform = Some("linux/s390x".to_owned()));
        let kept = filled(&written, &[(ARM, "a")], Some(AMD));
        assert_eq!(kept.as_deref(), Some("linux/s390x"));
        let only = |platform: &str| {
            project(|web| {
                web.build = Some(Build {
                    platforms: vec![platform.to_owned()],
                    ..Build::default()
                });
            })
        };
        assert_eq!(filled(&only(AMD), &[(ARM, "a")], Some(AMD)), None);
        let arm = filled(&only(ARM), &[(ARM, "a")], Some(AMD));
        assert_eq!(arm.as_deref(), Some(ARM));
    }
}
