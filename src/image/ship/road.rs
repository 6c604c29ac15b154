//! Which blob is on its way: what a person who watches wants to know.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use super::part::Part;
use crate::model::Digest;

/// Where in the stream each blob ends.
pub(super) struct Road {
    blobs: Mutex<Vec<(u64, Digest)>>,
    /// How many there will be, and how many bytes, as far as that is known.
    expected: (usize, u64),
}

impl Road {
    pub(super) fn of(parts: &[Part]) -> Self {
        let road = Self::to_come(parts.len(), 0);
        for part in parts {
            road.add(part.length(), &part.blob.digest);
        }
        road
    }

    /// Of so many blobs, of about so many bytes, that are not known yet.
    pub(super) fn to_come(blobs: usize, bytes: u64) -> Self {
        Self {
            blobs: Mutex::default(),
            expected: (blobs, bytes),
        }
    }

    /// Another blob, of which so many bytes go.
    pub(super) fn add(&self, length: u64, digest: &Digest) {
        let mut blobs = self.blobs.lock().unwrap_or_else(PoisonError::into_inner);
        let begin = blobs.last().map_or(0, |(end, _)| *end);
        blobs.push((begin + length, digest.clone()));
    }

    /// Bytes altogether.
    pub(super) fn total(&self) -> u64 {
        let blobs = self.blobs.lock().unwrap_or_else(PoisonError::into_inner);
        let end = blobs.last().map_or(0, |(end, _)| *end);
        end.max(self.expected.1)
    }

    /// Bytes of each blob.
    pub(super) fn lengths(&self) -> BTreeMap<Digest, u64> {
        let blobs = self.blobs.lock().unwrap_or_else(PoisonError::into_inner);
        let ends = blobs.iter().map(|(end, _)| *end);
        let begins = std::iter::once(0).chain(ends);
        let blobs = blobs.iter().zip(begins);
        blobs
            .map(|((end, digest), begin)| (digest.clone(), end - begin))
            .collect()
    }

    /// The blob that is on its way when so many bytes are done.
    pub(super) fn at(&self, done: u64) -> String {
        let blobs = self.blobs.lock().unwrap_or_else(PoisonError::into_inner);
        let behind = blobs.partition_point(|(end, _)| *end < done);
        match blobs.get(behind) {
            Some((_, digest)) => {
                let count = self.expected.0.max(blobs.len());
                format!("blob {} of {count}, {}", behind + 1, digest.short())
            }
            None => "images".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Blob;

    #[test]
    fn the_blob_on_its_way_is_named() {
        let part = |name: &str, size, offset| Part {
            blob: Blob {
                digest: Digest::of(name.as_bytes()),
                size,
            },
            offset,
            recipe: None,
        };
        let road = Road::of(&[part("a", 10, 4), part("b", 100, 0)]);
        assert_eq!(road.total(), 106);
        let (a, b) = (Digest::of(b"a"), Digest::of(b"b"));
        for (done, number, digest) in [(0, 1, &a), (6, 1, &a), (7, 2, &b), (106, 2, &b)] {
            let wanted = format!("blob {number} of 2, {}", digest.short());
            assert_eq!(road.at(done), wanted, "{done}");
        }
        assert_eq!(road.lengths(), [(a, 6), (b.clone(), 100)].into());
        assert_eq!(Road::of(&[]).at(0), "images");
        let road = Road::to_come(3, 150);
        assert_eq!((road.at(0), road.total()), ("images".to_owned(), 150));
        road.add(200, &b);
        assert_eq!(road.at(1), format!("blob 1 of 3, {}", b.short()));
        assert_eq!(road.total(), 200);
    }
}
