//! Digests of the project's own files that are mounted into containers.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, Metadata};
use std::io::{self, BufRead};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

use crate::error::{Error, Result};
use crate::model::Digest;

/// The content digest of each path; one that does not exist is left out.
///
/// # Errors
/// A file or folder cannot be read, or is neither file, folder nor link.
pub(super) fn digests(paths: &BTreeSet<PathBuf>) -> Result<BTreeMap<PathBuf, Digest>> {
    let mut found = BTreeMap::new();
    for path in paths {
        match fs::metadata(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(unreadable(path, &error)),
            Ok(metadata) => {
                let mut hash = Sha256::new();
                add(&mut hash, path, &metadata)?;
                found.insert(path.clone(), Digest::from_hash(hash.finalize()));
            }
        }
    }
    Ok(found)
}

/// Names, kinds, permission bits and bytes; neither times nor owners, which a checkout changes.
fn add(hash: &mut Sha256, path: &Path, metadata: &Metadata) -> Result<()> {
    let kind = metadata.file_type();
    hash.update((metadata.permissions().mode() & 0o777).to_be_bytes());
    if kind.is_symlink() {
        let target = fs::read_link(path).map_err(|error| unreadable(path, &error))?;
        field(hash, b"link", target.as_os_str().as_bytes());
        return Ok(());
    }
    if kind.is_file() {
        field(hash, b"file", &metadata.len().to_be_bytes());
        return bytes(hash, path).map_err(|error| unreadable(path, &error));
    }
    if !kind.is_dir() {
        return Err(Error::user(format!(
            "`{}` is mounted into a container but is neither a file nor a folder",
            path.display()
        ))
        .hint("mount a file or a folder, or use a volume"));
    }
    field(hash, b"folder", &[]);
    let mut entries = fs::read_dir(path)
        .and_then(Iterator::collect::<io::Result<Vec<_>>>)
        .map_err(|error| unreadable(path, &error))?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        field(hash, b"entry", entry.file_name().as_bytes());
        let metadata = entry
            .metadata()
            .map_err(|error| unreadable(&entry.path(), &error))?;
        add(hash, &entry.path(), &metadata)?;
    }
    Ok(())
}

fn bytes(hash: &mut Sha256, path: &Path) -> io::Result<()> {
    let mut reader = io::BufReader::with_capacity(1 << 16, fs::File::open(path)?);
    loop {
        let read = reader.fill_buf()?;
        if read.is_empty() {
            return Ok(());
        }
        hash.update(read);
        let count = read.len();
        reader.consume(count);
    }
}

/// Length first, so that no two sequences of fields look alike.
fn field(hash: &mut Sha256, name: &[u8], bytes: &[u8]) {
    hash.update(name);
    hash.update((bytes.len() as u64).to_be_bytes());
    hash.update(bytes);
}

fn unreadable(path: &Path, error: &io::Error) -> Error {
    Error::user(format!("`{}` cannot be read", path.display()))
        .cause(error)
        .hint("it is mounted into a container, so it is shipped to the hosts")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_and_permissions_count_and_times_do_not() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a");
        let paths = BTreeSet::from([folder.path().to_path_buf(), folder.path().join("gone")]);
        let digest = || digests(&paths).unwrap();
        fs::write(&file, "1").unwrap();
        let first = digest();
        assert_eq!(first.len(), 1);
        fs::write(&file, "1").unwrap();
        assert_eq!(digest(), first);
        fs::write(&file, "2").unwrap();
        assert_ne!(digest(), first);
        fs::write(&file, "1").unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
        assert_ne!(digest(), first);
    }
}
