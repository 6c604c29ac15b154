//! The engine's framing of a container's output.

use bytes::{Buf, Bytes, BytesMut};
use tokio_util::codec::Decoder;

/// Which stream output came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Source {
    /// Standard output, and everything of a container with a terminal.
    Stdout,
    /// Standard error.
    Stderr,
}

/// A piece of output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chunk {
    /// Where it came from.
    pub source: Source,
    /// The bytes.
    pub bytes: Bytes,
}

/// Splits the engine's stream into pieces.
///
/// Without a terminal each piece has a header of eight bytes: stream, three zeros, length in
/// network order. With one the bytes come as they are.
#[derive(Debug)]
pub struct Frames {
    terminal: bool,
    /// The stream of the frame that is being read and its bytes still to come.
    open: Option<(Source, usize)>,
}

impl Frames {
    pub fn new(terminal: bool) -> Self {
        Self {
            terminal,
            open: None,
        }
    }
}

impl Decoder for Frames {
    type Item = Chunk;
    type Error = std::io::Error;

    fn decode(&mut self, read: &mut BytesMut) -> std::io::Result<Option<Chunk>> {
        if self.terminal {
            let bytes = read.split().freeze();
            return Ok((!bytes.is_empty()).then_some(Chunk {
                source: Source::Stdout,
                bytes,
            }));
        }
        loop {
            if let Some((source, left)) = self.open {
                if read.is_empty() && left > 0 {
                    return Ok(None);
                }
                // A long frame is handed on as it comes, so that memory stays small.
                let taken = left.min(read.len());
                let bytes = read.split_to(taken).freeze();
                self.open = (taken < left).then_some((source, left - taken));
                if bytes.is_empty() {
                    continue;
                }
                return Ok(Some(Chunk { source, bytes }));
            }
            if read.len() < 8 {
                return Ok(None);
            }
            let stream = read.get_u8();
            read.advance(3);
            let length = read.get_u32() as usize;
            let source = match stream {
                0 | 1 => Source::Stdout,
                2 => Source::Stderr,
                _ => {
                    return Err(std::io::Error::new(
                        std::io::ErrorKind::InvalidData,
                        format!("the engine sent output of an unknown stream, {stream}"),
                    ));
                }
            };
            self.open = Some((source, length));
        }
    }

    fn decode_eof(&mut self, read: &mut BytesMut) -> std::io::Result<Option<Chunk>> {
        let chunk = self.decode(read)?;
        if chunk.is_none() {
            // A connection cut within a header leaves bytes that mean nothing.
            read.clear();
        }
        Ok(chunk)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(stream: u8, text: &str) -> Vec<u8> {
        let mut bytes = vec![stream, 0, 0, 0];
        bytes.extend(u32::try_from(text.len()).unwrap().to_be_bytes());
        bytes.extend(text.as_bytes());
        bytes
    }

    /// Decodes `bytes` that arrive in pieces of `size`, and joins neighbours of one stream.
    fn decode(bytes: &[u8], size: usize, terminal: bool) -> Vec<(Source, String)> {
        let mut frames = Frames::new(terminal);
        let mut buffer = BytesMut::new();
        let mut joined: Vec<(Source, String)> = Vec::new();
        let mut keep = |chunk: Chunk| {
            let text = String::from_utf8(chunk.bytes.to_vec()).unwrap();
            match joined.last_mut() {
                Some((source, so_far)) if *source == chunk.source => so_far.push_str(&text),
                _ => joined.push((chunk.source, text)),
            }
        };
        for piece in bytes.chunks(size) {
            buffer.extend_from_slice(piece);
            while let Some(chunk) = frames.decode(&mut buffer).unwrap() {
                keep(chunk);
            }
        }
        while let Some(chunk) = frames.decode_eof(&mut buffer).unwrap() {
            keep(chunk);
        }
        joined
    }

    #[test]
    fn streams_are_told_apart_however_the_bytes_arrive() {
        let mut bytes = frame(1, "out\n");
        bytes.extend(frame(2, ""));
        bytes.extend(frame(2, "err\n"));
        bytes.extend(frame(1, "more"));
        let expected = [
            (Source::Stdout, "out\n".to_owned()),
            (Source::Stderr, "err\n".to_owned()),
            (Source::Stdout, "more".to_owned()),
        ];
        for size in [1, 2, 7, 8, 9, 1000] {
            assert_eq!(decode(&bytes, size, false), expected, "pieces of {size}");
        }
    }

    #[test]
    fn a_terminal_has_no_frames() {
        assert_eq!(
            decode(b"\x01\x02raw", 2, true),
            [(Source::Stdout, "\x01\x02raw".to_owned())]
        );
    }

    #[test]
    fn nonsense_and_cut_streams_do_not_panic() {
        let mut buffer = BytesMut::from(&b"\x09\0\0\0\0\0\0\x01x"[..]);
        assert!(Frames::new(false).decode(&mut buffer).is_err());
        assert_eq!(
            decode(&frame(1, "abcdef")[..10], 3, false),
            [(Source::Stdout, "ab".to_owned())]
        );
        assert_eq!(decode(b"\x01\0\0", 3, false), []);
    }
}
