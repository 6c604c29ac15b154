//! Indexes in the local store: of blobs that are here, and of blobs that only hosts have.

use std::fs;
use std::io;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use super::form::LARGEST;
use super::index::Index;
use crate::error::Result;
use crate::image::Store;
use crate::model::{Blob, Digest};

/// One index is made at a time: several hosts want the same one, and each takes memory.
static MAKING: Mutex<()> = Mutex::new(());

impl Store {
    /// Where indexes are, by the blob's hexadecimal digest.
    pub(in crate::image) fn indexes(&self) -> PathBuf {
        self.root().join("indexes")
    }

    /// The index of a blob that is here; made when it is not kept. Nothing: the blob is better
    /// sent whole. Takes as long as reading the blob, so it belongs on a thread that may block.
    ///
    /// # Errors
    /// The blob cannot be read to its end.
    pub(in crate::image) fn index(&self, blob: &Blob) -> Result<Option<Index>> {
        let _alone = MAKING.lock().unwrap_or_else(PoisonError::into_inner);
        match self.kept(&blob.digest) {
            // What cannot be cut is remembered by an empty file.
            Some(bytes) if bytes.is_empty() => return Ok(None),
            Some(bytes) => {
                let index = Index::parse(&bytes, &blob.digest);
                if let Some(index) = index.filter(|index| index.size() == blob.size) {
                    return Ok(Some(index));
                }
            }
            None => {}
        }
        let unreadable = |error: io::Error| {
            crate::error::Error::user(format!(
                "blob `{}` cannot be read from the image store",
                blob.digest
            ))
            .cause(error)
            .hint("run the command again with `--build`")
        };
        let file = self.read(&blob.digest)?;
        let index = Index::of(file, &blob.digest, blob.size).map_err(unreadable)?;
        let bytes = match &index {
            Some(index) => index.to_bytes().map_err(unreadable)?,
            None => Vec::new(),
        };
        let index = index.filter(|_| bytes.len() as u64 <= LARGEST);
        // One that cannot be kept is made again next time.
        let _ = self.keep_index(&blob.digest, if index.is_some() { &bytes } else { &[] });
        Ok(index)
    }

    /// The file of an index, as far as it is kept here.
    pub(in crate::image) fn kept(&self, digest: &Digest) -> Option<Vec<u8>> {
        let path = self.indexes().join(digest.hex());
        let bytes = fs::read(&path).ok()?;
        // Those that are not used for long go.
        if let Ok(file) = fs::File::options().append(true).open(path) {
            let _ = file.set_modified(std::time::SystemTime::now());
        }
        Some(bytes)
    }

    /// Forgets an index that led to something else than the blob.
    pub(in crate::image) fn forget_index(&self, digest: &Digest) {
        // It is made or fetched again when it is wanted.
        let _ = fs::remove_file(self.indexes().join(digest.hex()));
    }

    /// Keeps the file of an index.
    ///
    /// # Errors
    /// The store is not writable or full.
    pub(in crate::image) fn keep_index(&self, digest: &Digest, bytes: &[u8]) -> Result<()> {
        self.write_file(&self.indexes().join(digest.hex()), bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_index_is_made_once_and_made_again_when_it_is_damaged() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::at(folder.path()).unwrap();
        let bytes: Vec<u8> = (0u32..100_000).flat_map(u32::to_le_bytes).collect();
        let blob = store.put(&bytes).unwrap();
        let index = store.index(&blob).unwrap().unwrap();
        let path = store.indexes().join(blob.digest.hex());
        let kept = fs::read(&path).unwrap();
        assert_eq!(kept, index.to_bytes().unwrap());

        fs::remove_file(store.path(&blob.digest)).unwrap();
        assert_eq!(store.index(&blob).unwrap(), Some(index));
        fs::write(&path, &kept[..kept.len() - 5]).unwrap();
        assert!(store.index(&blob).is_err(), "the blob is gone");
        store.put(&bytes).unwrap();
        store.index(&blob).unwrap();
        assert_eq!(fs::read(&path).unwrap(), kept);

        fs::write(&path, "").unwrap();
        assert_eq!(store.index(&blob).unwrap(), None);
    }
}
