//! What a login shell's start-up files print before a script's own output begins.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncReadExt, ReadBuf};

use super::process::Reader;

/// Printed first by every script, so that its output can be told from the noise before it.
const MARK: &[u8] = b"\x01webpods\x02";
/// Prints [`MARK`] in any `sh`.
const PRINT: &str = "printf '\\001webpods\\002'; ";
/// More noise than this is taken for the output of something that is no shell of ours.
const LONGEST: usize = 64 * 1024;

/// The script that marks where its output begins.
pub fn marked(script: &str) -> String {
    format!("{PRINT}{script}")
}

/// The output from the mark on. All of it when no mark comes: a login that runs no scripts has
/// said why, and its words are worth more than nothing.
///
/// The mark is waited for by whoever reads, so that input need not wait for it.
pub fn skipped(output: impl AsyncRead + Send + Unpin + 'static) -> Reader {
    Box::new(Skipped::Waiting(Box::pin(skip(output))))
}

enum Skipped {
    Waiting(Pin<Box<dyn Future<Output = Reader> + Send>>),
    Through(Reader),
}

impl AsyncRead for Skipped {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        loop {
            match &mut *self {
                Self::Waiting(skip) => {
                    let rest = ready!(skip.as_mut().poll(context));
                    *self = Self::Through(rest);
                }
                Self::Through(rest) => return Pin::new(rest).poll_read(context, into),
            }
        }
    }
}

async fn skip(mut output: impl AsyncRead + Send + Unpin + 'static) -> Reader {
    let mut seen = Vec::new();
    let mut chunk = [0; 4096];
    while seen.len() < LONGEST {
        if let Some(at) = seen.windows(MARK.len()).position(|bytes| bytes == MARK) {
            seen.drain(..at + MARK.len());
            break;
        }
        match output.read(&mut chunk).await {
            // A broken connection shows again at the next read.
            Ok(0) | Err(_) => break,
            Ok(read) => seen.extend_from_slice(&chunk[..read]),
        }
    }
    if seen.is_empty() {
        return Box::new(output);
    }
    Box::new(std::io::Cursor::new(seen).chain(output))
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn rest_of(output: &'static [u8]) -> Vec<u8> {
        let mut rest = Vec::new();
        skipped(output).read_to_end(&mut rest).await.unwrap();
        rest
    }

    #[tokio::test]
    async fn noise_before_the_mark_is_dropped_and_nothing_else() {
        assert_eq!(rest_of(b"\x01webpods\x02out").await, b"out");
        assert_eq!(
            rest_of(b"Welcome!\n\x01webpods\x02\x01webpods\x02").await,
            MARK
        );
        assert_eq!(rest_of(b"\x01webpods\x02").await, b"");
        assert_eq!(
            rest_of(b"This account is not available.\n").await,
            b"This account is not available.\n"
        );
        assert_eq!(rest_of(b"").await, b"");
    }

    #[tokio::test]
    async fn a_mark_may_arrive_in_pieces() {
        let pieces = [&b"hi\x01web"[..], &b"pods"[..], &b"\x02out"[..]];
        let pieces = futures_util::stream::iter(pieces.map(Ok::<_, std::io::Error>));
        let reader = tokio_util::io::StreamReader::new(pieces);
        let mut rest = Vec::new();
        skipped(reader).read_to_end(&mut rest).await.unwrap();
        assert_eq!(rest, b"out");
    }

    #[test]
    fn sh_prints_the_mark() {
        let script = marked("printf x");
        let output = std::process::Command::new("sh")
            .args(["-c", &script])
            .output()
            .unwrap();
        assert_eq!(output.stdout, [MARK, b"x"].concat());
    }
}
