//! What the receiving script says.

use crate::model::Digest;

/// One line of the script.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Answer {
    /// The blob is in the cache.
    Have(Digest),
    /// It is, and its index is not.
    Bare(Digest),
    /// The blob is wanted from this byte on.
    Want(Digest, u64),
    /// KiB free and bytes needed.
    Free { kib: u64, needed: u64 },
    /// How the stream is unpacked.
    Pack(Packing),
    /// So many blobs have an index, and the host can make blobs of them.
    Indexes(u64),
    /// Questions may be asked; the stream may begin.
    Go,
    /// The first blob is like the second one, which the host has.
    Alike(Digest, Digest),
    /// There are no more such blobs.
    End,
    /// An index of so many bytes follows; none: there is no index.
    Index(Digest, u64),
    /// The blob arrived.
    Arrived(Digest),
    /// The input ended within the blob.
    Short(Digest),
    /// The bytes are not what the digest says.
    Bad(Digest),
    /// A blob of the cache was not what its digest says, and is gone.
    Damaged(Digest),
    /// The engine did not take the archive that it was given.
    Refused,
    /// So many bytes of blobs went on to another host.
    Passed(u64),
    /// Nothing can be passed on to another host.
    Cannot(Obstacle),
}

/// Why a host passes nothing on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Obstacle {
    /// It has no `ssh`.
    Ssh,
    /// No agent came along.
    Agent,
    /// It does not have the blobs.
    Blobs,
    /// The other host has too little space.
    Space,
}

/// What the host can unpack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Packing {
    Zstd,
    Gzip,
    None,
}

impl Answer {
    /// Nothing for a line that is not the script's.
    pub(super) fn parse(line: &str) -> Option<Self> {
        let mut words = line.split(' ');
        let digest = |hex: &str| format!("sha256:{hex}").parse().ok();
        let answer = match (words.next()?, words.next(), words.next()) {
            ("have", Some(hex), None) => Self::Have(digest(hex)?),
            ("bare", Some(hex), None) => Self::Bare(digest(hex)?),
            ("want", Some(hex), Some(offset)) => Self::Want(digest(hex)?, offset.parse().ok()?),
            ("free", Some(kib), Some(needed)) => Self::Free {
                kib: kib.parse().ok()?,
                needed: needed.parse().ok()?,
            },
            ("pack", Some("zstd"), None) => Self::Pack(Packing::Zstd),
            ("pack", Some("gzip"), None) => Self::Pack(Packing::Gzip),
            ("pack", Some("none"), None) => Self::Pack(Packing::None),
            ("indexes", Some(count), None) => Self::Indexes(count.parse().ok()?),
            ("go", None, None) => Self::Go,
            ("base", Some(wanted), Some(base)) => Self::Alike(digest(wanted)?, digest(base)?),
            ("end", None, None) => Self::End,
            ("index", Some(hex), Some(size)) => Self::Index(digest(hex)?, size.parse().ok()?),
            ("ok", Some(hex), None) => Self::Arrived(digest(hex)?),
            ("short", Some(hex), None) => Self::Short(digest(hex)?),
            ("bad", Some(hex), None) => Self::Bad(digest(hex)?),
            ("damaged", Some(hex), None) => Self::Damaged(digest(hex)?),
            ("refused", None, None) => Self::Refused,
            ("passed", Some(bytes), None) => Self::Passed(bytes.parse().ok()?),
            ("cannot", Some("ssh"), None) => Self::Cannot(Obstacle::Ssh),
            ("cannot", Some("agent"), None) => Self::Cannot(Obstacle::Agent),
            ("cannot", Some("blobs"), None) => Self::Cannot(Obstacle::Blobs),
            ("cannot", Some("space"), None) => Self::Cannot(Obstacle::Space),
            _ => return None,
        };
        words.next().is_none().then_some(answer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_understood_or_ignored() {
        let digest = Digest::of(b"x");
        let hex = digest.hex();
        assert_eq!(
            Answer::parse(&format!("want {hex} 7")),
            Some(Answer::Want(digest.clone(), 7))
        );
        assert_eq!(
            Answer::parse(&format!("ok {hex}")),
            Some(Answer::Arrived(digest))
        );
        assert_eq!(
            Answer::parse("free 12 34"),
            Some(Answer::Free {
                kib: 12,
                needed: 34
            })
        );
        assert_eq!(
            Answer::parse("pack gzip"),
            Some(Answer::Pack(Packing::Gzip))
        );
        for strange in [
            "",
            "go on",
            "want x 1",
            "free 1 -1",
            "pack rar",
            "cannot be",
            "passed away",
            "ok ../../etc",
            "free 1 2 3",
            "Welcome to Ubuntu",
        ] {
            assert_eq!(Answer::parse(strange), None, "{strange:?}");
        }
    }
}
