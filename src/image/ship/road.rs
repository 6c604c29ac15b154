//! Which blob is on its way: what a person who watches wants to know.

use super::feed::Part;
use crate::model::Digest;

/// Where in the stream each blob ends.
pub(super) struct Road {
    blobs: Vec<(u64, Digest)>,
}

impl Road {
    pub(super) fn of(parts: &[Part]) -> Self {
        let mut end = 0;
        let blobs = parts.iter().map(|part| {
            end += part.length();
            (end, part.blob.digest.clone())
        });
        Self {
            blobs: blobs.collect(),
        }
    }

    /// Bytes altogether.
    pub(super) fn total(&self) -> u64 {
        self.blobs.last().map_or(0, |(end, _)| *end)
    }

    /// The blob that is on its way when so many bytes are done.
    pub(super) fn at(&self, done: u64) -> String {
        let behind = self.blobs.partition_point(|(end, _)| *end < done);
        match self.blobs.get(behind) {
            Some((_, digest)) => {
                let count = self.blobs.len();
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
        assert_eq!(Road::of(&[]).at(0), "images");
    }
}
