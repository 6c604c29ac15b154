//! From an engine of this machine into the store, streamed.

use super::growing::{Coming, Tidings, Watch};
use super::records::Key;
use super::{Store, Wanted, pipe};
use crate::docker::Engine;
use crate::error::{Error, Result};
use crate::model::{Digest, Image};

impl Store {
    /// The image that the engine calls `id`, under `reference`; exported unless it is here.
    ///
    /// # Errors
    /// The engine does not have it or breaks off; the archive is damaged; the store is full.
    pub(super) async fn obtain(
        &self,
        engine: &Engine,
        id: &str,
        reference: &str,
        platform: Option<&str>,
    ) -> Result<Image> {
        let mut image = match self.recall_complete(Key::Engine(id)) {
            Some(image) => image,
            None => self.export(engine, id, reference, platform).await?,
        };
        reference.clone_into(&mut image.reference);
        image.source = None;
        for blob in image.blobs() {
            self.touch(&blob.digest);
        }
        self.remember(Key::Engine(id), &image)?;
        Ok(image)
    }

    async fn export(
        &self,
        engine: &Engine,
        id: &str,
        reference: &str,
        platform: Option<&str>,
    ) -> Result<Image> {
        let watch = self.watch(engine, id, reference).await;
        let archive = engine.export_images(&[id]).await?;
        let store = self.clone();
        let name = reference.to_owned();
        let platform = platform.unwrap_or(&engine.identity().platform).to_owned();
        let image = pipe::read(archive, move |reader| {
            let wanted = Wanted {
                reference: &name,
                platform: Some(&platform),
            };
            store.import_watched(reader, wanted, watch.as_ref())
        })
        .await
        .unwrap_or_else(|error| {
            Err(Error::user(format!("image `{reference}` cannot be exported")).cause(error))
        })?;
        let here = Tidings::Here(id.to_owned(), image.clone());
        self.listeners().tell(here);
        Ok(image)
    }

    /// Tells that an image is coming, when somebody wants to know.
    async fn watch(&self, engine: &Engine, id: &str, reference: &str) -> Option<Watch> {
        if !engine.host().is_local() || !self.listeners().any() {
            return None;
        }
        // An engine that does not know the image says so when it is to hand it out.
        let found = engine.image_content(id).await.ok()?;
        let layers = found.layers().iter().map(|layer| layer.parse().ok());
        let layers = layers.collect::<Option<Vec<Digest>>>()?;
        self.listeners().tell(Tidings::Begun(Coming {
            id: id.to_owned(),
            reference: reference.to_owned(),
            platform: format!("{}/{}", found.os, found.architecture),
            layers: layers.clone(),
            size: u64::try_from(found.size).unwrap_or_default(),
        }));
        Some(Watch {
            layers,
            listeners: self.listeners().clone(),
        })
    }
}
