//! Built images on their way into the registry that hosts pull from.

use std::collections::BTreeSet;

use super::credentials::Credentials;
use super::fault::{Asked, Fault};
use crate::docker::Found;
use crate::error::Result;
use crate::event::{Event, Events};
use crate::image::load::{self, Loaded};
use crate::image::records::Key;
use crate::image::{Store, local};
use crate::model::{Image, ImageState, Reference, Repository, ServiceName};

impl Store {
    /// What is known of an image that hosts pull: what was pushed from here, if everything was.
    #[must_use]
    pub fn published(&self, state: ImageState, to: &Repository) -> ImageState {
        let ImageState::Known(image) = state else {
            return state;
        };
        let pushed = image.all().map(|one| match one.pull {
            Some(_) => Some(one.clone()),
            None => self.pushed(one, to),
        });
        let pushed: Option<Vec<Image>> = pushed.collect();
        match pushed.and_then(Image::of_platforms) {
            Some(image) => ImageState::Known(image),
            None => ImageState::Unpublished(image),
        }
    }

    /// An image as it was pushed from here, if it was.
    #[must_use]
    pub fn pushed(&self, image: &Image, to: &Repository) -> Option<Image> {
        let pushed = self.recall(Key::Pushed(&key(image, to)))?;
        Some(named(pushed, image))
    }

    /// Pushes an image of this store and gives it back as hosts pull it.
    ///
    /// # Errors
    /// There is no engine here; the registry cannot be reached or refuses it.
    pub async fn publish(
        &self,
        service: &ServiceName,
        image: &Image,
        repository: &Repository,
        events: &Events,
    ) -> Result<Image> {
        let engine = &local::engine(events).await?;
        let credentials = Credentials::find(repository.registry()).await?;
        // Unique per content: what a release needs keeps a tag in the registry.
        let name = Reference {
            repository: repository.clone(),
            tag: Some(format!("webpods-{}", image.manifest.digest.short())),
            digest: None,
        };
        let before = load::loaded(engine, image).await?;
        load::named(engine, self, image, &name.to_string()).await?;
        // Engines say of every layer, again and again, what it is at.
        let mut told = BTreeSet::new();
        let progress = |line: &str| {
            if told.insert(line.to_owned()) {
                events.emit(Event::BuildOutput {
                    service: service.to_string(),
                    line: line.to_owned(),
                });
            }
        };
        let pushed = engine.push_image(&name, &credentials.auth, progress).await;
        // It was named for the push only.
        engine.remove_image(&name.to_string()).await.found()?;
        if before == Loaded::No {
            engine.remove_image(&image.host_tag()).await.found()?;
        }
        let (digest, size) = pushed.map_err(|error| {
            let asked = Asked {
                what: format!(
                    "the image of service `{service}` cannot be pushed to `{repository}`"
                ),
                engine,
                repository,
                credentials: &credentials,
            };
            asked.failed(error).1
        })?;
        let pinned = repository.at(digest);
        let platform = image.platform.clone();
        let pulled = Image::pulled(image.reference.clone(), pinned, size, platform);
        let pulled = named(pulled, image);
        self.remember(Key::Pushed(&key(image, repository)), &pulled)?;
        events.notice(format!(
            "service `{service}`: image {} was pushed to `{repository}`",
            pulled.manifest.digest.short()
        ));
        Ok(pulled)
    }

    /// The image of this store that was pushed, when the registry no longer has it. None: the
    /// registry has it, or nobody can say, or it was pushed elsewhere.
    pub async fn lost(&self, pushed: &Image, events: &Events) -> Option<Image> {
        let name: Reference = pushed.pull.as_ref()?.to_string().parse().ok()?;
        let built = self.recall_complete(Key::Source(pushed.source.as_ref()?))?;
        let engine = local::engine(events).await.ok()?;
        let credentials = Credentials::find(name.repository.registry()).await.ok()?;
        let refused = engine.look_up(&name, &credentials.auth).await.err()?;
        let gone = Fault::of(&refused.to_string()) == Fault::Missing;
        gone.then(|| named_as(built, pushed))
    }
}

/// Which image, pushed where.
fn key(image: &Image, repository: &Repository) -> String {
    format!("{repository} {}", image.manifest.digest)
}

/// The built image under the name that was pushed.
fn named_as(built: Image, pushed: &Image) -> Image {
    Image {
        reference: pushed.reference.clone(),
        ..built
    }
}

/// The pushed image under the name and source that it has now.
fn named(pushed: Image, image: &Image) -> Image {
    Image {
        reference: image.reference.clone(),
        source: image.source.clone(),
        ..pushed
    }
}
