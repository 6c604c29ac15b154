//! An OCI layout as a folder, or an unpacked `docker save`. Nothing is read outside of it, and
//! nothing that is not a file.

use std::cell::RefCell;
use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::layer::Stored;
use super::members::{stored, within};
use crate::error::{Error, Explain, Result};
use crate::image::Store;
use crate::image::manifest::LARGEST_DOCUMENT;

/// The folder, and what of it is in the store already.
pub(super) struct Folder {
    root: PathBuf,
    known: RefCell<HashMap<String, Stored>>,
}

impl Folder {
    pub(super) fn open(path: &Path) -> Result<Self> {
        let root = path
            .canonicalize()
            .explain(|| format!("`{}` cannot be opened", path.display()))?;
        Ok(Self {
            root,
            known: RefCell::default(),
        })
    }

    /// A file by its path within the folder, and its size.
    fn file(&self, path: &str) -> Result<Option<(File, u64)>> {
        let path = within("", path.as_bytes())?;
        let unreadable = |error: io::Error| {
            Error::user(format!("`{path}` of the archive cannot be read")).cause(error)
        };
        let real = match self.root.join(&path).canonicalize() {
            Ok(real) => real,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(unreadable(error)),
        };
        if !real.starts_with(&self.root) {
            return Err(Error::user(format!(
                "the archive is refused: `{path}` leads outside of it"
            )));
        }
        let found = real.metadata().map_err(unreadable)?;
        if !found.is_file() {
            return Err(Error::user(format!(
                "the archive holds `{path}`, which is not a file"
            )));
        }
        let file = File::open(&real).map_err(unreadable)?;
        Ok(Some((file, found.len())))
    }

    pub(super) fn has(&self, path: &str) -> bool {
        matches!(self.file(path), Ok(Some(_)))
    }

    pub(super) fn document(&self, path: &str) -> Result<Option<Vec<u8>>> {
        let Some((file, size)) = self.file(path)? else {
            return Ok(None);
        };
        let mut bytes = Vec::new();
        file.take(LARGEST_DOCUMENT + 1)
            .read_to_end(&mut bytes)
            .explain(|| format!("`{path}` of the archive cannot be read"))?;
        if bytes.len() as u64 > LARGEST_DOCUMENT {
            return Err(Error::user(format!(
                "the archive's documents are too large at `{path}`: {size} bytes"
            )));
        }
        Ok(Some(bytes))
    }

    pub(super) fn stored(&self, store: &Store, path: &str) -> Result<Option<Stored>> {
        if let Some(known) = self.known.borrow().get(path) {
            return Ok(Some(known.clone()));
        }
        let Some((mut file, size)) = self.file(path)? else {
            return Ok(None);
        };
        let stored = stored(store, path, &mut file, size, None)?;
        self.known
            .borrow_mut()
            .insert(path.to_owned(), stored.clone());
        Ok(Some(stored))
    }
}
