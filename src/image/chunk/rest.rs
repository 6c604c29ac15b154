//! A window on a stream that is looked at before it is consumed.

use std::io::{self, Read};

/// What can be looked at in one piece, in bytes.
const WIDTH: usize = 2 << 20;

pub(super) struct Rest<R> {
    from: R,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    ended: bool,
}

impl<R: Read> Rest<R> {
    pub(super) fn new(from: R) -> Self {
        Self {
            from,
            buffer: vec![0; WIDTH],
            start: 0,
            end: 0,
            ended: false,
        }
    }

    /// The next `wanted` bytes, at most half the window; fewer only at the end of the stream.
    pub(super) fn look(&mut self, wanted: usize) -> io::Result<&[u8]> {
        let wanted = wanted.min(WIDTH / 2);
        if self.start + wanted > WIDTH {
            self.buffer.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
        while self.end - self.start < wanted && !self.ended {
            match self.from.read(&mut self.buffer[self.end..]) {
                Ok(0) => self.ended = true,
                Ok(n) => self.end += n,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        let got = wanted.min(self.end - self.start);
        Ok(&self.buffer[self.start..self.start + got])
    }

    /// Goes past bytes that were looked at.
    pub(super) fn pass(&mut self, count: usize) {
        self.start = (self.start + count).min(self.end);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_passes_by_in_order() {
        let bytes: Vec<u8> = (0u32..1_500_000).flat_map(u32::to_le_bytes).collect();
        let mut rest = Rest::new(&*bytes);
        let mut seen = Vec::new();
        for step in [1, 7, 512, 300_000, WIDTH].iter().cycle() {
            let piece = rest.look(*step).unwrap().to_vec();
            if piece.is_empty() {
                break;
            }
            rest.pass(piece.len());
            seen.extend(piece);
        }
        assert_eq!(seen, bytes);
    }
}
