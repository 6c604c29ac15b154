//! Remembers file digests by what `stat` says, so that an unchanged context is not read again.

use std::collections::BTreeMap;
use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::Store;
use crate::model::Digest;

/// A file changed this recently may change again without its time changing, so it is not
/// remembered. Seconds; FAT's times are two seconds coarse.
const SETTLED: i64 = 2;

/// What tells one state of a file from another: size, mtime and ctime in nanoseconds, inode.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Seen(u64, i128, i128, u64);

impl Seen {
    fn of(file: &Metadata) -> Self {
        let time = |seconds: i64, nanoseconds: i64| {
            i128::from(seconds) * 1_000_000_000 + i128::from(nanoseconds)
        };
        Self(
            file.size(),
            time(file.mtime(), file.mtime_nsec()),
            time(file.ctime(), file.ctime_nsec()),
            file.ino(),
        )
    }
}

/// Digests of the files of one build context.
#[derive(Debug)]
pub(super) struct StatCache {
    path: PathBuf,
    before: BTreeMap<String, (Seen, Digest)>,
    after: BTreeMap<String, (Seen, Digest)>,
    changed: bool,
}

impl StatCache {
    /// The cache of this context folder; empty when there is none or it cannot be read.
    pub(super) fn load(store: &Store, context: &Path) -> Self {
        let name = Digest::of(context.as_os_str().as_encoded_bytes());
        let path = store
            .root()
            .join("stat")
            .join(format!("{}.json", name.hex()));
        let before = std::fs::read(&path)
            .ok()
            .and_then(|bytes| serde_json::from_slice(&bytes).ok())
            .unwrap_or_default();
        Self {
            path,
            before,
            after: BTreeMap::new(),
            changed: false,
        }
    }

    /// The digest of a file that was seen in exactly this state.
    pub(super) fn get(&mut self, name: &str, file: &Metadata) -> Option<Digest> {
        let (name, entry) = self.before.remove_entry(name)?;
        if entry.0 != Seen::of(file) {
            return None;
        }
        let digest = entry.1.clone();
        self.after.insert(name, entry);
        Some(digest)
    }

    /// Remembers a file's digest; `file` is its state before it was read.
    pub(super) fn set(&mut self, name: &str, file: &Metadata, digest: &Digest, now: i64) {
        if file.mtime().max(file.ctime()) + SETTLED > now {
            return;
        }
        self.changed = true;
        self.after
            .insert(name.to_owned(), (Seen::of(file), digest.clone()));
    }

    /// Writes the cache when it learnt something.
    pub(super) fn save(self, store: &Store) {
        if !self.changed && self.before.is_empty() {
            return;
        }
        // Without the cache the next command is slower, nothing else.
        if let Ok(json) = serde_json::to_vec(&self.after) {
            let _ = store.write_file(&self.path, &json);
        }
    }
}
