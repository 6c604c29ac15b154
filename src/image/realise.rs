//! Builds and pulls what a survey found pending.

use std::collections::BTreeMap;

use futures_util::{StreamExt, TryStreamExt, stream};

use super::build::{Docker, Order};
use super::records::Key;
use super::works::{Work, image_of, waves, works};
use super::{Store, load, local, registry, survey};
use crate::docker::{Engine, Found};
use crate::error::{Error, Result};
use crate::event::{Event, Events};
use crate::model::{Image, ImageState, Project, Service, ServiceName, machine};

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
        let docker = &Docker::find(&socket, engine).await;
        let image_of = &|name: &ServiceName| image_of(project, name);
        if let Some(docker) = docker {
            docker.check(works.iter().filter_map(|work| work.order(engine, image_of)))?;
        }
        let mut done: Vec<(Vec<ServiceName>, Image)> = Vec::new();
        for wave in waves(works)? {
            let made: Vec<_> = stream::iter(wave)
                .map(|work| async move {
                    let image = match work.order(engine, image_of) {
                        Some(order) => {
                            let docker = docker.as_ref().ok_or_else(no_docker)?;
                            self.build(docker, engine, project, &work, &order, events)
                                .await?
                        }
                        None => self.pull(docker.as_ref(), engine, &work, events).await?,
                    };
                    Ok::<_, Error>((work.services, image))
                })
                .buffer_unordered(AT_ONCE)
                .try_collect()
                .await?;
            done.extend(made);
        }
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

    /// Refuses what cannot be built here, before anything is.
    ///
    /// # Errors
    /// No engine on this machine; every service that no builder here can make, with why.
    pub async fn check_builds(
        &self,
        project: &Project,
        states: &BTreeMap<ServiceName, ImageState>,
        events: &Events,
    ) -> Result<()> {
        let works = works(project, states)?;
        if works.iter().all(|work| work.build.is_none()) {
            return Ok(());
        }
        let engine = &local::engine(events).await?;
        let socket = engine.host().engine_socket().await?;
        let docker = Docker::find(&socket, engine).await.ok_or_else(no_docker)?;
        let image_of = &|name: &ServiceName| image_of(project, name);
        docker.check(works.iter().filter_map(|work| work.order(engine, image_of)))
    }

    async fn build(
        &self,
        docker: &Docker,
        engine: &Engine,
        project: &Project,
        work: &Work<'_>,
        order: &Order<'_>,
        events: &Events,
    ) -> Result<Image> {
        let service = work.service;
        let platform = order.platform;
        let before = survey::fingerprint(self, project, service).await?;
        for other in order.build.services() {
            self.supply(engine, &image_of(project, other), platform)
                .await?;
        }
        let made = docker.build(order, events).await?;
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
        let obtained = self.obtain(engine, &id, &work.reference, platform).await;
        let mut image = obtained.map_err(|error| without_layers(error, service))?;
        if let Some(wanted) = platform
            && !made_for(&image.platform, wanted)
        {
            return Err(wrong_platform(service, &image.platform, wanted));
        }
        let after = survey::fingerprint(self, project, service).await?;
        if before == after {
            image.source = Some(before.clone());
            self.remember(Key::Source(&before), &image)?;
        } else {
            events.warn(format!(
                "the source of service `{}` changed while it was being built",
                service.name
            ));
        }
        self.remember_named(&work.reference, &image)?;
        Ok(image)
    }

    /// Makes sure that the engine has what another image is built from.
    async fn supply(&self, engine: &Engine, reference: &str, platform: Option<&str>) -> Result<()> {
        let platform = platform.unwrap_or(&engine.identity().platform);
        let found = engine.image_content(reference).await.found()?;
        let there = found.map(|found| format!("{}/{}", found.os, found.architecture));
        // Its name may stand for another platform's, which was made last.
        let fits = |have: &String| machine(have) == machine(platform);
        if there.as_ref().is_some_and(fits) {
            return Ok(());
        }
        // A build that finds none pulls it, or says that it cannot.
        let known = self.recall_named(reference, Some(platform));
        match known.filter(|image| self.complete(image) && fits(&image.platform)) {
            Some(image) => load::named(engine, self, &image, reference).await,
            None => Ok(()),
        }
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
            let error = Error::user(format!(
                "image `{reference}` of service `{service}` cannot be pulled"
            ))
            .cause(cause.as_str());
            let advised = registry::advice(error, reference, &cause);
            advised.hint(format!(
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
        let obtained = self.obtain(engine, &id, reference, platform).await;
        let image = obtained.map_err(|error| without_layers(error, work.service))?;
        self.remember_named(reference, &image)?;
        Ok(image)
    }
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

/// Says which image it was that an engine did not hand out because nothing is in it.
fn without_layers(error: Error, service: &Service) -> Error {
    let empty = |cause: &String| cause.contains("empty export");
    if !error.causes().iter().any(empty) {
        return error;
    }
    let message = format!(
        "the image of service `{}` has no layers, and this machine's Docker hands out no such image",
        service.name
    );
    let advice = "copy at least one file into it: `COPY` or `ADD` in its Dockerfile makes a layer";
    error.context(message).hint(advice)
}

fn no_docker() -> Error {
    Error::user("there is no `docker` command on this machine, which builds images")
        .hint("install the Docker CLI, or build elsewhere and name the result in `image:`")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_that_is_not_handed_out_is_named() {
        let service = crate::model::fixtures::service("web");
        let refusal = Error::user("cannot export").cause("empty export - not implemented");
        let told = without_layers(refusal, &service);
        assert!(told.message().contains("`web` has no layers"), "{told:?}");
        assert_eq!(told.causes().len(), 2, "{told:?}");
        assert!(told.hints()[0].contains("COPY"), "{told:?}");
        let other = without_layers(Error::user("disk").cause("full"), &service);
        assert_eq!(other.message(), "disk");
    }

    #[test]
    fn a_variant_left_out_is_no_other_platform() {
        assert!(made_for("linux/arm/v7", "linux/arm"));
        assert!(made_for("linux/amd64", "linux/amd64"));
        assert!(!made_for("linux/amd64", "linux/arm64"));
        assert!(!made_for("linux/arm/v6", "linux/arm/v7"));
    }
}
