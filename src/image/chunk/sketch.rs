//! What a blob's pieces look like from afar: enough to tell which blobs are alike.
//!
//! The smallest of many evenly spread numbers are a fair sample: two blobs share as many of them,
//! in proportion, as they share pieces.

use std::fmt;

use super::cut::Piece;

/// Numbers in a sketch.
const SIZE: usize = 64;

/// The smallest names of a blob's pieces, cut to 32 bits, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::image) struct Sketch(Vec<u32>);

impl Sketch {
    pub(super) fn of(pieces: &[Piece]) -> Self {
        let names = pieces.iter().filter_map(|piece| piece.name);
        let mut numbers: Vec<u32> = names
            .map(|name| u32::try_from(name.get() >> 16).unwrap_or(u32::MAX))
            .collect();
        numbers.sort_unstable();
        numbers.dedup();
        numbers.truncate(SIZE);
        Self(numbers)
    }
}

/// Eight hexadecimal digits for each number.
impl fmt::Display for Sketch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0
            .iter()
            .try_for_each(|number| write!(f, "{number:08x}"))
    }
}
