//! A recipe as the host's script reads it.
//!
//! Batches follow each other until the blob is made: eight hexadecimal digits with the length of
//! the instructions, the instructions, and the bytes that they say are sent. An instruction is a
//! line: `<length>` for bytes that are sent, `<number> <skip> <length>` for bytes that are copied
//! from the base of that number, or, behind the last base, from what was made already. `skip`
//! counts from where the last copy from there ended; it may be negative. With ` x` behind it, as
//! many bytes are sent, and what is made is the exclusive or of both.

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
    /// What is sent behind them.
    pub(in crate::image) sent: Vec<Stretch>,
    /// Where in the blob the batch ends.
    pub(in crate::image) end: u64,
}

/// A part of the blob that is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::image) struct Stretch {
    /// Where in the blob it is.
    pub(in crate::image) range: Range<u64>,
    /// The base from which only the difference is sent, and where its bytes begin there.
    pub(in crate::image) against: Option<(usize, u64)>,
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
                let (from, against) = match instruction.source {
                    Source::Sent => (None, None),
                    Source::Base(number, offset) => (Some((number, offset)), None),
                    Source::Patch(number, offset) => {
                        (Some((number, offset)), Some((number, offset)))
                    }
                    Source::Made(offset) => (Some((made, offset)), None),
                };
                // Writing to a string does not fail.
                let _ = if let Some((number, offset)) = from {
                    let skip = i128::from(offset) - i128::from(ends[number]);
                    ends[number] = offset + length;
                    let how = if against.is_some() { " x" } else { "" };
                    writeln!(lines, "{number} {skip} {length}{how}")
                } else {
                    writeln!(lines, "{length}")
                };
                if from.is_none() || against.is_some() {
                    let range = at..at + length;
                    sent.push(Stretch { range, against });
                }
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
