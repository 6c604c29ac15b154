//! Builds and pulls what a survey found pending.

use std::collections::BTreeMap;

use futures_util::{StreamExt, TryStreamExt, stream};

use super::build::Docker;
use super::records::Key;
use super::{Store, local, survey};
use crate::docker::{Engine, Found};
use crate::error::{Error, Result};
use crate::event::{Event, Events};
use crate::model::{Build, Image, ImageState, Project, Service, ServiceName};

/// Builds and pulls at once.
const AT_ONCE: usize = 4;

impl Store {
    /// Builds or pulls what is pending, with this machine's engine, and exports it into the store.
    /// Afterwards every state is [`ImageState::Known`].
    ///
    /// # Errors
    /// No engine on this machine; a build or pull fails, with its last lines; the store is full.
    pub async fn realise(
        &self,
        project: &Project,
        mut states: BTreeMap<ServiceName, ImageState>,
        events: &Events,
    ) -> Result<BTreeMap<ServiceName, ImageState>> {
        let works = works(project, &states)?;
        if works.is_empty() {
            return Ok(states);
        }
        let engine = &local::engine(events).await?;
        let socket = engine.host().engine_socket().await?;
        let docker = &Docker::find(&socket).await;
        let done: Vec<(Vec<ServiceName>, Image)> = stream::iter(works)
            .map(|work| async move {
                let image = match &work.build {
                    Some(build) => {
                        let docker = docker.as_ref().ok_or_else(no_docker)?;
                        self.build(docker, engine, &work, build, events).await?
                    }
                    None => self.pull(docker.as_ref(), engine, &work, events).await?,
                };
                Ok::<_, Error>((work.services, image))
            })
            .buffer_unordered(AT_ONCE)
            .try_collect()
            .await?;
        for (services, image) in done {
            for service in services {
                let mut image = image.clone();
                if let Some(ImageState::Pending { reference, .. }) = states.get(&service) {
                    image.reference.clone_from(reference);
                }
                states.insert(service, ImageState::Known(image));
            }
        }
        self.gc_in_background();
        Ok(states)
    }

    async fn build(
        &self,
        docker: &Docker,
        engine: &Engine,
        work: &Work<'_>,
        build: &Build,
        events: &Events,
    ) -> Result<Image> {
        let service = work.service;
        let before = survey::fingerprint(self, service, build).await?;
        let platform = platform(service, build, &engine.identity().platform);
        let mut named = build.clone();
        // One build, all names, as Compose leaves them in the engine.
        named.tags.extend(work.also.iter().cloned());
        let made = docker
            .build(service, &named, &work.reference, platform, events)
            .await?;
        // What builders say they made is not always what the engine calls it.
        let found = match engine.image_content(&made).await.found()? {
            Some(found) => Some(found),
            None => engine.image_content(&work.reference).await.found()?,
        };
        let id = found.map(|found| found.id).ok_or_else(|| {
            Error::user(format!(
                "the image of service `{}` was built and is not in this machine's Docker",
                service.name
            ))
            .hint("`docker buildx use default` builds where images are kept")
        })?;
        let mut image = self.obtain(engine, &id, &work.reference, platform).await?;
        if let Some(wanted) = platform
            && !made_for(&image.platform, wanted)
        {
            return Err(wrong_platform(service, &image.platform, wanted));
        }
        let after = survey::fingerprint(self, service, build).await?;
        if before == after {
            image.source = Some(before.clone());
            self.remember(Key::Source(&before), &image)?;
        } else {
            events.warn(format!(
                "the source of service `{}` changed while it was being built",
                service.name
            ));
        }
        self.remember(Key::Reference(&work.reference), &image)?;
        Ok(image)
    }

    async fn pull(
        &self,
        docker: Option<&Docker>,
        engine: &Engine,
        work: &Work<'_>,
        events: &Events,
    ) -> Result<Image> {
        let service = work.service.name.as_str();
        let platform = work.service.platform.as_deref();
        let reference = work.reference.as_str();
        let failed = |cause: String| {
            Error::user(format!(
                "image `{reference}` of service `{service}` cannot be pulled"
            ))
            .cause(cause)
            .hint("check its name and tag, and `docker login` if it is private")
            .hint(format!(
                "if it is your own: add `build` to service `{service}`"
            ))
        };
        if let Some(docker) = docker {
            // It knows the user's credentials and their helpers.
            let pulled = docker.pull(service, reference, platform, events).await;
            pulled.map_err(|lines| failed(lines.join("\n")))?;
        } else {
            let progress = |line: &str| {
                events.emit(Event::BuildOutput {
                    service: service.to_owned(),
                    line: line.to_owned(),
                });
            };
            let pulled = engine.pull_image(reference, platform, progress).await;
            pulled.map_err(|error| failed(error.to_string()))?;
        }
        let id = engine.image_content(reference).await?.id;
        let image = self.obtain(engine, &id, reference, platform).await?;
        self.remember(Key::Reference(reference), &image)?;
        Ok(image)
    }
}

/// One image to make, and the services that use it.
struct Work<'a> {
    service: &'a Service,
    services: Vec<ServiceName>,
    reference: String,
    /// What the other services call it.
    also: Vec<String>,
    build: Option<Build>,
}

/// The pending images, each once: services that share a build or a reference share the work.
fn works<'a>(
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
            work.build == build
                && work.service.platform == service.platform
                && (build.is_some() || work.reference == *reference)
        });
        if let Some(work) = same {
            work.services.push(name.clone());
            work.also.push(reference.clone());
        } else {
            works.push(Work {
                service,
                services: vec![name.clone()],
                reference: reference.clone(),
                also: Vec::new(),
                build,
            });
        }
    }
    Ok(works)
}

/// The platform to ask for; none: the engine's own.
fn platform<'a>(service: &'a Service, build: &'a Build, own: &str) -> Option<&'a str> {
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

/// Whether an image of platform `made` is what was asked for; a variant that one side leaves out
/// does not matter.
fn made_for(made: &str, wanted: &str) -> bool {
    let alike = |(a, b): (&str, &str)| a == b;
    made.split('/').zip(wanted.split('/')).all(alike)
}

fn wrong_platform(service: &Service, made: &str, wanted: &str) -> Error {
    Error::user(format!(
        "service `{}` asks for platform `{wanted}`, but the build made an image for `{made}`",
        service.name
    ))
    .hint("Docker's classic builder ignores `platform`: install buildx (BuildKit) on this machine")
    .hint("or remove `platform` from the service to deploy to hosts of this machine's kind")
}

fn no_docker() -> Error {
    Error::user("there is no `docker` command on this machine, which builds images")
        .hint("install the Docker CLI, or build elsewhere and name the result in `image:`")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_variant_left_out_is_no_other_platform() {
        assert!(made_for("linux/arm/v7", "linux/arm"));
        assert!(made_for("linux/amd64", "linux/amd64"));
        assert!(!made_for("linux/amd64", "linux/arm64"));
        assert!(!made_for("linux/arm/v6", "linux/arm/v7"));
    }

    #[test]
    fn the_platform_is_asked_for_only_when_it_is_another() {
        let service: Service = serde_json::from_value(serde_json::json!({
            "name": "web", "image": null, "build": null, "platform": null, "replicas": 1,
            "placement": {"hosts": null, "strategy": "spread", "max_per_host": null,
                          "min_hosts": null},
            "ingress": [], "template": {}, "mounts": [], "files": [], "networks": {},
            "network_mode": null, "ports": [], "depends_on": {}, "container_name": null,
            "stop_grace": {"secs": 10, "nanos": 0}, "healthcheck": false, "parallelism": 1,
            "update_order": null, "rollout": "rolling",
        }))
        .unwrap();
        let mut build = Build::default();
        let own = "linux/amd64";
        assert_eq!(platform(&service, &build, own), None);
        build.platforms = vec!["linux/arm64".into(), "linux/amd64".into()];
        assert_eq!(platform(&service, &build, own), None);
        assert_eq!(
            platform(&service, &build, "linux/s390x"),
            Some("linux/arm64")
        );
        let mut service = service;
        service.platform = Some("linux/arm64".into());
        assert_eq!(platform(&service, &build, own), Some("linux/arm64"));
    }
}
