//! What is in a build context: every file that a builder would be sent.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use serde::Serialize;

use crate::error::{Error, Result};
use crate::image::ignore::Ignore;
use crate::image::stat_cache::StatCache;
use crate::image::{Store, hash};
use crate::model::{Digest, ServiceName};

#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Entry {
    Folder { mode: u32 },
    File { mode: u32, digest: Digest },
    Link { target: String },
}

/// What is in a context folder; `dockerfile` is the one whose own ignore file applies.
pub(super) fn files(
    store: &Store,
    service: &ServiceName,
    root: &Path,
    dockerfile: Option<PathBuf>,
) -> Result<BTreeMap<String, Entry>> {
    match fs::metadata(root) {
        Ok(found) if found.is_dir() => {}
        Ok(_) => {
            return Err(Error::user(format!(
                "the build context `{}` of service `{service}` is not a folder",
                root.display()
            )));
        }
        Err(error) => {
            return Err(Error::user(format!(
                "the build context `{}` of service `{service}` cannot be read",
                root.display()
            ))
            .cause(error)
            .hint("set `build.context` to the folder that holds the source"));
        }
    }
    let mut walk = Walk {
        service,
        root,
        ignores: ignores(root, dockerfile)?,
        cache: StatCache::load(store, root),
        now: SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |now| i64::try_from(now.as_secs()).unwrap_or(i64::MAX)),
        entries: BTreeMap::new(),
    };
    walk.folder(root, "")?;
    walk.cache.save(store);
    Ok(walk.entries)
}

/// The ignore files that may apply. BuildKit prefers `<Dockerfile>.dockerignore`, the classic
/// builder knows only `.dockerignore`: what either would send counts.
fn ignores(root: &Path, dockerfile: Option<PathBuf>) -> Result<Vec<Ignore>> {
    let mut paths = vec![root.join(".dockerignore")];
    if let Some(mut own) = dockerfile.map(PathBuf::into_os_string) {
        own.push(".dockerignore");
        paths.push(own.into());
    }
    let mut found = Vec::new();
    for path in paths {
        match fs::read(&path) {
            Ok(bytes) => found.push(Ignore::parse(&String::from_utf8_lossy(&bytes))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => {
                return Err(
                    Error::user(format!("`{}` cannot be read", path.display())).cause(error)
                );
            }
        }
    }
    Ok(found)
}

struct Walk<'a> {
    service: &'a ServiceName,
    root: &'a Path,
    ignores: Vec<Ignore>,
    cache: StatCache,
    now: i64,
    entries: BTreeMap<String, Entry>,
}

impl Walk<'_> {
    fn folder(&mut self, path: &Path, name: &str) -> Result<()> {
        let unreadable = |error: io::Error| self.unreadable(path, &error);
        let entries = fs::read_dir(path)
            .map_err(unreadable)?
            .collect::<io::Result<Vec<_>>>()
            .map_err(unreadable)?;
        for entry in entries {
            let file = entry.file_name();
            let file = file.to_str().map_or_else(
                // Names that differ only in invalid bytes stay apart.
                || file.as_encoded_bytes().escape_ascii().to_string(),
                str::to_owned,
            );
            let name = if name.is_empty() {
                file
            } else {
                format!("{name}/{file}")
            };
            self.entry(&entry.path(), name)?;
        }
        Ok(())
    }

    fn entry(&mut self, path: &Path, name: String) -> Result<()> {
        let found = fs::symlink_metadata(path).map_err(|error| self.unreadable(path, &error))?;
        let ignored =
            !self.ignores.is_empty() && self.ignores.iter().all(|ignore| ignore.ignores(&name));
        if found.is_dir() {
            let enter = !ignored || self.ignores.iter().any(Ignore::has_exceptions);
            if enter {
                self.folder(path, &name)?;
            }
            if !ignored {
                let mode = found.permissions().mode() & 0o7777;
                self.entries.insert(name, Entry::Folder { mode });
            }
            return Ok(());
        }
        if ignored {
            return Ok(());
        }
        let entry = if found.is_symlink() {
            let target = fs::read_link(path).map_err(|error| self.unreadable(path, &error))?;
            Entry::Link {
                target: target.to_string_lossy().into_owned(),
            }
        } else if found.is_file() {
            let digest = if let Some(digest) = self.cache.get(&name, &found) {
                digest
            } else {
                let digest = File::open(path)
                    .and_then(hash::digest)
                    .map_err(|error| self.unreadable(path, &error))?;
                self.cache.set(&name, &found, &digest, self.now);
                digest
            };
            Entry::File {
                mode: found.mode() & 0o7777,
                digest,
            }
        } else {
            // Sockets, pipes and devices are not part of what an engine is sent.
            return Ok(());
        };
        self.entries.insert(name, entry);
        Ok(())
    }

    fn unreadable(&self, path: &Path, error: &io::Error) -> Error {
        let name = path.strip_prefix(self.root).unwrap_or(path);
        Error::user(format!(
            "`{}` in the build context of service `{}` cannot be read",
            name.display(),
            self.service
        ))
        .cause(error)
        .hint(format!(
            "make it readable, or name it in `{}`",
            self.root.join(".dockerignore").display()
        ))
    }
}
