//! Keeps the store below a size: what was not used for longest goes first.

use std::fs;
use std::time::{Duration, SystemTime};

use super::Store;
use crate::error::{Explain, Result};

/// What the store may take before old blobs go, in bytes.
const LIMIT: u64 = 20_000_000_000;
/// What was used this recently may be in use by a command that runs.
const BUSY: Duration = Duration::from_secs(60 * 60);
/// An index that nobody asked for this long is of a blob that hosts no longer have.
const FORGOTTEN: Duration = Duration::from_secs(30 * 24 * 60 * 60);
/// Temporary files of a command that was killed.
const ABANDONED: Duration = Duration::from_secs(24 * 60 * 60);

impl Store {
    /// Removes the least recently used blobs until at most `limit` bytes are left. What was used
    /// within the last hour stays. Returns the bytes that were freed.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn gc(&self, limit: u64) -> Result<u64> {
        self.gc_before(limit, SystemTime::now())
    }

    /// As [`Store::gc`] with the usual limit, while the command goes on.
    pub(super) fn gc_in_background(&self) {
        let store = self.clone();
        tokio::task::spawn_blocking(move || {
            // A store that cannot be cleaned is no reason for a command to fail.
            let _ = store.gc(LIMIT);
        });
    }

    fn gc_before(&self, limit: u64, now: SystemTime) -> Result<u64> {
        let unreadable = || format!("the image store `{}` cannot be read", self.root().display());
        for (folder, limit) in [(self.temporary(), ABANDONED), (self.indexes(), FORGOTTEN)] {
            // There need not be any indexes.
            let files = fs::read_dir(folder).into_iter().flatten().flatten();
            for entry in files {
                let used = entry.metadata().ok().and_then(|file| file.modified().ok());
                if used.is_some_and(|used| used + limit < now) {
                    // Someone else may have removed it.
                    let _ = fs::remove_file(entry.path());
                }
            }
        }
        let mut blobs: Vec<_> = fs::read_dir(self.blobs())
            .explain(unreadable)?
            .flatten()
            .filter_map(|entry| {
                let file = entry.metadata().ok()?;
                Some((file.modified().ok()?, file.len(), entry.path()))
            })
            .collect();
        blobs.sort();
        let mut total: u64 = blobs.iter().map(|(_, size, _)| size).sum();
        let mut freed = 0;
        for (used, size, path) in blobs {
            if total <= limit || used + BUSY > now {
                break;
            }
            if fs::remove_file(path).is_ok() {
                total -= size;
                freed += size;
            }
        }
        Ok(freed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_recently_used_go_first_and_the_recent_stay() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::at(folder.path()).unwrap();
        let now = SystemTime::now();
        let hours = |n: u64| Duration::from_secs(n * 3600);
        let blobs: Vec<_> = [b"oldest", b"middle", b"newest"]
            .into_iter()
            .zip([3, 2, 0])
            .map(|(bytes, age)| {
                let blob = store.put(bytes).unwrap();
                let file = fs::File::options()
                    .append(true)
                    .open(store.path(&blob.digest))
                    .unwrap();
                file.set_modified(now - hours(age)).unwrap();
                blob
            })
            .collect();
        let kept = || blobs.iter().map(|b| store.holds(b)).collect::<Vec<_>>();
        assert_eq!(store.gc_before(100, now).unwrap(), 0);
        assert_eq!(store.gc_before(12, now).unwrap(), 6);
        assert_eq!(kept(), [false, true, true]);
        assert_eq!(store.gc_before(0, now).unwrap(), 6);
        assert_eq!(kept(), [false, false, true], "the newest may be in use");
        assert_eq!(store.gc_before(0, now + hours(2)).unwrap(), 6);
    }

    #[test]
    fn indexes_that_nobody_uses_go() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::at(folder.path()).unwrap();
        let digest = crate::model::Digest::of(b"x");
        store.keep_index(&digest, b"index").unwrap();
        let now = SystemTime::now();
        store.gc_before(0, now + FORGOTTEN - BUSY).unwrap();
        assert!(store.kept(&digest).is_some());
        store.gc_before(0, now + FORGOTTEN + BUSY).unwrap();
        assert_eq!(store.kept(&digest), None);
    }

    #[test]
    fn abandoned_temporary_files_go() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::at(folder.path()).unwrap();
        fs::write(store.temporary().join("left"), b"x").unwrap();
        let now = SystemTime::now();
        store.gc_before(0, now).unwrap();
        assert_eq!(fs::read_dir(store.temporary()).unwrap().count(), 1);
        store.gc_before(0, now + ABANDONED + BUSY).unwrap();
        assert_eq!(fs::read_dir(store.temporary()).unwrap().count(), 0);
    }
}
