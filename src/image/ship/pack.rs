//! Packs a stream with what the host can unpack, as hard as the link deserves.

use std::io::{self, Write};
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;
use zstd::stream::write::Encoder;

use super::answer::Packing;

/// Not packed at all, in frames of zstd.
const STORED: i32 = i32::MIN;
/// zstd's levels, from "the link is faster than this machine" to "bytes are precious".
const ZSTD: Levels = Levels {
    all: &[STORED, -5, -1, 1, 3, 6, 9],
    thin: 5,
};
/// gzip's levels; 0 does not compress.
const GZIP: Levels = Levels {
    all: &[0, 1, 6],
    thin: 2,
};
/// A link that takes fewer bytes a second than this is thin: any machine packs faster, so bytes
/// are what counts. 100 Mbit/s.
const THIN: u64 = 12_500_000;
/// A link that takes as many is fast, and packing is the slower part. More than 1 Gbit/s.
const FAST: u64 = 125_000_000;
/// So many bytes tell whether a link may be fast, before [`JUDGED`] is over.
const EARLY: u64 = 16 << 20;
/// One that took these so fast gets the next ones as they are. Buffers on the way took a part.
const PROMISING: u64 = 40_000_000;
/// Where in its list a stream starts, and where one starts that is so short that packing it hard
/// takes no time.
const ZSTD_START: (usize, usize) = (2, 5);
/// The same.
const GZIP_START: (usize, usize) = (0, 2);
/// The longest short stream, in bytes before packing.
pub(super) const SHORT: u64 = 32 << 20;
/// The most bytes that an unpacker reads at once: gzip's, zstd has half of it.
const READ: usize = 256 << 10;
/// How a frame begins that zstd skips.
const SKIPPED: [u8; 4] = [0x50, 0x2a, 0x4d, 0x18];
/// A block of gzip without bytes.
const NOTHING: [u8; 5] = [0, 0, 0, 0xff, 0xff];
/// Time over which a level is judged.
const JUDGED: Duration = Duration::from_secs(1);
/// A higher level stays when this many hundredths of what passed before pass with it.
const WORTH: u64 = 110;
/// For how many judgements a level that was not worth it is left alone.
const PATIENCE: u32 = 20;

/// A stream being packed; the memory it takes does not depend on the stream's length.
pub(super) enum Packer {
    Zstd(Frame, Level),
    Gzip(GzEncoder<Vec<u8>>, Level),
    None(Vec<u8>),
}

impl Packer {
    /// For a stream of about `size` bytes.
    pub(super) fn new(packing: Packing, size: u64) -> io::Result<Self> {
        let start = |(long, short)| if size > SHORT { long } else { short };
        Ok(match packing {
            Packing::Zstd => {
                let level = Level::new(&ZSTD, start(ZSTD_START));
                Self::Zstd(Frame::new(level.get())?, level)
            }
            Packing::Gzip => {
                let level = Level::new(&GZIP, start(GZIP_START));
                Self::Gzip(gzip(level.get()), level)
            }
            Packing::None => Self::None(Vec::new()),
        })
    }

    pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::Zstd(frame, _) => frame.write(bytes),
            Self::Gzip(encoder, _) => encoder.write_all(bytes),
            Self::None(buffer) => buffer.write_all(bytes),
        }
    }

    /// Has the host's unpacker hand on what was written before more comes: what follows means
    /// nothing, and is as long as what an unpacker reads at once.
    pub(super) fn push(&mut self) -> io::Result<()> {
        match self {
            Self::Zstd(frame, level) => {
                let next = Frame::new(level.get())?;
                let mut bytes = std::mem::replace(frame, Frame::Stored(Vec::new())).finish()?;
                // A skippable frame, RFC 8878 section 3.1.2.
                bytes.extend(SKIPPED);
                bytes.extend(u32::try_from(READ).map_err(io::Error::other)?.to_le_bytes());
                bytes.resize(bytes.len() + READ, 0);
                *frame = next.behind(bytes);
            }
            Self::Gzip(encoder, _) => {
                // Ends at a byte, so blocks without bytes, RFC 1951 section 3.2.4, may follow.
                encoder.flush()?;
                let empty = NOTHING
                    .iter()
                    .cycle()
                    .take(READ / NOTHING.len() * NOTHING.len());
                encoder.get_mut().extend(empty);
            }
            Self::None(_) => {}
        }
        Ok(())
    }

    /// What is packed so far and was not taken yet.
    pub(super) fn take(&mut self) -> Vec<u8> {
        std::mem::take(match self {
            Self::Zstd(frame, _) => frame.bytes(),
            Self::Gzip(encoder, _) => encoder.get_mut(),
            Self::None(buffer) => buffer,
        })
    }

    /// Learns what happened since the last call, and packs harder or less hard from now on.
    pub(super) fn adapt(&mut self, spent: Spent) -> io::Result<()> {
        // A stream of frames, or of gzip members, is a stream: each may have its own level.
        match self {
            Self::Zstd(frame, level) => {
                if let Some(new) = level.judge(spent) {
                    let next = Frame::new(new)?;
                    let old = std::mem::replace(frame, Frame::Stored(Vec::new()));
                    *frame = next.behind(old.finish()?);
                }
            }
            Self::Gzip(encoder, level) => {
                if let Some(new) = level.judge(spent) {
                    let member = std::mem::replace(encoder, gzip(new));
                    *encoder.get_mut() = member.finish()?;
                }
            }
            Self::None(_) => {}
        }
        Ok(())
    }

    /// Ends the stream and returns its rest.
    pub(super) fn finish(self) -> io::Result<Vec<u8>> {
        match self {
            Self::Zstd(frame, _) => frame.finish(),
            Self::Gzip(encoder, _) => encoder.finish(),
            Self::None(buffer) => Ok(buffer),
        }
    }
}

/// A frame of zstd that is being written.
pub(super) enum Frame {
    Packed(Encoder<'static, Vec<u8>>),
    /// Blocks of bytes as they are, RFC 8878 section 3.1.1.2.
    Stored(Vec<u8>),
}

impl Frame {
    /// Magic number, no checksum and no size, a window of 128 KiB.
    const HEAD: [u8; 6] = [0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x38];
    /// The largest block in such a window.
    const BLOCK: usize = 128 << 10;
    /// A last block without bytes.
    const END: [u8; 3] = [1, 0, 0];

    fn new(level: i32) -> io::Result<Self> {
        Ok(match level {
            STORED => Self::Stored(Self::HEAD.to_vec()),
            level => Self::Packed(Encoder::new(Vec::new(), level)?),
        })
    }

    /// The same with bytes before its head.
    fn behind(mut self, mut bytes: Vec<u8>) -> Self {
        bytes.append(self.bytes());
        *self.bytes() = bytes;
        self
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::Packed(encoder) => encoder.write_all(bytes),
            Self::Stored(buffer) => {
                for block in bytes.chunks(Self::BLOCK) {
                    let head = u32::try_from(block.len() << 3).map_err(io::Error::other)?;
                    buffer.extend_from_slice(&head.to_le_bytes()[..3]);
                    buffer.extend_from_slice(block);
                }
                Ok(())
            }
        }
    }

    /// What was written and not taken yet.
    fn bytes(&mut self) -> &mut Vec<u8> {
        match self {
            Self::Packed(encoder) => encoder.get_mut(),
            Self::Stored(buffer) => buffer,
        }
    }

    /// The rest of the frame, with what was not taken yet.
    fn finish(self) -> io::Result<Vec<u8>> {
        match self {
            Self::Packed(encoder) => encoder.finish(),
            Self::Stored(mut buffer) => {
                buffer.extend(Self::END);
                Ok(buffer)
            }
        }
    }
}

fn gzip(level: i32) -> GzEncoder<Vec<u8>> {
    GzEncoder::new(Vec::new(), Compression::new(level.unsigned_abs()))
}

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
pub(super) struct Levels {
    all: &'static [i32],
    /// Where in the list the level for a thin link is.
    thin: usize,
}

/// Which level is right, judged by who waits for whom and by what passes.
///
/// On a thin link it is known. On others a packer that waits may wait for the link, and then fewer
/// bytes help; or for a busy host, and then they do not. So a higher level is tried, and kept when
/// more passes with it.
pub(super) struct Level {
    levels: &'static Levels,
    index: usize,
    spent: Spent,
    /// Bytes a second before the level was raised, while the raise is on trial.
    before: Option<u64>,
    /// Judgements until a higher level may be tried.
    patience: u32,
    /// Bytes a second that a fast link takes: [`PROMISING`] at first.
    fast: u64,
}

impl Level {
    fn new(levels: &'static Levels, index: usize) -> Self {
        Self {
            levels,
            index,
            spent: Spent::default(),
            before: None,
            patience: 0,
            fast: PROMISING,
        }
    }

    fn get(&self) -> i32 {
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
        if time < JUDGED && (self.fast == FAST || bytes < EARLY) {
            return None;
        }
        let fast = std::mem::replace(&mut self.fast, FAST);
        self.spent = Spent::default();
        self.patience = self.patience.saturating_sub(1);
        let milliseconds = u64::try_from(time.as_millis()).unwrap_or(u64::MAX).max(1);
        let rate = bytes * 1000 / milliseconds;
        let wire = on_the_wire * 1000 / milliseconds;
        let (thin, fast) = (wire < THIN, wire >= fast);
        let tried = self.before.take();
        let old = self.index;
        if thin && waiting > packing {
            self.index = self.index.max(self.levels.thin);
        } else if fast {
            self.index = 0;
        } else if tried.is_some_and(|before| rate < before / 100 * WORTH) {
            self.index = self.index.saturating_sub(1);
            self.patience = PATIENCE;
        } else if packing > waiting {
            self.index = self.index.saturating_sub(1);
        } else if waiting > packing * 3
            && self.patience == 0
            && self.index + 1 < self.levels.all.len()
        {
            self.index += 1;
            self.before = Some(rate);
        }
        (self.index != old).then_some(self.get())
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::process::{Command, Stdio};
    use std::sync::mpsc::channel;

    use super::super::feed::HELD_BACK;
    use super::*;

    /// In millions of bytes, which stay as many, and milliseconds.
    fn spent(millions: u64, packing: u64, waiting: u64) -> Spent {
        Spent {
            bytes: millions * 1_000_000,
            packed: millions * 1_000_000,
            packing: Duration::from_millis(packing),
            waiting: Duration::from_millis(waiting),
        }
    }

    #[test]
    fn a_level_is_raised_while_more_passes() {
        let mut level = Level::new(&ZSTD, ZSTD_START.0);
        assert_eq!(level.judge(spent(1, 1, 1)), None, "too early");
        assert_eq!(level.judge(spent(30, 10, 1000)), Some(1));
        assert_eq!(level.judge(spent(100, 10, 1000)), Some(3), "it helped");
        assert_eq!(level.judge(spent(105, 10, 1000)), Some(1), "it did not");
        for _ in 1..PATIENCE {
            assert_eq!(level.judge(spent(100, 10, 1000)), None);
        }
        assert_eq!(level.judge(spent(100, 10, 1000)), Some(3), "tried again");
    }

    #[test]
    fn a_thin_link_gets_its_level_at_once_unless_the_machine_is_slower_still() {
        let mut level = Level::new(&ZSTD, ZSTD_START.0);
        assert_eq!(level.judge(spent(6, 50, 1000)), Some(6));
        assert_eq!(level.judge(spent(6, 200, 1000)), None);
        assert_eq!(level.judge(spent(6, 1000, 100)), Some(3));
        let mut level = Level::new(&GZIP, GZIP_START.0);
        assert_eq!(level.judge(spent(6, 50, 1000)), Some(6));
    }

    #[test]
    fn a_slow_machine_lowers_the_level() {
        let mut level = Level::new(&ZSTD, ZSTD_START.0);
        assert_eq!(level.judge(spent(50, 1000, 900)), Some(-5));
        assert_eq!(level.judge(spent(100, 1000, 0)), Some(STORED));
        assert_eq!(
            level.judge(spent(100, 1000, 0)),
            None,
            "there is no lower one"
        );
        assert_eq!(level.judge(spent(100, 500, 600)), None, "balanced");
    }

    #[test]
    fn a_fast_link_gets_bytes_as_they_are_and_soon() {
        let mut level = Level::new(&ZSTD, ZSTD_START.0);
        assert_eq!(level.judge(spent(10, 10, 10)), None, "too early");
        assert_eq!(level.judge(spent(10, 10, 10)), Some(STORED));
        assert_eq!(level.judge(spent(200, 10, 1000)), None);
        assert_eq!(level.judge(spent(50, 10, 1000)), Some(-5), "not so fast");
    }

    #[test]
    fn the_highest_level_stays() {
        let mut level = Level::new(&ZSTD, ZSTD_START.0);
        let mut bytes = 15;
        for wanted in [1, 3, 6, 9] {
            assert_eq!(level.judge(spent(bytes, 0, 1000)), Some(wanted));
            bytes = bytes * 3 / 2;
        }
        assert_eq!(level.judge(spent(bytes, 0, 1000)), None);
        assert_eq!(level.judge(spent(bytes, 0, 1000)), None);
    }

    #[test]
    fn a_stream_survives_changes_of_level_and_being_taken_in_pieces() {
        let text: Vec<u8> = (0u32..100_000).flat_map(u32::to_le_bytes).collect();
        for packing in [Packing::Zstd, Packing::Gzip, Packing::None] {
            let mut packer = Packer::new(packing, 0).unwrap();
            let mut stream = Vec::new();
            for (number, chunk) in text.chunks(10_000).enumerate() {
                packer.write(chunk).unwrap();
                stream.extend(packer.take());
                // Up, down, and not packed at all.
                let change = match number % 4 {
                    0 => spent(10, 0, 1000),
                    1 | 2 => spent(10_000, 2000, 0),
                    _ => spent(20, 2000, 0),
                };
                packer.adapt(change).unwrap();
                if number % 3 == 0 {
                    packer.push().unwrap();
                }
            }
            stream.extend(packer.finish().unwrap());
            let mut unpacked = Vec::new();
            match packing {
                Packing::Zstd => unpacked = zstd::decode_all(&*stream).unwrap(),
                Packing::Gzip => {
                    let mut decoder = flate2::read::MultiGzDecoder::new(&*stream);
                    decoder.read_to_end(&mut unpacked).unwrap();
                }
                Packing::None => unpacked = stream,
            }
            assert_eq!(unpacked, text, "{packing:?}");
        }
    }

    #[test]
    fn what_is_pushed_comes_out_of_a_host_s_unpacker_before_there_is_more() {
        let text: Vec<u8> = (0u32..300_000).flat_map(u32::to_le_bytes).collect();
        for (packing, program) in [(Packing::Zstd, "zstd"), (Packing::Gzip, "gzip")] {
            let mut unpacker = Command::new(program)
                .arg("-dc")
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .spawn()
                .unwrap();
            let mut packer = Packer::new(packing, u64::MAX).unwrap();
            packer.write(&text).unwrap();
            packer.write(&[0; HELD_BACK]).unwrap();
            packer.push().unwrap();
            let mut input = unpacker.stdin.take().unwrap();
            let packed = packer.take();
            let writer = std::thread::spawn(move || input.write_all(&packed).map(|()| input));
            let mut output = unpacker.stdout.take().unwrap();
            let mut unpacked = vec![0; text.len()];
            // The input is open meanwhile; an unpacker that waits for its end waits for ever.
            let (done, waiting) = channel();
            let reader = std::thread::spawn(move || {
                let read = output.read_exact(&mut unpacked).map(|()| unpacked);
                let _ = done.send(());
                read
            });
            let came = waiting.recv_timeout(Duration::from_secs(60));
            drop(writer.join().unwrap());
            unpacker.kill().unwrap();
            unpacker.wait().unwrap();
            assert!(came.is_ok(), "{program}");
            assert_eq!(reader.join().unwrap().unwrap(), text, "{program}");
        }
    }
}
