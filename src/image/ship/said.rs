//! What the receiving script prints: lines, and now and then bytes.

use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};

use super::answer::Answer;
use crate::remote::Reader;

/// The longest line that is looked at.
const LONGEST: u64 = 4096;

pub(super) struct Said {
    from: BufReader<Reader>,
    /// Bytes read so far.
    pub(super) bytes: u64,
}

impl Said {
    pub(super) fn new(from: Reader) -> Self {
        Self {
            from: BufReader::new(from),
            bytes: 0,
        }
    }

    /// The next answer; lines that are none are passed over. Nothing: the script ended, or the
    /// connection is lost.
    pub(super) async fn answer(&mut self) -> Option<Answer> {
        loop {
            let mut line = Vec::new();
            let mut limited = (&mut self.from).take(LONGEST);
            let read = limited.read_until(b'\n', &mut line).await.ok()?;
            if read == 0 {
                return None;
            }
            self.bytes += read as u64;
            let line = String::from_utf8_lossy(&line);
            if let Some(answer) = Answer::parse(line.trim_end_matches('\n')) {
                return Some(answer);
            }
        }
    }

    /// Exactly so many bytes.
    pub(super) async fn exactly(&mut self, size: u64) -> Option<Vec<u8>> {
        let mut bytes = Vec::new();
        let mut limited = (&mut self.from).take(size);
        limited.read_to_end(&mut bytes).await.ok()?;
        self.bytes += bytes.len() as u64;
        (bytes.len() as u64 == size).then_some(bytes)
    }
}
