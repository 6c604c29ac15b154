//! Reads what engines and builders write: `docker save` of every version and both image stores,
//! OCI layouts with plain, gzip or zstd layers and attestations, as archives or as folders.
//!
//! In: one tar stream, read once, or a folder. Out: uncompressed layers in the store, every digest
//! checked, and the [`Image`]s they make. The archive is not trusted.

mod choose;
mod folder;
mod layer;
mod members;

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{BufReader, Read, Seek};
use std::path::Path;

use self::choose::{Found, choose, images};
pub(super) use self::choose::{in_full, same_platform};
pub(super) use self::layer::WRITERS;
use self::members::Members;
use super::growing::Watch;
use super::{Store, manifest};
use crate::error::{Error, Explain, Result};
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
        self.import_watched(archive, wanted, None)
    }

    /// As [`Store::import`]; tells of the image's layers while they come.
    pub(super) fn import_watched(
        &self,
        archive: impl Read,
        wanted: Wanted,
        watch: Option<&Watch>,
    ) -> Result<Image> {
        Members::read(self, archive, watch)
            .and_then(|members| Archive::new(self, members))
            .and_then(|archive| archive.image(archive.images.iter(), wanted))
            .map_err(|error| error.context(format!("image `{}` cannot be read", wanted.reference)))
    }
}

/// An archive of any number of images.
pub(super) struct Archive<'a> {
    store: &'a Store,
    members: Members<'a>,
    images: Vec<Found>,
}

impl<'a> Archive<'a> {
    /// Opens a file, compressed or not, or a folder.
    ///
    /// # Errors
    /// It cannot be read, is damaged or hostile; the store is full.
    pub(super) fn open(store: &'a Store, path: &Path) -> Result<Self> {
        let shown = path.display();
        let unreadable = || format!("`{shown}` cannot be read");
        let found = std::fs::metadata(path).explain(unreadable)?;
        if !found.is_file() && !found.is_dir() {
            return Err(Error::user(format!(
                "`{shown}` is neither a file nor a folder, and an archive is not read from a pipe"
            ))
            .hint(
                "write it into a file first, like `docker save -o images.tar …`, and name that",
            ));
        }
        let mut file = File::open(path).explain(unreadable)?;
        let opened = if found.is_dir() {
            Members::folder(store, path)
        } else {
            let mut start = [0; 4];
            let compressed = file.read(&mut start).explain(unreadable)? == start.len();
            file.rewind().explain(unreadable)?;
            let file = BufReader::with_capacity(256 << 10, file);
            match start {
                [0x1f, 0x8b, ..] if compressed => {
                    Members::read(store, flate2::read::MultiGzDecoder::new(file), None)
                }
                [0x28, 0xb5, 0x2f, 0xfd] if compressed => {
                    let unpacked = zstd::stream::read::Decoder::with_buffer(file);
                    Members::read(store, unpacked.explain(unreadable)?, None)
                }
                _ => Members::read(store, file, None),
            }
        };
        opened
            .and_then(|members| Self::new(store, members))
            .map_err(|error| error.context(format!("archive `{shown}` cannot be used")))
    }

    fn new(store: &'a Store, members: Members<'a>) -> Result<Self> {
        let images = images(&members)?;
        Ok(Self {
            store,
            members,
            images,
        })
    }

    /// Whether it holds no image at all.
    pub(super) fn is_empty(&self) -> bool {
        self.images.is_empty()
    }

    /// What its images are called; an image without a name is not among them.
    pub(super) fn names(&self) -> BTreeSet<&str> {
        let names = self.images.iter().flat_map(|image| &image.names);
        names.map(String::as_str).collect()
    }

    /// The image of this name; none: no image is called so.
    ///
    /// # Errors
    /// It is for other platforms, or damaged; the store is full.
    pub(super) fn named(&self, wanted: Wanted) -> Result<Option<Image>> {
        let name = in_full(wanted.reference);
        let mut named = self
            .images
            .iter()
            .filter(|image| image.names.contains(&name))
            .peekable();
        if named.peek().is_none() {
            return Ok(None);
        }
        self.fitting(named, wanted).map(Some)
    }

    /// Its only image, whatever it is called there; none: it holds several.
    ///
    /// # Errors
    /// As [`Archive::named`].
    pub(super) fn only(&self, wanted: Wanted) -> Result<Option<Image>> {
        let names = &self.images.first().map(|image| &image.names);
        let same = self.images.iter().all(|image| Some(&image.names) == *names);
        if self.images.is_empty() || !same {
            return Ok(None);
        }
        self.fitting(self.images.iter(), wanted).map(Some)
    }

    fn fitting<'f>(
        &self,
        images: impl Iterator<Item = &'f Found>,
        wanted: Wanted,
    ) -> Result<Image> {
        let image = self.image(images, wanted)?;
        match wanted.platform {
            Some(platform) if !same_machine(&image.platform, platform) => {
                Err(Error::user(format!(
                    "image `{}` of the archive is for `{}`, and `{platform}` is wanted",
                    wanted.reference, image.platform
                )))
            }
            _ => Ok(image),
        }
    }

    fn image<'f>(&self, images: impl Iterator<Item = &'f Found>, wanted: Wanted) -> Result<Image> {
        let found = choose(images, wanted.platform)?;
        let layers = found.layers.iter().map(|path| self.members.blob(path));
        let layers = layers.collect::<Result<Vec<_>>>()?;
        manifest::normalise(self.store, wanted.reference, &found.config, layers)
    }
}

/// Whether a program for one runs on the other: a variant that one side leaves out does not matter.
pub(super) fn same_machine(made: &str, wanted: &str) -> bool {
    let mut pairs = made.split('/').zip(wanted.split('/'));
    pairs.all(|(made, wanted)| made == wanted)
}

#[cfg(test)]
mod tests;
