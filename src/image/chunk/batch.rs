//! A recipe as the host's script reads it.
//!
//! Batches follow each other until the blob is made: eight hexadecimal digits with the length of
//! the instructions, the instructions, and the bytes that they say are sent. An instruction is a
//! line: `<length>` for bytes that are sent, `<number> <skip> <length>` for bytes that are copied
//! from the base of that number, or, behind the last base, from what was made already. `skip`
//! counts from where the last copy from there ended; it may be negative.

use std::fmt::Write as _;
use std::ops::Range;

use super::recipe::{Recipe, Source};

/// Instructions in a batch: what host and client keep in memory.
const SIZE: usize = 4096;

/// Some instructions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::image) struct Batch {
    /// Length and instructions.
    pub(in crate::image) code: String,
    /// The parts of the blob that are sent behind them.
    pub(in crate::image) sent: Vec<Range<u64>>,
    /// Where in the blob the batch ends.
    pub(in crate::image) end: u64,
}

impl Recipe {
    /// The batches of what makes the blob from byte `start` on.
    pub(in crate::image) fn batches(&self, start: u64) -> impl Iterator<Item = Batch> {
        // Bases, and what was made.
        let mut ends = vec![0; self.bases.len() + 1];
        let made = self.bases.len();
        let mut at = start;
        self.instructions.chunks(SIZE).map(move |some| {
            let mut lines = String::new();
            let mut sent = Vec::new();
            for instruction in some {
                let length = instruction.length;
                let copied = match instruction.source {
                    Source::Sent => None,
                    Source::Base(number, offset) => Some((number, offset)),
                    Source::Made(offset) => Some((made, offset)),
                };
                // Writing to a string does not fail.
                let _ = if let Some((number, offset)) = copied {
                    let skip = i128::from(offset) - i128::from(ends[number]);
                    ends[number] = offset + length;
                    writeln!(lines, "{number} {skip} {length}")
                } else {
                    sent.push(at..at + length);
                    writeln!(lines, "{length}")
                };
                at += length;
            }
            Batch {
                code: format!("{:08x}{lines}", lines.len()),
                sent,
                end: at,
            }
        })
    }
}
