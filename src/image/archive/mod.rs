//! Reads what engines and builders write: `docker save` of every version and both image stores,
//! OCI layouts with plain, gzip or zstd layers and attestations.
//!
//! In: one tar stream, read once. Out: uncompressed layers in the store, every digest checked, and
//! the [`Image`] they make. The archive is not trusted.

mod choose;
mod layer;
mod members;

use std::io::Read;

pub(super) use self::choose::same_platform;
use self::members::Members;
use super::{Store, manifest};
use crate::error::{Error, Result};
use crate::model::Image;

/// Which image of an archive is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wanted<'a> {
    /// The name the image will have.
    pub reference: &'a str,
    /// `os/architecture[/variant]`, for archives that hold several; none: the only one.
    pub platform: Option<&'a str>,
}

impl Store {
    /// Reads an image from an archive into the store.
    ///
    /// # Errors
    /// The archive is truncated, damaged or hostile, or holds no image that matches; the store is
    /// full. Nothing but complete blobs is left in the store.
    pub fn import(&self, archive: impl Read, wanted: Wanted) -> Result<Image> {
        let explain =
            |error: Error| error.context(format!("image `{}` cannot be read", wanted.reference));
        let members = Members::read(self, archive).map_err(explain)?;
        let chosen = choose::choose(&members, wanted).map_err(explain)?;
        let layers = chosen
            .layers
            .iter()
            .map(|path| members.blob(path))
            .collect::<Result<Vec<_>>>()
            .map_err(explain)?;
        manifest::normalise(self, wanted.reference, &chosen.config, layers)
    }
}

#[cfg(test)]
mod tests;
