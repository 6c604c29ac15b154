//! The index of a blob: its pieces, in order.

use std::io::{self, Read};

use super::cut::{self, Group, Piece, Pieces};
use super::sketch::Sketch;
use crate::model::Digest;

/// All pieces of one blob; their lengths add up to its size.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::image) struct Index {
    pub(super) digest: Digest,
    pub(super) size: u64,
    pub(super) made: Pieces,
}

impl Index {
    /// Cuts a blob of the store. Nothing: it has too many pieces to be worth it.
    pub(in crate::image) fn of(
        blob: impl Read,
        digest: &Digest,
        size: u64,
    ) -> io::Result<Option<Self>> {
        let Some(made) = cut::cut(blob, size)? else {
            return Ok(None);
        };
        let index = Self {
            digest: digest.clone(),
            size,
            made,
        };
        if index.is_whole() {
            Ok(Some(index))
        } else {
            Err(io::ErrorKind::UnexpectedEof.into())
        }
    }

    /// Whether every byte of the blob is in a piece, and every piece in a group.
    pub(super) fn is_whole(&self) -> bool {
        let lengths = self.made.pieces.iter().map(|piece| u64::from(piece.length));
        let groups = self.made.groups.iter().map(|group| u64::from(group.pieces));
        lengths.sum::<u64>() == self.size && groups.sum::<u64>() == self.made.pieces.len() as u64
    }

    /// The blob's size in bytes.
    pub(in crate::image) fn size(&self) -> u64 {
        self.size
    }

    /// What it looks like from afar.
    pub(in crate::image) fn sketch(&self) -> Sketch {
        Sketch::of(&self.made.pieces)
    }

    /// Groups with their pieces, each with where it begins.
    pub(super) fn groups(&self) -> impl Iterator<Item = Stretch<'_>> {
        let mut rest = &self.made.pieces[..];
        let mut offset = 0;
        self.made.groups.iter().map(move |group| {
            let count = usize::try_from(group.pieces).unwrap_or(usize::MAX);
            let (pieces, others) = rest.split_at(count.min(rest.len()));
            rest = others;
            let stretch = Stretch {
                group,
                pieces,
                offset,
                length: pieces.iter().map(|piece| u64::from(piece.length)).sum(),
            };
            offset += stretch.length;
            stretch
        })
    }
}

/// A group within its blob.
pub(super) struct Stretch<'a> {
    pub(super) group: &'a Group,
    pub(super) pieces: &'a [Piece],
    /// Where it begins in the blob.
    pub(super) offset: u64,
    pub(super) length: u64,
}
