//! How to make a blob of others and of what is sent.

use std::collections::HashMap;

use super::cut::Name;
use super::index::Index;
use crate::model::Digest;

/// Copies shorter than this are sent instead: an instruction costs as much.
const SHORTEST: u64 = 64;

/// How much smaller a patch gets when it is packed, at least.
const PATCH: u64 = 8;

/// A blob that the host has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::image) struct Base {
    pub(in crate::image) digest: Digest,
    pub(in crate::image) size: u64,
}

/// Where bytes come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::image) enum Source {
    /// The base of this number, from this byte on.
    Base(usize, u64),
    /// What was made already, from this byte on.
    Made(u64),
    /// As [`Source::Base`]; how they differ from these is sent.
    Patch(usize, u64),
    /// They are sent.
    Sent,
}

/// The next bytes of the blob.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::image) struct Instruction {
    pub(in crate::image) source: Source,
    pub(in crate::image) length: u64,
}

/// All bytes of a blob in order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::image) struct Recipe {
    pub(in crate::image) bases: Vec<Base>,
    pub(in crate::image) instructions: Vec<Instruction>,
}

impl Recipe {
    /// Looks for the pieces of a blob in others.
    pub(in crate::image) fn new(target: &Index, bases: &[Index]) -> Self {
        let mut found = Found::wanted(target);
        for (number, base) in bases.iter().enumerate() {
            found.look_in(number, base);
        }
        let mut recipe = Self {
            bases: bases
                .iter()
                .map(|base| Base {
                    digest: base.digest.clone(),
                    size: base.size,
                })
                .collect(),
            instructions: Vec::new(),
        };
        for stretch in target.groups() {
            let same = found.groups.get(&(stretch.group.name, stretch.length));
            if let Some(Some(source)) = same {
                recipe.push(*source, stretch.length);
                continue;
            }
            let mut at = stretch.offset;
            for piece in stretch.pieces {
                let length = u64::from(piece.length);
                let known = piece.name.map(|name| (name, piece.length));
                let source = known.and_then(|key| found.pieces.get(&key).copied().flatten());
                recipe.push(source.unwrap_or(Source::Sent), length);
                if let (Some(key), None) = (known, source) {
                    found.pieces.insert(key, Some(Source::Made(at)));
                }
                at += length;
            }
        }
        recipe
    }

    /// The same without patches: these bytes are sent as they are.
    pub(in crate::image) fn plain(&self) -> Self {
        let mut plain = Self {
            bases: self.bases.clone(),
            instructions: Vec::new(),
        };
        for instruction in &self.instructions {
            let source = match instruction.source {
                Source::Patch(..) => Source::Sent,
                source => source,
            };
            plain.push(source, instruction.length);
        }
        plain
    }

    /// The bases whose bytes are needed here.
    pub(in crate::image) fn patches(&self) -> impl Iterator<Item = usize> {
        let instructions = self.instructions.iter();
        instructions.filter_map(|instruction| match instruction.source {
            Source::Patch(number, _) => Some(number),
            _ => None,
        })
    }

    fn push(&mut self, source: Source, length: u64) {
        let source = if length < SHORTEST {
            Source::Sent
        } else {
            source
        };
        if let Some(last) = self.instructions.last_mut()
            && last.goes_on(source)
        {
            last.length += length;
            return;
        }
        self.instructions.push(Instruction { source, length });
    }

    /// Leaves out bases that nothing is copied from.
    fn forget_unused(&mut self) {
        let mut used = vec![false; self.bases.len()];
        for instruction in &self.instructions {
            if let Source::Base(number, _) | Source::Patch(number, _) = instruction.source {
                used[number] = true;
            }
        }
        let mut next = 0;
        let numbers: Vec<usize> = used
            .iter()
            .map(|used| {
                let number = next;
                next += usize::from(*used);
                number
            })
            .collect();
        for instruction in &mut self.instructions {
            if let Source::Base(number, _) | Source::Patch(number, _) = &mut instruction.source {
                *number = numbers[*number];
            }
        }
        let mut used = used.into_iter();
        self.bases.retain(|_| used.next() == Some(true));
    }

    /// Bytes that are sent. Patches count for what is left of them when they are packed.
    pub(in crate::image) fn sent(&self) -> u64 {
        let instructions = self.instructions.iter();
        instructions
            .map(|instruction| match instruction.source {
                Source::Sent => instruction.length,
                Source::Patch(..) => instruction.length / PATCH,
                Source::Base(..) | Source::Made(_) => 0,
            })
            .sum()
    }

    /// What makes the rest when the first `made` bytes are there.
    pub(in crate::image) fn from(mut self, mut made: u64) -> Self {
        self.instructions.retain_mut(|instruction| {
            let skipped = instruction.length.min(made);
            made -= skipped;
            instruction.length -= skipped;
            match &mut instruction.source {
                Source::Base(_, offset) | Source::Patch(_, offset) | Source::Made(offset) => {
                    *offset += skipped;
                }
                Source::Sent => {}
            }
            instruction.length > 0
        });
        self.forget_unused();
        self
    }
}

impl Instruction {
    /// Whether bytes from `source` are the next ones of the same stretch.
    pub(super) fn goes_on(&self, source: Source) -> bool {
        match (self.source, source) {
            (Source::Sent, Source::Sent) => true,
            (Source::Base(number, offset), Source::Base(other, next))
            | (Source::Patch(number, offset), Source::Patch(other, next)) => {
                number == other && offset + self.length == next
            }
            (Source::Made(offset), Source::Made(next)) => offset + self.length == next,
            _ => false,
        }
    }
}

/// What the target consists of, and where each was found.
struct Found {
    groups: HashMap<(u64, u64), Option<Source>>,
    pieces: HashMap<(Name, u32), Option<Source>>,
}

impl Found {
    fn wanted(target: &Index) -> Self {
        let pieces = target.made.pieces.iter();
        Self {
            groups: target
                .groups()
                .map(|stretch| ((stretch.group.name, stretch.length), None))
                .collect(),
            pieces: pieces
                .filter_map(|piece| Some(((piece.name?, piece.length), None)))
                .collect(),
        }
    }

    fn look_in(&mut self, number: usize, base: &Index) {
        for stretch in base.groups() {
            let key = (stretch.group.name, stretch.length);
            if let Some(place @ None) = self.groups.get_mut(&key) {
                *place = Some(Source::Base(number, stretch.offset));
            }
            let mut at = stretch.offset;
            for piece in stretch.pieces {
                if let Some(name) = piece.name
                    && let Some(place @ None) = self.pieces.get_mut(&(name, piece.length))
                {
                    *place = Some(Source::Base(number, at));
                }
                at += u64::from(piece.length);
            }
        }
    }
}
