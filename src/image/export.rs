//! From an engine of this machine into the store, streamed.

use super::records::Key;
use super::{Store, Wanted, pipe};
use crate::docker::Engine;
use crate::error::{Error, Result};
use crate::model::Image;

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
        let archive = engine.export_images(&[id]).await?;
        let store = self.clone();
        let name = reference.to_owned();
        let platform = platform.unwrap_or(&engine.identity().platform).to_owned();
        pipe::read(archive, move |reader| {
            let wanted = Wanted {
                reference: &name,
                platform: Some(&platform),
            };
            store.import(reader, wanted)
        })
        .await
        .unwrap_or_else(|error| {
            Err(Error::user(format!("image `{reference}` cannot be exported")).cause(error))
        })
    }
}
