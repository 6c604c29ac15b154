//! What is to be built or pulled, in the order it must happen.

use std::collections::BTreeMap;

use super::build::Order;
use super::survey;
use crate::docker::Engine;
use crate::error::{Error, Result};
use crate::model::{Build, ImageState, Project, Service, ServiceName};

/// One image to make, and the services that use it.
pub(super) struct Work<'a> {
    pub(super) service: &'a Service,
    pub(super) services: Vec<ServiceName>,
    pub(super) reference: String,
    /// What is built, under all its names; none: it is pulled.
    pub(super) build: Option<Build>,
}

impl Work<'_> {
    /// What the builder is asked for; none when the image is pulled.
    pub(super) fn order<'a>(
        &'a self,
        engine: &'a Engine,
        image_of: &'a (dyn Fn(&ServiceName) -> String + Sync),
    ) -> Option<Order<'a>> {
        let build = self.build.as_ref()?;
        Some(Order {
            service: &self.service.name,
            build,
            reference: &self.reference,
            platform: platform(self.service, build, &engine.identity().platform),
            image_of,
        })
    }

    /// The services whose images this one is built from.
    fn needs(&self) -> impl Iterator<Item = &ServiceName> {
        self.build.iter().flat_map(Build::services)
    }
}

/// What the image of a service is called; its own name when there is no such service, which the
/// builder then does not find.
pub(super) fn image_of(project: &Project, service: &ServiceName) -> String {
    project
        .services
        .get(service)
        .and_then(|service| survey::reference(project, service).ok())
        .unwrap_or_else(|| service.to_string())
}

/// The works in groups: what one is built from is in a group before it.
///
/// # Errors
/// Images are built from each other in a circle.
pub(super) fn waves(mut works: Vec<Work<'_>>) -> Result<Vec<Vec<Work<'_>>>> {
    let mut waves = Vec::new();
    while !works.is_empty() {
        let open: Vec<ServiceName> = works.iter().flat_map(|w| w.services.clone()).collect();
        let (later, ready): (Vec<_>, Vec<_>) = works
            .into_iter()
            .partition(|work| work.needs().any(|service| open.contains(service)));
        if ready.is_empty() {
            let names: Vec<_> = open.iter().map(|name| format!("`{name}`")).collect();
            return Err(Error::user(format!(
                "the images of services {} are built from each other in a circle",
                names.join(", ")
            ))
            .hint("remove one `service:` from `build.additional_contexts`"));
        }
        waves.push(ready);
        works = later;
    }
    Ok(waves)
}

/// The pending images, each once: services that share a build or a reference share the work.
pub(super) fn works<'a>(
    project: &'a Project,
    states: &BTreeMap<ServiceName, ImageState>,
) -> Result<Vec<Work<'a>>> {
    let mut works: Vec<Work> = Vec::new();
    for (name, state) in states {
        let ImageState::Pending {
            reference, build, ..
        } = state
        else {
            continue;
        };
        let service = project
            .services
            .get(name)
            .ok_or_else(|| Error::user(format!("service `{name}` is not in the project")))?;
        let build = service.build.clone().filter(|_| *build);
        let same = works.iter_mut().find(|work| {
            work.service.platform == service.platform
                && work.build.is_some() == build.is_some()
                && if build.is_some() {
                    work.service.build == service.build
                } else {
                    work.reference == *reference
                }
        });
        if let Some(work) = same {
            work.services.push(name.clone());
            if let Some(build) = &mut work.build {
                // One build, all names, as Compose leaves them in the engine.
                build.tags.push(reference.clone());
            }
        } else {
            works.push(Work {
                service,
                services: vec![name.clone()],
                reference: reference.clone(),
                build,
            });
        }
    }
    Ok(works)
}

/// The platform to ask for; none: the engine's own.
pub(super) fn platform<'a>(service: &'a Service, build: &'a Build, own: &str) -> Option<&'a str> {
    let listed = || match build.platforms.as_slice() {
        [] => None,
        platforms => platforms
            .iter()
            .find(|platform| *platform == own)
            .or(platforms.first()),
    };
    let wanted = service.platform.as_ref().or_else(listed)?;
    (wanted != own).then_some(wanted)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::NamedContext;
    use crate::model::fixtures::{self, service};

    fn project(services: Vec<Service>) -> (Project, BTreeMap<ServiceName, ImageState>) {
        let states = services.iter().map(|service| {
            let state = ImageState::Pending {
                reference: service.name.to_string(),
                build: service.build.is_some(),
                reason: String::new(),
                platforms: Vec::new(),
            };
            (service.name.clone(), state)
        });
        let states = states.collect();
        (fixtures::project(services), states)
    }

    fn built(name: &str, from: &[&str]) -> Service {
        let mut service = service(name);
        let contexts = from.iter().map(|from| {
            let from: ServiceName = from.parse().unwrap();
            (from.to_string(), NamedContext::Service(from))
        });
        service.build = Some(Build {
            contexts: contexts.collect(),
            ..Build::default()
        });
        service
    }

    #[test]
    fn what_an_image_is_built_from_is_built_before() {
        let (project, states) = project(vec![
            built("top", &["middle", "base"]),
            built("middle", &["base"]),
            built("base", &[]),
            service("pulled"),
        ]);
        let waves = waves(works(&project, &states).unwrap()).unwrap();
        let names: Vec<Vec<&str>> = waves
            .iter()
            .map(|wave| wave.iter().map(|work| work.service.name.as_str()).collect())
            .collect();
        assert_eq!(names, [vec!["base", "pulled"], vec!["middle"], vec!["top"]]);
        assert_eq!(image_of(&project, &"base".parse().unwrap()), "shop-base");
        let (project, states) = self::project(vec![built("a", &["b"]), built("b", &["a"])]);
        let error = super::waves(works(&project, &states).unwrap())
            .err()
            .unwrap();
        assert!(error.message().contains("`a`, `b`"), "{error}");
    }

    #[test]
    fn one_build_serves_all_services_that_ask_for_the_same() {
        let services = ["a", "b", "c"].map(|name| built(name, &[])).to_vec();
        let (project, states) = project(services);
        let works = works(&project, &states).unwrap();
        assert_eq!(works.len(), 1);
        assert_eq!(works[0].services.len(), 3);
        assert_eq!(works[0].build.as_ref().unwrap().tags, ["b", "c"]);
    }

    #[test]
    fn the_platform_is_asked_for_only_when_it_is_another() {
        let mut service = service("web");
        let mut build = Build::default();
        let own = "linux/amd64";
        assert_eq!(platform(&service, &build, own), None);
        build.platforms = vec!["linux/arm64".into(), "linux/amd64".into()];
        assert_eq!(platform(&service, &build, own), None);
        assert_eq!(
            platform(&service, &build, "linux/s390x"),
            Some("linux/arm64")
        );
        service.platform = Some("linux/arm64".into());
        assert_eq!(platform(&service, &build, own), Some("linux/arm64"));
    }
}
