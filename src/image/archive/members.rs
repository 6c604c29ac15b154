//! The members of an archive: documents in memory, everything else in the store. Those of a folder
//! stay where they are until they are asked for.

use std::collections::HashMap;
use std::io::Read;
use std::path::Path;

use super::folder::Folder;
use super::layer::{self, Stored};
use crate::error::{Error, Explain, Result};
use crate::image::Store;
use crate::image::growing::Watch;
use crate::image::manifest::LARGEST_DOCUMENT;
use crate::model::{Blob, Digest};

/// More members than any image has: 127 layers with three files each, attestations, indexes.
const MOST_MEMBERS: usize = 20_000;
/// Larger than any layer: 1 TiB.
const LARGEST_MEMBER: u64 = 1 << 40;
/// How far links may lead to links.
const LONGEST_CHAIN: usize = 8;

enum Member {
    /// `manifest.json`, `index.json`, `<id>.json`, …
    Document(Vec<u8>),
    Stored(Stored),
    /// A path within the archive.
    Link(String),
}

/// Everything an archive holds, by path.
pub(super) struct Members<'a> {
    store: &'a Store,
    place: Place,
}

enum Place {
    Read(HashMap<String, Member>),
    Folder(Folder),
}

impl<'a> Members<'a> {
    /// Those of a folder.
    pub(super) fn folder(store: &'a Store, path: &Path) -> Result<Self> {
        let place = Place::Folder(Folder::open(path)?);
        Ok(Self { store, place })
    }

    /// Reads an archive to its end; tells of layers while they come.
    pub(super) fn read(
        store: &'a Store,
        archive: impl Read,
        watch: Option<&Watch>,
    ) -> Result<Self> {
        let mut by_path = HashMap::new();
        let mut documents = 0;
        let mut archive = tar::Archive::new(archive);
        for (number, entry) in archive.entries().map_err(layer::damaged)?.enumerate() {
            let broken = if number == 0 {
                layer::unlike
            } else {
                layer::damaged
            };
            let mut entry = entry.map_err(broken)?;
            let path = within("", &entry.path_bytes())?;
            if by_path.len() >= MOST_MEMBERS {
                return Err(Error::user(format!(
                    "the archive has more than {MOST_MEMBERS} members; that is no image"
                )));
            }
            let size = entry.size();
            let kind = entry.header().entry_type();
            let member = if kind.is_dir() || kind.is_pax_global_extensions() {
                continue;
            } else if kind.is_symlink() || kind.is_hard_link() {
                let target = entry.link_name_bytes().unwrap_or_default();
                // A symlink's target is relative to its folder, a hard link's to the archive.
                let base = if kind.is_symlink() { folder(&path) } else { "" };
                Member::Link(within(base, &target)?)
            } else if !kind.is_file() {
                return Err(Error::user(format!(
                    "the archive holds `{path}`, which is neither a file, a folder nor a link"
                )));
            } else if size > LARGEST_MEMBER {
                return Err(Error::user(format!(
                    "the archive says that `{path}` has {size} bytes; no layer is that large"
                )));
            } else if is_document(&path) {
                documents += size;
                if documents > LARGEST_DOCUMENT * 4 || size > LARGEST_DOCUMENT {
                    return Err(Error::user(format!(
                        "the archive's documents are too large at `{path}`: {documents} bytes"
                    )));
                }
                let mut bytes = Vec::new();
                entry.read_to_end(&mut bytes).map_err(layer::damaged)?;
                check_length(&path, bytes.len() as u64, size)?;
                Member::Document(bytes)
            } else {
                Member::Stored(stored(store, &path, &mut entry, size, watch)?)
            };
            by_path.insert(path, member);
        }
        let place = Place::Read(by_path);
        Ok(Self { store, place })
    }

    /// The uncompressed content of a member.
    pub(super) fn blob(&self, path: &str) -> Result<Blob> {
        let stored = match &self.place {
            Place::Read(by_path) => match find(by_path, path)? {
                Some(Member::Stored(stored)) => Some(stored.clone()),
                Some(Member::Document(bytes)) => return self.store.put(bytes),
                _ => None,
            },
            Place::Folder(folder) => folder.stored(self.store, path)?,
        };
        stored
            .map(|stored| stored.blob)
            .ok_or_else(|| missing(path))
    }

    /// A document, when it is there.
    pub(super) fn document(&self, path: &str) -> Result<Option<Vec<u8>>> {
        match &self.place {
            Place::Read(by_path) => Ok(match find(by_path, path)? {
                Some(Member::Document(bytes)) => Some(bytes.clone()),
                Some(Member::Stored(stored)) => Some(self.store.read_small(&stored.blob.digest)?),
                _ => None,
            }),
            Place::Folder(folder) => folder.document(path),
        }
    }

    /// Whether something is stored under this path.
    pub(super) fn has(&self, path: &str) -> bool {
        match &self.place {
            Place::Read(by_path) => matches!(find(by_path, path), Ok(Some(_))),
            Place::Folder(folder) => folder.has(path),
        }
    }
}

fn find<'a>(by_path: &'a HashMap<String, Member>, path: &str) -> Result<Option<&'a Member>> {
    let mut path = within("", path.as_bytes())?;
    for _ in 0..LONGEST_CHAIN {
        match by_path.get(&path) {
            Some(Member::Link(target)) => path.clone_from(target),
            found => return Ok(found),
        }
    }
    Err(Error::user(format!(
        "the archive's links at `{path}` lead in a circle"
    )))
}

/// The error for a member that another one names.
pub(super) fn missing(path: &str) -> Error {
    Error::user(format!(
        "the archive is incomplete: it names `{path}` and does not hold it"
    ))
}

pub(super) fn stored(
    store: &Store,
    path: &str,
    entry: &mut impl Read,
    size: u64,
    watch: Option<&Watch>,
) -> Result<Stored> {
    let named = path
        .strip_prefix("blobs/sha256/")
        .and_then(|hex| format!("sha256:{hex}").parse::<Digest>().ok());
    if let Some(digest) = &named {
        let blob = Blob {
            digest: digest.clone(),
            size,
        };
        if store.holds(&blob) {
            // The bytes are here, verified when they came; the archive's copy is skipped.
            store.touch(digest);
            if let Some(watch) = watch {
                watch.here(&blob, store.path(digest));
            }
            let raw = digest.clone();
            return Ok(Stored { raw, blob });
        }
    }
    let mut counted = Counted { inner: entry, n: 0 };
    let expected = watch.and_then(|watch| {
        let digest = watch.layer(named.as_ref())?.clone();
        Some((watch, Blob { digest, size }))
    });
    let grown = expected.is_some();
    let stored = layer::store(store, &mut counted, expected)?;
    if let (Some(watch), false) = (watch, grown) {
        watch.here(&stored.blob, store.path(&stored.blob.digest));
    }
    check_length(path, counted.n, size)?;
    match named {
        Some(digest) if digest != stored.raw => Err(Error::user(format!(
            "the archive is damaged: `{path}` has digest `{}`",
            stored.raw
        ))),
        _ => Ok(stored),
    }
}

fn check_length(path: &str, got: u64, size: u64) -> Result<()> {
    if got == size {
        return Ok(());
    }
    Err(Error::user(format!(
        "the archive is incomplete: `{path}` ends after {got} of {size} bytes"
    )))
}

fn is_document(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    std::path::Path::new(name).extension() == Some("json".as_ref())
        || matches!(name, "json" | "VERSION" | "repositories" | "oci-layout")
}

fn folder(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
}

/// `path` relative to `base`, without `.` and `..`; it must stay within the archive.
pub(super) fn within(base: &str, path: &[u8]) -> Result<String> {
    let text = std::str::from_utf8(path)
        .explain(|| "the archive holds a name that is not UTF-8".to_owned())?;
    let outside = || {
        Error::user(format!(
            "the archive is refused: {text:?} leads outside of it"
        ))
    };
    if text.starts_with('/') || text.contains('\0') {
        return Err(outside());
    }
    let mut parts: Vec<&str> = base.split('/').filter(|part| !part.is_empty()).collect();
    for part in text.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop().ok_or_else(outside)?;
            }
            part => parts.push(part),
        }
    }
    Ok(parts.join("/"))
}

struct Counted<R> {
    inner: R,
    n: u64,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let n = self.inner.read(buffer)?;
        self.n += n as u64;
        Ok(n)
    }
}
