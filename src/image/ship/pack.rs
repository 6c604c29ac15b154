//! Packs a stream with what the host can unpack.

use std::io::{self, Write};

use flate2::Compression;
use flate2::write::GzEncoder;
use zstd::stream::write::Encoder;

use super::answer::Packing;
use super::level::{Level, STORED, Spent};

/// The most bytes that an unpacker reads at once: gzip's, zstd has half of it.
const READ: usize = 256 << 10;
/// How a frame begins that zstd skips.
const SKIPPED: [u8; 4] = [0x50, 0x2a, 0x4d, 0x18];
/// A block of gzip without bytes.
const NOTHING: [u8; 5] = [0, 0, 0, 0xff, 0xff];

/// A stream being packed; the memory it takes does not depend on the stream's length.
pub(super) enum Packer {
    Zstd(Frame, Level),
    Gzip(GzEncoder<Vec<u8>>, Level),
    None(Vec<u8>),
}

impl Packer {
    /// For a stream of about `size` bytes.
    pub(super) fn new(packing: Packing, size: u64) -> io::Result<Self> {
        Ok(match packing {
            Packing::Zstd => {
                let level = Level::zstd(size);
                Self::Zstd(Frame::new(level.get())?, level)
            }
            Packing::Gzip => {
                let level = Level::gzip(size);
                Self::Gzip(gzip(level.get()), level)
            }
            Packing::None => Self::None(Vec::new()),
        })
    }

    pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::Zstd(frame, level) => {
                level.see(bytes);
                frame.write(bytes)
            }
            Self::Gzip(encoder, level) => {
                level.see(bytes);
                encoder.write_all(bytes)
            }
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
                let pack = |bytes: &[u8], level| zstd::bulk::compress(bytes, level);
                if let Some(new) = level.adapt(spent, pack)? {
                    let next = Frame::new(new)?;
                    let old = std::mem::replace(frame, Frame::Stored(Vec::new()));
                    *frame = next.behind(old.finish()?);
                }
            }
            Self::Gzip(encoder, level) => {
                let pack = |bytes: &[u8], level| {
                    let mut encoder = gzip(level);
                    encoder.write_all(bytes)?;
                    encoder.finish()
                };
                if let Some(new) = level.adapt(spent, pack)? {
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
#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::process::{Command, Stdio};
    use std::sync::mpsc::channel;
    use std::time::Duration;

    use super::super::feed::HELD_BACK;
    use super::super::level::tests::spent;
    use super::*;

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
            packer.write(&HELD_BACK).unwrap();
            packer.push().unwrap();
            let mut input = unpacker.stdin.take().unwrap();
            let bytes = packer.take();
            let writer = std::thread::spawn(move || input.write_all(&bytes).map(|()| input));
            let mut output = unpacker.stdout.take().unwrap();
            let mut came = vec![0; text.len()];
            // The input is open meanwhile; an unpacker that waits for its end waits for ever.
            let (done, waiting) = channel();
            let reader = std::thread::spawn(move || {
                let read = output.read_exact(&mut came).map(|()| came);
                let _ = done.send(());
                read
            });
            let in_time = waiting.recv_timeout(Duration::from_secs(60));
            drop(writer.join().unwrap());
            unpacker.kill().unwrap();
            unpacker.wait().unwrap();
            assert!(in_time.is_ok(), "{program}");
            assert_eq!(reader.join().unwrap().unwrap(), text, "{program}");
        }
    }
}
