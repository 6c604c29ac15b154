//! A container's log, line by line (spec §18.2).

use std::collections::HashMap;
use std::io;

use bytes::{Bytes, BytesMut};
use futures_util::{Stream, StreamExt, stream};
use tokio_util::codec::FramedRead;
use tokio_util::io::StreamReader;

use super::call::Call;
use super::frames::{Chunk, Frames, Source};
use super::{Engine, Result};

/// A longer line comes in pieces of this many bytes.
const LONGEST: usize = 1024 * 1024;

/// Which part of a log.
#[derive(Debug, Clone, Default)]
pub struct LogOptions {
    /// Goes on with new lines until the container stops.
    pub follow: bool,
    /// From this time on, as the engine reads it: seconds since the epoch, `1700000000.5`.
    pub since: Option<String>,
    /// Up to this time, in the same form.
    pub until: Option<String>,
    /// The last lines only.
    pub tail: Option<u64>,
}

/// One line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogLine {
    /// Nanoseconds since the epoch, by the host's clock.
    pub time: i128,
    /// Which stream it was written to.
    pub source: Source,
    /// The text without its line break; bytes that are not UTF-8 are replaced.
    pub text: String,
}

impl Engine {
    /// The lines of a container's log, oldest first.
    ///
    /// # Errors
    /// Not found; the container's log driver cannot be read. An item that is an error ends the
    /// stream: the connection broke.
    pub async fn logs(
        &self,
        container: &str,
        options: &LogOptions,
    ) -> Result<impl Stream<Item = io::Result<LogLine>> + Send + Unpin + 'static + use<>> {
        let doing = format!("read the log of container `{container}`");
        let tail = options
            .tail
            .map_or_else(|| "all".to_owned(), |lines| lines.to_string());
        let mut call = Call::get(doing, &["containers", container, "logs"])
            .query("stdout", "1")
            .query("stderr", "1")
            .query("timestamps", "1")
            .query("tail", tail)
            .query("follow", if options.follow { "1" } else { "0" });
        if let Some(since) = &options.since {
            call = call.query("since", since);
        }
        if let Some(until) = &options.until {
            call = call.query("until", until);
        }
        // A log that is followed answers with its first line, which may take forever.
        let body = self.wire.download(call.patience(None));
        let (seen, body) = tokio::try_join!(self.inspect(container), body)?;
        let terminal = seen.config.and_then(|config| config.tty);
        Ok(lines(body, terminal.unwrap_or_default()))
    }
}

fn lines(
    body: impl Stream<Item = io::Result<Bytes>> + Send + Unpin + 'static,
    terminal: bool,
) -> impl Stream<Item = io::Result<LogLine>> + Send + Unpin + 'static {
    let chunks = FramedRead::new(StreamReader::new(body), Frames::new(terminal));
    let mut split = Split::default();
    let lines = chunks
        .map(Some)
        .chain(stream::iter([None]))
        .map(move |chunk| match chunk {
            Some(Ok(chunk)) => split.feed(&chunk).into_iter().map(Ok).collect(),
            Some(Err(error)) => vec![Err(error)],
            None => split.rest().into_iter().map(Ok).collect(),
        })
        .flat_map(stream::iter);
    Box::pin(lines)
}

/// Joins pieces of output to lines, each stream for itself.
#[derive(Default)]
struct Split {
    open: HashMap<Source, BytesMut>,
    /// The latest time seen, for a line that has none of its own.
    time: i128,
}

impl Split {
    fn feed(&mut self, chunk: &Chunk) -> Vec<LogLine> {
        let mut open = self.open.remove(&chunk.source).unwrap_or_default();
        open.extend_from_slice(&chunk.bytes);
        let mut lines = Vec::new();
        while let Some(end) = open.iter().position(|byte| *byte == b'\n') {
            let line = open.split_to(end + 1);
            lines.push(self.line(chunk.source, &line[..end]));
        }
        if open.len() > LONGEST {
            let piece = open.split();
            lines.push(self.line(chunk.source, &piece));
        }
        self.open.insert(chunk.source, open);
        lines
    }

    fn rest(&mut self) -> Vec<LogLine> {
        let open = std::mem::take(&mut self.open).into_iter();
        let rest: Vec<_> = open.filter(|(_, bytes)| !bytes.is_empty()).collect();
        rest.iter()
            .map(|(source, bytes)| self.line(*source, bytes))
            .collect()
    }

    fn line(&mut self, source: Source, bytes: &[u8]) -> LogLine {
        let text = String::from_utf8_lossy(bytes);
        let text = text.trim_end_matches('\r');
        let stamp = text.split_once(' ').unwrap_or((text, ""));
        let (time, text) = match stamp.0.parse::<jiff::Timestamp>() {
            Ok(time) => (time.as_nanosecond(), stamp.1),
            Err(_) => (self.time, text),
        };
        self.time = time;
        LogLine {
            time,
            source,
            text: text.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chunk(source: Source, text: &[u8]) -> Chunk {
        Chunk {
            source,
            bytes: Bytes::copy_from_slice(text),
        }
    }

    #[test]
    fn lines_are_joined_per_stream_and_carry_their_time() {
        let mut split = Split::default();
        assert_eq!(
            split.feed(&chunk(Source::Stdout, b"1970-01-01T00:00:01.000000002Z he")),
            []
        );
        let error = split.feed(&chunk(Source::Stderr, b"1970-01-01T00:00:02Z bad \xff\n"));
        assert_eq!(error[0].text, "bad \u{fffd}");
        assert_eq!(error[0].source, Source::Stderr);
        let line = split.feed(&chunk(
            Source::Stdout,
            b"llo\r\n1970-01-01T00:00:03Z \nno time",
        ));
        assert_eq!(
            (line[0].time, line[0].text.as_str()),
            (1_000_000_002, "hello")
        );
        assert_eq!((line[1].time, line[1].text.as_str()), (3_000_000_000, ""));
        let rest = split.rest();
        assert_eq!(
            (rest[0].time, rest[0].text.as_str()),
            (3_000_000_000, "no time")
        );
        assert_eq!(split.rest(), []);
    }

    #[test]
    fn an_endless_line_does_not_fill_the_memory() {
        let mut split = Split::default();
        let piece = vec![b'x'; LONGEST / 2 + 1];
        assert_eq!(split.feed(&chunk(Source::Stdout, &piece)).len(), 0);
        assert_eq!(split.feed(&chunk(Source::Stdout, &piece)).len(), 1);
        assert_eq!(split.rest(), []);
    }
}
