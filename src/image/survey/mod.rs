//! What is known of each service's image before anything is built or pulled.

use std::collections::BTreeMap;

use futures_util::future::try_join_all;

use super::archive::same_platform;
use super::records::Key;
use super::{Store, source, works};
use crate::docker::{Engine, Found};
use crate::error::{Error, Result};
use crate::model::{Digest, Image, ImageState, Project, Service, ServiceName};

/// When services with `build:` are built.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum BuildMode {
    /// When their source is not the one of a known image.
    #[default]
    Auto,
    /// `--build`: always.
    Always,
    /// `--no-build`: never; the last image is used.
    Never,
}

impl Store {
    /// Finds out, per service, whether its image is known or must be built or pulled.
    ///
    /// `services` limits the question; empty means all. `recorded` are the images of the active
    /// release. Without a `local` engine only the store and the release are looked at.
    ///
    /// Images that the engine holds are exported into the store, so that a plan can say what will
    /// be shipped.
    ///
    /// # Errors
    /// A build context cannot be read; a service has neither image nor build; with
    /// [`BuildMode::Never`] an image that was never built; the engine fails.
    pub async fn survey(
        &self,
        project: &Project,
        services: &[ServiceName],
        mode: BuildMode,
        recorded: &BTreeMap<ServiceName, Image>,
        local: Option<&Engine>,
    ) -> Result<BTreeMap<ServiceName, ImageState>> {
        let chosen = project
            .services
            .values()
            .filter(|service| services.is_empty() || services.contains(&service.name));
        let states = chosen.map(|service| async {
            let asked = Asked {
                store: self,
                project,
                service,
                reference: reference(project, service)?,
                recorded: recorded.get(&service.name),
                local,
            };
            let state = match &service.build {
                Some(_) => asked.built(mode).await?,
                None => asked.pulled().await?,
            };
            Ok::<_, Error>((service.name.clone(), state))
        });
        Ok(try_join_all(states).await?.into_iter().collect())
    }
}

/// What a service's image is called: `image:`, else `<project>-<service>` as Compose has it.
///
/// # Errors
/// The service has neither image nor build.
pub fn reference(project: &Project, service: &Service) -> Result<String> {
    match (&service.image, &service.build) {
        (Some(image), _) => Ok(image.clone()),
        (None, Some(_)) => Ok(format!("{}-{}", project.name, service.name).to_lowercase()),
        (None, None) => Err(Error::user(format!(
            "service `{}` has neither `image` nor `build`",
            service.name
        ))
        .hint("add one of them to the Compose file")),
    }
}

/// The fingerprint of a service's source, made on a thread that may block.
pub(super) async fn fingerprint(
    store: &Store,
    project: &Project,
    service: &Service,
) -> Result<Digest> {
    let (store, project, service) = (store.clone(), project.clone(), service.clone());
    tokio::task::spawn_blocking(move || source::of(&store, &project, &service))
        .await
        .unwrap_or_else(|error| Err(Error::user("the source cannot be read").cause(error)))
}

struct Asked<'a> {
    store: &'a Store,
    project: &'a Project,
    service: &'a Service,
    reference: String,
    recorded: Option<&'a Image>,
    local: Option<&'a Engine>,
}

impl Asked<'_> {
    /// `pull_policy`, when it is this one.
    fn policy(&self, name: &str) -> bool {
        self.service.pull_policy.as_deref() == Some(name)
    }

    async fn built(&self, mode: BuildMode) -> Result<ImageState> {
        if mode == BuildMode::Auto && self.policy("build") {
            return Ok(self.pending(true, "`pull_policy: build`"));
        }
        if mode == BuildMode::Always {
            return Ok(self.pending(true, "--build"));
        }
        let fingerprint = fingerprint(self.store, self.project, self.service).await;
        let fingerprint = match (fingerprint, mode) {
            (Ok(fingerprint), _) => Some(fingerprint),
            // Without a build the source is not needed; a CI job may not even have it.
            (Err(_), BuildMode::Never) => None,
            (Err(error), _) => return Err(error),
        };
        let known = fingerprint.as_ref().and_then(|source| self.known(source));
        if let Some(image) = known {
            return Ok(self.named(image));
        }
        let last = self.last();
        if mode == BuildMode::Never {
            return self.last_built(last);
        }
        let same_source = |image: &Image| image.source == fingerprint;
        Ok(self.pending(
            true,
            if self.recorded.is_some() {
                "source changed since the active release"
            } else if last.as_ref().is_some_and(same_source) {
                "its image is no longer in the local store"
            } else if last.is_some() {
                "source changed since the last build"
            } else {
                "never built"
            },
        ))
    }

    /// The image that this source became, here or in the active release.
    fn known(&self, source: &Digest) -> Option<Image> {
        self.store
            .recall_complete(Key::Source(source))
            .filter(|image| self.right_platform(image))
            .or_else(|| {
                let mut recorded = self.recorded();
                recorded.find(|image| image.source.as_ref() == Some(source))
            })
    }

    /// What the active release has for the platform that is asked for.
    fn recorded(&self) -> impl Iterator<Item = Image> {
        let all = self.recorded.into_iter().flat_map(Image::all);
        all.map(Image::alone)
            .filter(|image| self.right_platform(image))
    }

    /// What the name stood for here last, for this machine's platform where none is asked for.
    fn last(&self) -> Option<Image> {
        let own = self.local.map(|engine| engine.identity().platform.as_str());
        let platform = self.service.platform.as_deref().or(own);
        self.store.recall_named(&self.reference, platform)
    }

    fn last_built(&self, last: Option<Image>) -> Result<ImageState> {
        let complete = last.filter(|image| self.store.complete(image));
        match complete.or_else(|| self.recorded().next()) {
            Some(image) => Ok(self.named(image)),
            None => Err(Error::user(format!(
                "service `{}` was never built, and `--no-build` forbids it now",
                self.service.name
            ))
            .hint(format!(
                "run `webpods build {}`, or leave out `--no-build`",
                self.service.name
            ))),
        }
    }

    async fn pulled(&self) -> Result<ImageState> {
        if self.policy("always") {
            return Ok(self.pending(false, "`pull_policy: always`"));
        }
        if let Some(engine) = self.local
            && let Some(image) = self.in_engine(engine).await?
        {
            return Ok(self.named(image));
        }
        let last = self.last().filter(|image| self.store.complete(image));
        let last = last.filter(|image| self.right_platform(image));
        let known = last.or_else(|| {
            let mut recorded = self.recorded();
            recorded.find(|image| image.reference == self.reference)
        });
        Ok(match known {
            Some(image) => self.named(image),
            None if self.policy("never") => {
                return Err(Error::user(format!(
                    "the image `{}` of service `{}` is not here, and `pull_policy: never` forbids \
                     to pull it",
                    self.reference, self.service.name
                ))
                .hint(format!(
                    "build or load it: `docker pull {}`",
                    self.reference
                )));
            }
            None => self.pending(false, "not on this machine"),
        })
    }

    /// The image as this machine's engine has it, exported into the store.
    async fn in_engine(&self, engine: &Engine) -> Result<Option<Image>> {
        let Some(found) = engine.image_content(&self.reference).await.found()? else {
            return Ok(None);
        };
        let platform = self.service.platform.as_deref();
        let have = format!("{}/{}", found.os, found.architecture);
        let wanted = platform.map(|platform| platform.splitn(3, '/').take(2).collect::<Vec<_>>());
        if wanted.is_some_and(|wanted| wanted.join("/") != have) {
            return Ok(None);
        }
        let image = self
            .store
            .obtain(engine, &found.id, &self.reference, platform)
            .await?;
        if !self.right_platform(&image) {
            return Ok(None);
        }
        self.store.remember_named(&self.reference, &image)?;
        Ok(Some(image))
    }

    fn right_platform(&self, image: &Image) -> bool {
        let wanted = self.service.platform.as_deref();
        wanted.is_none_or(|wanted| same_platform(&image.platform, wanted))
    }

    fn named(&self, mut image: Image) -> ImageState {
        image.reference.clone_from(&self.reference);
        ImageState::Known(image)
    }

    fn pending(&self, build: bool, reason: &str) -> ImageState {
        ImageState::Pending {
            reference: self.reference.clone(),
            build,
            reason: reason.to_owned(),
            platforms: self.platform().into_iter().collect(),
        }
    }

    /// The platform that it will be for, as far as that is known.
    fn platform(&self) -> Option<String> {
        let own = self.local.map(|engine| engine.identity().platform.as_str());
        let asked = match (&self.service.build, own) {
            (Some(build), Some(own)) => works::platform(self.service, build, own),
            _ => self.service.platform.as_deref(),
        };
        asked.or(own).map(str::to_owned)
    }
}

#[cfg(test)]
mod tests;
