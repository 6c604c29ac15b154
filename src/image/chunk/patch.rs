//! Where a base has nearly the same bytes as what would be sent: a program that was linked again,
//! whose addresses moved. Of such a stretch the difference is sent, which is mostly zeros.
//!
//! Reads both blobs; a client that does not have the base sends the stretch as it is.

use std::io::{self, Read, Seek, SeekFrom};

use xxhash_rust::xxh3::xxh3_64;

use super::recipe::{Instruction, Recipe, Source};

/// A shorter stretch is not looked at: instructions cost as much as they save.
const SHORTEST: u64 = 512;
/// Bytes of the target looked at together.
const SEGMENT: u64 = 1 << 20;
/// How far before and behind the place where a base goes on its own is looked for.
const MARGIN: u64 = 1 << 20;
/// A place is found when so many bytes are the same.
const SEED: usize = 16;
/// It goes on as long as three quarters of so many bytes are the same.
const WINDOW: usize = 64;
/// A new place must go on for so many bytes.
const RUN: usize = 256;
/// Buckets of the table of seeds, a power of two.
const BUCKETS: usize = 1 << 18;
/// So many bytes may be looked through in vain, and half as many as were found.
const PATIENCE: u64 = 4 << 20;
/// More instructions than this take too much memory.
const MOST: usize = 100_000;

/// Where a base would go on: its number, and how far its bytes are behind those of the target.
#[derive(Debug, Clone, Copy)]
struct Near {
    base: usize,
    shift: i128,
}

impl Recipe {
    /// Sends differences from bases, of those stretches where that is less. `bases` are those that
    /// can be read here, in order.
    ///
    /// # Errors
    /// A blob cannot be read.
    pub(in crate::image) fn patched<R: Read + Seek>(
        &self,
        target: &mut R,
        bases: &mut [Option<R>],
    ) -> io::Result<Self> {
        let mut patched = Self {
            bases: self.bases.clone(),
            instructions: Vec::new(),
        };
        let Some(first) = bases.iter().position(Option::is_some) else {
            return Ok(self.clone());
        };
        let mut near = Near {
            base: first,
            shift: 0,
        };
        let (mut at, mut luck) = (0, Luck::default());
        for instruction in &self.instructions {
            let length = instruction.length;
            let base = bases.get_mut(near.base).and_then(Option::as_mut);
            match (instruction.source, base) {
                (Source::Base(base, offset), _) => {
                    if bases.get(base).is_some_and(Option::is_some) {
                        let shift = i128::from(offset) - i128::from(at);
                        near = Near { base, shift };
                    }
                    patched.instructions.push(*instruction);
                }
                (Source::Sent, Some(base)) if length >= SHORTEST => {
                    let size = self.bases[near.base].size;
                    let mut search = Search {
                        target,
                        base,
                        size,
                        near,
                        luck,
                    };
                    search.stretch(at, at + length, &mut patched)?;
                    (near, luck) = (search.near, search.luck);
                }
                _ => patched.instructions.push(*instruction),
            }
            at += length;
        }
        Ok(patched)
    }

    fn add(&mut self, source: Source, length: u64) {
        if length == 0 {
            return;
        }
        if let Some(last) = self.instructions.last_mut()
            && last.goes_on(source)
        {
            last.length += length;
            return;
        }
        self.instructions.push(Instruction { source, length });
    }
}

/// How the search went so far, in bytes.
#[derive(Debug, Clone, Copy, Default)]
struct Luck {
    found: u64,
    in_vain: u64,
}

/// A look for stretches of a target in one base.
struct Search<'a, R> {
    target: &'a mut R,
    base: &'a mut R,
    /// The base's size.
    size: u64,
    near: Near,
    luck: Luck,
}

/// A piece of the target and what is near it in the base.
struct Pair {
    new: Vec<u8>,
    old: Vec<u8>,
    /// Where in `old` a block with this hash begins, plus one; made when it is needed.
    seeds: Vec<u32>,
}

impl<R: Read + Seek> Search<'_, R> {
    /// Adds the instructions for the target's bytes from `at` to `end`.
    fn stretch(&mut self, mut at: u64, end: u64, recipe: &mut Recipe) -> io::Result<()> {
        while at < end {
            let Luck { found, in_vain } = self.luck;
            if in_vain > PATIENCE + found / 2 || recipe.instructions.len() > MOST {
                recipe.add(Source::Sent, end - at);
                return Ok(());
            }
            let length = (end - at).min(SEGMENT);
            self.segment(at, length, recipe)?;
            at += length;
        }
        Ok(())
    }

    /// The same for one segment.
    fn segment(&mut self, at: u64, length: u64, recipe: &mut Recipe) -> io::Result<()> {
        let place = i128::from(at) + self.near.shift;
        let within = |place: i128| {
            let place = u64::try_from(place.max(0)).unwrap_or(self.size);
            place.min(self.size)
        };
        let from = within(place - i128::from(MARGIN));
        let to = within(place + i128::from(length + MARGIN));
        let mut pair = Pair {
            new: read(self.target, at, length)?,
            old: read(self.base, from, to - from)?,
            seeds: Vec::new(),
        };
        let mut done = 0;
        while done < pair.new.len() {
            // Where the last stretch would go on.
            let here = i128::from(at) + done as i128 + self.near.shift - i128::from(from);
            let here = usize::try_from(here).unwrap_or(usize::MAX);
            let (new, old, run) = match pair.alike(done, here) {
                0 => pair.next(done).unwrap_or((pair.new.len(), 0, 0)),
                run => (done, here, run),
            };
            let skipped = (new - done) as u64;
            recipe.add(Source::Sent, skipped);
            if run > 0 {
                let offset = from + old as u64;
                recipe.add(Source::Patch(self.near.base, offset), run as u64);
                self.near.shift = i128::from(offset) - i128::from(at + new as u64);
            }
            self.luck.found += run as u64;
            self.luck.in_vain += skipped;
            done = new + run;
        }
        Ok(())
    }
}

impl Pair {
    /// How many bytes from these places on are alike.
    fn alike(&self, new: usize, old: usize) -> usize {
        let (Some(new), Some(old)) = (self.new.get(new..), self.old.get(old..)) else {
            return 0;
        };
        let windows = new.chunks(WINDOW).zip(old.chunks(WINDOW));
        windows
            .take_while(|(new, old)| {
                let same = new.iter().zip(*old).filter(|(new, old)| new == old).count();
                new.len() <= old.len() && same * 4 >= new.len() * 3
            })
            .map(|(new, _)| new.len())
            .sum()
    }

    /// The next places that are alike, from `from` on, and for how many bytes.
    fn next(&mut self, from: usize) -> Option<(usize, usize, usize)> {
        if self.seeds.is_empty() {
            self.seeds = vec![0; BUCKETS];
            for (number, block) in self.old.chunks_exact(SEED).enumerate() {
                // Of equal blocks the first counts; padding is everywhere.
                let seed = &mut self.seeds[bucket(block)];
                if *seed == 0 {
                    *seed = u32::try_from(number * SEED + 1).unwrap_or(0);
                }
            }
        }
        let mut at = from;
        while let Some(block) = self.new.get(at..at + SEED) {
            let seed = self.seeds[bucket(block)] as usize;
            let run = match seed.checked_sub(1) {
                Some(old) if self.old[old..old + SEED] == *block => self.alike(at, old),
                _ => 0,
            };
            if run < RUN.min(self.new.len() - at) {
                // Padding is like other padding, for a while.
                at += run.max(1);
                continue;
            }
            let (mut new, mut old) = (at, seed - 1);
            while new > from && old > 0 && self.new[new - 1] == self.old[old - 1] {
                (new, old) = (new - 1, old - 1);
            }
            return Some((new, old, at + run - new));
        }
        None
    }
}

fn bucket(block: &[u8]) -> usize {
    usize::try_from(xxh3_64(block) % BUCKETS as u64).unwrap_or(0)
}

fn read<R: Read + Seek>(blob: &mut R, at: u64, length: u64) -> io::Result<Vec<u8>> {
    blob.seek(SeekFrom::Start(at))?;
    let mut bytes = Vec::new();
    blob.take(length).read_to_end(&mut bytes)?;
    if bytes.len() as u64 == length {
        Ok(bytes)
    } else {
        Err(io::ErrorKind::UnexpectedEof.into())
    }
}
