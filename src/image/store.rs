//! The local blob store (spec §3.6, §20.3): everything in it can be made again.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};
use tempfile::NamedTempFile;
use tokio::sync::mpsc::UnboundedReceiver;

use super::growing::{Growth, Listeners, Tidings, Watch};
use crate::error::{Error, Explain, Result};
use crate::model::{Blob, Digest, Image};

/// Content-addressed blobs and what is known of images, in one folder.
///
/// Safe for several processes at once: files appear complete under their final name, by rename.
#[derive(Debug, Clone)]
pub struct Store {
    root: PathBuf,
    listeners: Listeners,
}

impl Store {
    /// The user's store: `$XDG_CACHE_HOME/webpods/store`, else `~/.cache/webpods/store`.
    ///
    /// # Errors
    /// Neither variable is set to an absolute path, or the folder cannot be made.
    pub fn open() -> Result<Self> {
        let absolute = |name: &str| {
            std::env::var_os(name)
                .map(PathBuf::from)
                .filter(|path| path.is_absolute())
        };
        let cache = absolute("XDG_CACHE_HOME")
            .or_else(|| absolute("HOME").map(|home| home.join(".cache")))
            .ok_or_else(|| {
                Error::user("there is no place for the image store: `HOME` is not set")
                    .hint("set `HOME` or `XDG_CACHE_HOME` to an absolute path")
            })?;
        Self::at(cache.join("webpods/store"))
    }

    /// A store in this folder, which is made when it is missing.
    ///
    /// # Errors
    /// The folder cannot be made or is not writable.
    pub fn at(root: impl Into<PathBuf>) -> Result<Self> {
        let store = Self {
            root: root.into(),
            listeners: Listeners::default(),
        };
        for folder in [store.blobs(), store.temporary()] {
            fs::create_dir_all(&folder)
                .explain(|| format!("the image store `{}` cannot be made", store.root.display()))?;
        }
        Ok(store)
    }

    /// The folder of the store.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Who is told of images that come from engines.
    pub(super) fn listeners(&self) -> &Listeners {
        &self.listeners
    }

    /// From now on, until [`Store::hush`], what comes from engines is told.
    pub fn listen(&self) -> UnboundedReceiver<Tidings> {
        self.listeners.listen()
    }

    /// Nothing is told any more.
    pub fn hush(&self) {
        self.listeners.close();
    }

    /// Where blobs are, by hexadecimal digest.
    pub(super) fn blobs(&self) -> PathBuf {
        self.root.join("blobs/sha256")
    }

    /// Where files are written before they get their name.
    pub(super) fn temporary(&self) -> PathBuf {
        self.root.join("tmp")
    }

    /// Where this blob is or would be.
    #[must_use]
    pub fn path(&self, digest: &Digest) -> PathBuf {
        self.blobs().join(digest.hex())
    }

    /// The size of a blob in bytes, when it is here.
    #[must_use]
    pub fn size(&self, digest: &Digest) -> Option<u64> {
        let found = fs::metadata(self.path(digest)).ok()?;
        found.is_file().then_some(found.len())
    }

    /// Whether the blob is here in full.
    #[must_use]
    pub fn holds(&self, blob: &Blob) -> bool {
        self.size(&blob.digest) == Some(blob.size)
    }

    /// Whether all blobs of the image are here.
    #[must_use]
    pub fn complete(&self, image: &Image) -> bool {
        image.blobs().all(|blob| self.holds(blob))
    }

    /// Opens a blob for reading and marks it as used.
    ///
    /// # Errors
    /// It is not here or cannot be read.
    pub fn read(&self, digest: &Digest) -> Result<File> {
        let path = self.path(digest);
        let file = File::open(&path).map_err(|error| {
            Error::user(format!(
                "blob `{digest}` cannot be read from the image store"
            ))
            .cause(error)
            .hint("run the command again with `--build`, or `docker pull` the image")
        })?;
        self.touch(digest);
        Ok(file)
    }

    /// The bytes of a small blob: a manifest or a configuration.
    ///
    /// # Errors
    /// As [`Store::read`], and when the blob is larger than such documents are.
    pub fn read_small(&self, digest: &Digest) -> Result<Vec<u8>> {
        let size = self.size(digest).unwrap_or(0);
        if size > super::manifest::LARGEST_DOCUMENT {
            return Err(Error::user(format!(
                "blob `{digest}` is no image document: it has {size} bytes"
            )));
        }
        let mut bytes = Vec::new();
        io::Read::read_to_end(&mut self.read(digest)?, &mut bytes)
            .explain(|| format!("blob `{digest}` cannot be read from the image store"))?;
        Ok(bytes)
    }

    /// Marks a blob as used now, for the least-recently-used order of [`Store::gc`].
    pub(super) fn touch(&self, digest: &Digest) {
        // A blob that cannot be marked is only forgotten earlier.
        if let Ok(file) = File::options().append(true).open(self.path(digest)) {
            let _ = file.set_modified(std::time::SystemTime::now());
        }
    }

    /// Whether a blob's bytes are what its digest says; if not, it is removed.
    pub(super) fn check(&self, digest: &Digest) -> bool {
        let sound = File::open(self.path(digest))
            .and_then(super::hash::digest)
            .is_ok_and(|found| found == *digest);
        if !sound {
            // When even that fails, the next transfer says so again.
            let _ = fs::remove_file(self.path(digest));
        }
        sound
    }

    /// What this store is called on hosts: the same for every command that uses it.
    pub(super) fn client(&self) -> Result<String> {
        let path = self.root.join("client");
        let is_name = |text: &String| {
            (1..=64).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric())
        };
        if let Some(name) = fs::read_to_string(&path).ok().filter(is_name) {
            return Ok(name);
        }
        let name = super::unique();
        self.write_file(&path, name.as_bytes())?;
        Ok(name)
    }

    /// Stores bytes under their digest.
    ///
    /// # Errors
    /// The store is not writable or full.
    pub fn put(&self, bytes: &[u8]) -> Result<Blob> {
        let blob = Blob {
            digest: Digest::of(bytes),
            size: bytes.len() as u64,
        };
        if self.holds(&blob) {
            self.touch(&blob.digest);
            return Ok(blob);
        }
        let mut writer = self.writer()?;
        writer
            .write_all(bytes)
            .map_err(|error| self.write_error(&error))?;
        writer.finish()
    }

    /// A blob written piece by piece.
    ///
    /// # Errors
    /// The store is not writable.
    pub fn writer(&self) -> Result<BlobWriter> {
        let file =
            NamedTempFile::new_in(self.temporary()).map_err(|error| self.write_error(&error))?;
        Ok(BlobWriter {
            store: self.clone(),
            file,
            hash: Sha256::new(),
            size: 0,
            growth: None,
        })
    }

    /// Writes a file of the store so that readers see the old or the new content, never a part.
    pub(super) fn write_file(&self, path: &Path, bytes: &[u8]) -> Result<()> {
        let write = || -> io::Result<()> {
            if let Some(folder) = path.parent() {
                fs::create_dir_all(folder)?;
            }
            let mut file = NamedTempFile::new_in(self.temporary())?;
            file.write_all(bytes)?;
            file.persist(path).map_err(|error| error.error)?;
            Ok(())
        };
        write().map_err(|error| self.write_error(&error))
    }

    pub(super) fn write_error(&self, error: &io::Error) -> Error {
        let failed = Error::user(format!(
            "the image store `{}` cannot be written",
            self.root.display()
        ))
        .cause(error);
        match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => failed.hint(format!(
                "free disk space; everything below `{}` may be deleted",
                self.root.display()
            )),
            _ => failed,
        }
    }
}

/// A blob on its way into the store; dropped without [`BlobWriter::finish`], it leaves nothing.
#[derive(Debug)]
pub struct BlobWriter {
    store: Store,
    file: NamedTempFile,
    hash: Sha256,
    size: u64,
    /// Who reads it meanwhile.
    growth: Option<Growth>,
}

impl BlobWriter {
    /// Tells of the blob, which is expected to be this one, before anything is written.
    pub(super) fn tell(&mut self, watch: &Watch, blob: Blob) {
        let then = self.store.path(&blob.digest);
        self.growth = Some(watch.grows(blob, self.file.path(), then));
    }

    /// Gives the blob its name.
    ///
    /// # Errors
    /// The store is not writable or full.
    pub fn finish(self) -> Result<Blob> {
        let blob = Blob {
            digest: Digest::from_hash(self.hash.finalize()),
            size: self.size,
        };
        self.file
            .persist(self.store.path(&blob.digest))
            .map_err(|error| self.store.write_error(&error.error))?;
        Ok(blob)
    }

    /// As [`BlobWriter::finish`] when the bytes are what `digest` says; else they are dropped and
    /// the answer is false.
    ///
    /// # Errors
    /// As [`BlobWriter::finish`].
    pub(super) fn finish_as(self, digest: &Digest) -> Result<bool> {
        if Digest::from_hash(self.hash.clone().finalize()) != *digest {
            return Ok(false);
        }
        self.finish().map(|_| true)
    }
}

impl Write for BlobWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write(bytes)?;
        self.hash.update(&bytes[..written]);
        self.size += written as u64;
        if let Some(growth) = &mut self.growth {
            growth.wrote(written as u64);
        }
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn store() -> (tempfile::TempDir, Store) {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::at(folder.path().join("store")).unwrap();
        (folder, store)
    }

    #[test]
    fn what_is_put_can_be_read_and_is_named_by_its_content() {
        let (_folder, store) = store();
        let blob = store.put(b"hello").unwrap();
        assert_eq!(blob.digest, Digest::of(b"hello"));
        assert_eq!(store.read_small(&blob.digest).unwrap(), b"hello");
        assert!(store.holds(&blob));
        assert_eq!(store.put(b"hello").unwrap(), blob);
    }

    #[test]
    fn an_unfinished_blob_leaves_nothing() {
        let (_folder, store) = store();
        let mut writer = store.writer().unwrap();
        writer.write_all(b"half").unwrap();
        drop(writer);
        for folder in [store.blobs(), store.temporary()] {
            assert_eq!(fs::read_dir(folder).unwrap().count(), 0);
        }
    }

    #[test]
    fn a_truncated_blob_does_not_count_as_held() {
        let (_folder, store) = store();
        let blob = store.put(b"hello").unwrap();
        fs::write(store.path(&blob.digest), b"hel").unwrap();
        assert!(!store.holds(&blob));
        assert_eq!(store.put(b"hello").unwrap(), blob);
        assert!(store.holds(&blob), "the damaged copy was replaced");
    }

    #[test]
    fn a_missing_blob_is_an_error_that_says_what_to_do() {
        let (_folder, store) = store();
        let error = store.read_small(&Digest::of(b"never")).unwrap_err();
        assert!(error.message().contains("image store"), "{error}");
        assert!(error.hints()[0].contains("--build"));
    }
}
