//! Packs a stream with what the host can unpack, as hard as the link deserves.

use std::io::{self, Write};
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;
use zstd::stream::write::Encoder;

use super::answer::Packing;

/// zstd's levels, from "the link is faster than this machine" to "bytes are precious".
const LEVELS: [i32; 6] = [-5, -1, 1, 3, 6, 9];
/// The level a stream starts with: `LEVELS[2]`.
const START: usize = 2;
/// Time over which a level is judged.
const JUDGED: Duration = Duration::from_millis(250);

/// A stream being packed; the memory it takes does not depend on the stream's length.
pub(super) enum Packer {
    Zstd {
        encoder: Encoder<'static, Vec<u8>>,
        level: Level,
    },
    Gzip(GzEncoder<Vec<u8>>),
    None(Vec<u8>),
}

impl Packer {
    pub(super) fn new(packing: Packing) -> io::Result<Self> {
        Ok(match packing {
            Packing::Zstd => Self::Zstd {
                encoder: Encoder::new(Vec::new(), LEVELS[START])?,
                level: Level::default(),
            },
            Packing::Gzip => Self::Gzip(GzEncoder::new(Vec::new(), Compression::fast())),
            Packing::None => Self::None(Vec::new()),
        })
    }

    pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::Zstd { encoder, .. } => encoder.write_all(bytes),
            Self::Gzip(encoder) => encoder.write_all(bytes),
            Self::None(buffer) => buffer.write_all(bytes),
        }
    }

    /// What is packed so far and was not taken yet.
    pub(super) fn take(&mut self) -> Vec<u8> {
        std::mem::take(match self {
            Self::Zstd { encoder, .. } => encoder.get_mut(),
            Self::Gzip(encoder) => encoder.get_mut(),
            Self::None(buffer) => buffer,
        })
    }

    /// Learns how long packing took and how long the link made it wait since the last call, and
    /// packs harder or less hard from now on.
    pub(super) fn adapt(&mut self, packing: Duration, waiting: Duration) -> io::Result<()> {
        if let Self::Zstd { encoder, level } = self
            && let Some(new) = level.judge(packing, waiting)
        {
            // A stream of frames is a stream: each may have its own level.
            let frame = std::mem::replace(encoder, Encoder::new(Vec::new(), new)?);
            *encoder.get_mut() = frame.finish()?;
        }
        Ok(())
    }

    /// Ends the stream and returns its rest.
    pub(super) fn finish(self) -> io::Result<Vec<u8>> {
        match self {
            Self::Zstd { encoder, .. } => encoder.finish(),
            Self::Gzip(encoder) => encoder.finish(),
            Self::None(buffer) => Ok(buffer),
        }
    }
}

/// Which level is right, judged by who waits for whom.
pub(super) struct Level {
    index: usize,
    packing: Duration,
    waiting: Duration,
}

impl Default for Level {
    fn default() -> Self {
        Self {
            index: START,
            packing: Duration::ZERO,
            waiting: Duration::ZERO,
        }
    }
}

impl Level {
    /// The new level, when it changes.
    fn judge(&mut self, packing: Duration, waiting: Duration) -> Option<i32> {
        self.packing += packing;
        self.waiting += waiting;
        if self.packing + self.waiting < JUDGED {
            return None;
        }
        let index = if self.waiting > self.packing * 3 {
            (self.index + 1).min(LEVELS.len() - 1)
        } else if self.packing > self.waiting * 3 {
            self.index.saturating_sub(1)
        } else {
            self.index
        };
        (self.packing, self.waiting) = (Duration::ZERO, Duration::ZERO);
        let changed = index != self.index;
        self.index = index;
        changed.then_some(LEVELS[index])
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_slow_link_raises_the_level_and_a_fast_one_lowers_it() {
        let mut level = Level::default();
        assert_eq!(level.judge(SECOND / 100, SECOND / 100), None, "too early");
        assert_eq!(level.judge(SECOND / 100, SECOND), Some(3));
        assert_eq!(level.judge(SECOND, SECOND), None, "balanced");
        let highest: Vec<_> = (0..4)
            .map(|_| level.judge(Duration::ZERO, SECOND))
            .collect();
        assert_eq!(highest, [Some(6), Some(9), None, None]);
        let lowest: Vec<_> = (0..6)
            .map(|_| level.judge(SECOND, Duration::ZERO))
            .collect();
        assert_eq!(lowest[4..], [Some(-5), None]);
    }

    #[test]
    fn a_stream_survives_changes_of_level_and_being_taken_in_pieces() {
        let text: Vec<u8> = (0u32..100_000).flat_map(u32::to_le_bytes).collect();
        for packing in [Packing::Zstd, Packing::Gzip, Packing::None] {
            let mut packer = Packer::new(packing).unwrap();
            let mut stream = Vec::new();
            for (number, chunk) in text.chunks(10_000).enumerate() {
                packer.write(chunk).unwrap();
                stream.extend(packer.take());
                let (packing, waiting) = match number % 2 {
                    0 => (Duration::ZERO, SECOND),
                    _ => (SECOND, Duration::ZERO),
                };
                packer.adapt(packing, waiting).unwrap();
            }
            stream.extend(packer.finish().unwrap());
            let mut unpacked = Vec::new();
            match packing {
                Packing::Zstd => unpacked = zstd::decode_all(&*stream).unwrap(),
                Packing::Gzip => {
                    let mut decoder = flate2::read::GzDecoder::new(&*stream);
                    decoder.read_to_end(&mut unpacked).unwrap();
                }
                Packing::None => unpacked = stream,
            }
            assert_eq!(unpacked, text, "{packing:?}");
        }
    }
}
