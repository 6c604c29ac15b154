//! The fingerprint of a service's build inputs: the same source is not built twice.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use serde::Serialize;

use super::Store;
use super::hash;
use super::ignore::Ignore;
use super::stat_cache::StatCache;
use crate::error::{Error, Result};
use crate::model::{Build, Digest, Service, ServiceName};

/// Everything that decides what a build makes. Cache settings (`pull`, `no_cache`, `cache_from`)
/// and extra tags are left out: they do not change what is asked for.
#[derive(Serialize)]
struct Inputs<'a> {
    version: u32,
    context: Context,
    dockerfile: Option<Digest>,
    args: BTreeMap<&'a str, Option<String>>,
    target: Option<&'a str>,
    labels: BTreeMap<&'a str, &'a str>,
    network: Option<&'a str>,
    extra_hosts: &'a [String],
    platform: Option<&'a str>,
    platforms: &'a [String],
}

#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum Context {
    /// Fetched by the engine; its text is all that is known of it.
    Remote(String),
    /// Path → entry, for everything that `.dockerignore` leaves in.
    Files(BTreeMap<String, Entry>),
}

#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum Entry {
    Folder { mode: u32 },
    File { mode: u32, digest: Digest },
    Link { target: String },
}

/// Whether the engine fetches the context itself.
pub(super) fn is_remote(context: &str) -> bool {
    [
        "http://",
        "https://",
        "git://",
        "ssh://",
        "git@",
        "github.com/",
    ]
    .iter()
    .any(|prefix| context.starts_with(prefix))
}

/// The Dockerfile's path, when it is a file here.
pub(super) fn dockerfile(build: &Build) -> Option<PathBuf> {
    if build.dockerfile_inline.is_some() || is_remote(&build.context) {
        return None;
    }
    let name = build.dockerfile.as_deref().unwrap_or("Dockerfile");
    Some(Path::new(&build.context).join(name))
}

/// The fingerprint of `service`'s build. `environment` gives the value of arguments without one.
///
/// # Errors
/// The context or the Dockerfile is missing, or a file of the context cannot be read.
pub(super) fn fingerprint(
    store: &Store,
    service: &Service,
    build: &Build,
    environment: impl Fn(&str) -> Option<String>,
) -> Result<Digest> {
    let context = if is_remote(&build.context) {
        Context::Remote(build.context.clone())
    } else {
        Context::Files(files(store, &service.name, build)?)
    };
    let dockerfile = match (&build.dockerfile_inline, dockerfile(build)) {
        (Some(text), _) => Some(Digest::of(text.as_bytes())),
        (None, Some(path)) => Some(dockerfile_digest(&service.name, &path)?),
        (None, None) => build
            .dockerfile
            .as_ref()
            .map(|name| Digest::of(name.as_bytes())),
    };
    let inputs = Inputs {
        version: 1,
        context,
        dockerfile,
        args: build
            .args
            .iter()
            .map(|(name, value)| {
                let value = value.clone().or_else(|| environment(name));
                (name.as_str(), value)
            })
            .collect(),
        target: build.target.as_deref(),
        labels: build
            .labels
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect(),
        network: build.network.as_deref(),
        extra_hosts: &build.extra_hosts,
        platform: service.platform.as_deref(),
        platforms: &build.platforms,
    };
    let json = serde_json::to_vec(&inputs)
        .map_err(|error| Error::user("the build's inputs cannot be described").cause(error))?;
    Ok(Digest::of(&json))
}

fn dockerfile_digest(service: &ServiceName, path: &Path) -> Result<Digest> {
    match fs::read(path) {
        Ok(bytes) => Ok(Digest::of(&bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Err(Error::user(format!(
            "service `{service}` has no Dockerfile at `{}`",
            path.display()
        ))
        .hint("write one, or set `build.dockerfile` to where it is")),
        Err(error) => Err(Error::user(format!(
            "the Dockerfile `{}` of service `{service}` cannot be read",
            path.display()
        ))
        .cause(error)),
    }
}

fn files(store: &Store, service: &ServiceName, build: &Build) -> Result<BTreeMap<String, Entry>> {
    let root = Path::new(&build.context);
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
        ignores: ignores(root, build)?,
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
fn ignores(root: &Path, build: &Build) -> Result<Vec<Ignore>> {
    let mut paths = vec![root.join(".dockerignore")];
    if let Some(mut own) = dockerfile(build).map(PathBuf::into_os_string) {
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

#[cfg(test)]
mod tests;
