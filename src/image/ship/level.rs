//! How hard a stream is packed: as hard as the link deserves.

use std::io;
use std::time::{Duration, Instant};

/// Not packed at all, in frames of zstd.
pub(super) const STORED: i32 = i32::MIN;
/// zstd's levels, from "the link is faster than this machine" to "bytes are precious". Those below 1
/// are hardly quicker and leave alone what does not repeat; those above 6 take much more memory, for
/// each host, and leave little less.
const ZSTD: Levels = Levels {
    all: &[STORED, 1, 3, 6],
    thin: 1,
};
/// gzip's levels; 0 does not compress.
const GZIP: Levels = Levels {
    all: &[0, 1, 6],
    thin: 1,
};
/// A link that takes fewer bytes a second than this is thin: any machine packs faster, so bytes
/// are what counts. 100 Mbit/s.
const THIN: u64 = 12_500_000;
/// A link that takes as many is fast, and packing is the slower part. More than 1 Gbit/s.
const FAST: u64 = 125_000_000;
/// So many bytes tell whether a link may be fast, before [`JUDGED`] is over.
const EARLY: u64 = 16 << 20;
/// As often as this they are asked at the beginning: hosts take a moment to get going.
const GLANCES: u32 = 4;
/// A link that took them so fast gets the next ones as they are. Buffers on the way took a part.
const PROMISING: u64 = 30_000_000;
/// Where in its list a stream starts, and where one starts that is so short that packing it hard
/// takes no time.
const ZSTD_START: (usize, usize) = (1, 3);
/// The same.
const GZIP_START: (usize, usize) = (0, 2);
/// The longest short stream, in bytes before packing.
pub(super) const SHORT: u64 = 32 << 20;
/// Time over which a level is judged.
const JUDGED: Duration = Duration::from_secs(1);
/// A higher level stays when this many hundredths of what passed before pass with it; a lower one
/// when as much does.
const WORTH: u64 = 110;
/// For how many judgements a level that was not worth it is left alone.
const PATIENCE: u32 = 20;
/// On a thin link so many bytes are packed with several levels.
const SAMPLE: usize = 1 << 20;
/// What one learns of them is believed for so many more.
const BELIEVED: u64 = 32 << 20;
/// A higher level is worth it when it leaves at most so many thousandths.
const SMALLER: usize = 995;

/// What a piece of the stream took.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Spent {
    /// Bytes before packing.
    pub(super) bytes: u64,
    /// Bytes after it.
    pub(super) packed: u64,
    /// Reading and packing them.
    pub(super) packing: Duration,
    /// Waiting until the link took them.
    pub(super) waiting: Duration,
}

/// The levels of a packer.
struct Levels {
    all: &'static [i32],
    /// Where in the list those begin that a thin link may get.
    thin: usize,
}

/// Which level is right, judged by who waits for whom and by what passes.
///
/// On a thin link it is the one that leaves least, of those that are not slower than the link: which
/// one that is depends on the bytes, so some of them are packed with each. On other links a packer
/// that waits may wait for the link, and then fewer bytes help; or for a busy host, and then they do
/// not. So a higher level is tried, and kept when more passes with it. A link that waits for the
/// packer gets a lower level, unless less passes with that: the link may be what is slower then.
pub(super) struct Level {
    levels: &'static Levels,
    index: usize,
    spent: Spent,
    /// While a level is on trial, the one before it and the bytes a second that passed.
    before: Option<(usize, u64)>,
    /// Judgements until a lower level may be tried, and a higher one.
    patience: [u32; 2],
    /// How often it is still asked, before the first judgement, whether the link may be fast.
    glances: u32,
    /// On a thin link, bytes that levels are tried with.
    sample: Option<Sample>,
}

/// Bytes of the stream, and what the link makes of them.
struct Sample {
    bytes: Vec<u8>,
    /// Bytes that are let pass before others are taken.
    pass: u64,
    /// Bytes a second that the link takes.
    wire: u64,
}

impl Sample {
    /// The place in a list of levels of the one that leaves least and keeps up with the link.
    /// `tries` are places from the lowest level on, with what each left and how long it took.
    fn best(&self, tries: impl Iterator<Item = io::Result<Try>>) -> io::Result<Option<usize>> {
        let mut best: Option<Try> = None;
        for one in tries {
            let one = one?;
            let left = u64::try_from(one.left).unwrap_or(u64::MAX);
            let passing = Duration::from_millis(left.saturating_mul(1000) / self.wire.max(1));
            let slow = one.took * 2 > passing;
            if slow && best.is_some() {
                // Those above it are slower still.
                break;
            }
            let worth = |best: &Try| one.left * 1000 <= best.left * SMALLER;
            if best.as_ref().is_none_or(worth) {
                best = Some(one);
            }
        }
        Ok(best.map(|best| best.place))
    }
}

/// What a level made of a sample.
struct Try {
    place: usize,
    left: usize,
    took: Duration,
}

impl Level {
    /// For zstd and a stream of about `size` bytes.
    pub(super) fn zstd(size: u64) -> Self {
        Self::new(&ZSTD, start(ZSTD_START, size))
    }

    /// The same for gzip.
    pub(super) fn gzip(size: u64) -> Self {
        Self::new(&GZIP, start(GZIP_START, size))
    }

    fn new(levels: &'static Levels, index: usize) -> Self {
        Self {
            levels,
            index,
            spent: Spent::default(),
            before: None,
            patience: [0; 2],
            glances: GLANCES,
            sample: None,
        }
    }

    /// Bytes that go through.
    pub(super) fn see(&mut self, bytes: &[u8]) {
        let Some(sample) = &mut self.sample else {
            return;
        };
        if sample.pass > 0 {
            sample.pass = sample.pass.saturating_sub(bytes.len() as u64);
            return;
        }
        let rest = SAMPLE.saturating_sub(sample.bytes.len());
        sample.bytes.extend(&bytes[..rest.min(bytes.len())]);
    }

    /// The new level, when it changes; `pack` packs with one.
    pub(super) fn adapt(
        &mut self,
        spent: Spent,
        pack: impl Fn(&[u8], i32) -> io::Result<Vec<u8>>,
    ) -> io::Result<Option<i32>> {
        let judged = self.judge(spent);
        let Some(sample) = &mut self.sample else {
            return Ok(judged);
        };
        if sample.bytes.len() < SAMPLE {
            return Ok(judged);
        }
        let old = self.index;
        let Levels { all, thin } = self.levels;
        let tries = (*thin..all.len()).map(|place| {
            let begun = Instant::now();
            let left = pack(&sample.bytes, all[place])?.len();
            let took = begun.elapsed();
            Ok(Try { place, left, took })
        });
        self.index = sample.best(tries)?.unwrap_or(old);
        sample.bytes.clear();
        sample.pass = BELIEVED;
        Ok((self.index != old).then_some(self.get()).or(judged))
    }

    pub(super) fn get(&self) -> i32 {
        self.levels.all[self.index]
    }

    /// The new level, when it changes.
    fn judge(&mut self, spent: Spent) -> Option<i32> {
        self.spent.bytes += spent.bytes;
        self.spent.packed += spent.packed;
        self.spent.packing += spent.packing;
        self.spent.waiting += spent.waiting;
        let Spent {
            bytes,
            packed: on_the_wire,
            packing,
            waiting,
        } = self.spent;
        let time = packing + waiting;
        let glance = self.glances > 0 && bytes >= EARLY;
        if time < JUDGED && !glance {
            return None;
        }
        self.spent = Spent::default();
        let milliseconds = u64::try_from(time.as_millis()).unwrap_or(u64::MAX).max(1);
        let rate = bytes * 1000 / milliseconds;
        let wire = on_the_wire * 1000 / milliseconds;
        let old = self.index;
        if time < JUDGED {
            self.glances -= 1;
            if wire >= PROMISING {
                (self.index, self.glances) = (0, 0);
            }
            return (self.index != old).then_some(self.get());
        }
        self.glances = 0;
        self.patience = self.patience.map(|left| left.saturating_sub(1));
        let tried = self.before.take();
        let keeps_up = wire < THIN && waiting > packing;
        if !keeps_up {
            self.sample = None;
        }
        if keeps_up {
            self.index = self.index.max(self.levels.thin);
            let new = || Sample {
                bytes: Vec::new(),
                pass: 0,
                wire,
            };
            self.sample.get_or_insert_with(new).wire = wire;
        } else if wire >= FAST {
            self.index = 0;
        } else if let Some(better) = tried.filter(|tried| !self.worth(*tried, rate)) {
            self.patience[usize::from(better.0 < self.index)] = PATIENCE;
            self.index = better.0;
        } else if packing > waiting && self.patience[0] == 0 && self.index > 0 {
            self.before = Some((self.index, rate));
            self.index -= 1;
        } else if waiting > packing * 3
            && self.patience[1] == 0
            && self.index + 1 < self.levels.all.len()
        {
            self.before = Some((self.index, rate));
            self.index += 1;
        }
        (self.index != old).then_some(self.get())
    }

    /// Whether the level on trial, with which so much passes, is better than the one before it.
    fn worth(&self, (index, before): (usize, u64), rate: u64) -> bool {
        if self.index > index {
            rate >= before / 100 * WORTH
        } else {
            rate >= before
        }
    }
}

/// Where in its list a stream of about `size` bytes starts.
fn start((long, short): (usize, usize), size: u64) -> usize {
    if size > SHORT { long } else { short }
}

#[cfg(test)]
pub(super) mod tests;
