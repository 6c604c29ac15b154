//! Joins blocking readers and writers of archives with streams of bytes; a few chunks in between.

use std::io::{self, Read, Write};

use bytes::{Buf, Bytes, BytesMut};
use futures_util::{Stream, StreamExt, stream};
use tokio::sync::mpsc::{Receiver, Sender, channel};

/// Chunks under way.
const IN_FLIGHT: usize = 8;
/// The size of a written chunk.
const CHUNK: usize = 256 << 10;

/// Runs a blocking reader over a stream.
pub(super) async fn read<T: Send + 'static>(
    mut stream: impl Stream<Item = io::Result<Bytes>> + Unpin,
    reader: impl FnOnce(StreamReader) -> T + Send + 'static,
) -> Result<T, tokio::task::JoinError> {
    let (sender, chunks) = channel(IN_FLIGHT);
    let reading = tokio::task::spawn_blocking(move || {
        reader(StreamReader {
            chunks,
            current: Bytes::new(),
        })
    });
    while let Some(chunk) = stream.next().await {
        // A reader that is done stops receiving.
        if sender.send(chunk).await.is_err() {
            break;
        }
    }
    drop(sender);
    reading.await
}

/// The bytes that a blocking writer writes, as a stream; the writer's error is its last item.
pub(super) fn write(
    writer: impl FnOnce(&mut StreamWriter) -> io::Result<()> + Send + 'static,
) -> impl Stream<Item = io::Result<Bytes>> + Send + 'static {
    let (sender, chunks) = channel(IN_FLIGHT);
    tokio::task::spawn_blocking(move || {
        let mut to = StreamWriter {
            chunks: sender,
            pending: BytesMut::with_capacity(CHUNK),
        };
        if let Err(error) = writer(&mut to).and_then(|()| to.flush()) {
            // Without a receiver nobody wants to know.
            let _ = to.chunks.blocking_send(Err(error));
        }
    });
    stream::unfold(chunks, |mut chunks| async move {
        chunks.recv().await.map(|chunk| (chunk, chunks))
    })
}

/// Reads what a stream brings; blocks, so it belongs on a thread of its own.
pub(super) struct StreamReader {
    chunks: Receiver<io::Result<Bytes>>,
    current: Bytes,
}

impl Read for StreamReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.current.is_empty() {
            match self.chunks.blocking_recv() {
                Some(chunk) => self.current = chunk?,
                None => return Ok(0),
            }
        }
        let n = self.current.len().min(buffer.len());
        self.current.copy_to_slice(&mut buffer[..n]);
        Ok(n)
    }
}

/// Writes into a stream; blocks while nobody reads.
pub(super) struct StreamWriter {
    chunks: Sender<io::Result<Bytes>>,
    pending: BytesMut,
}

impl Write for StreamWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.pending.extend_from_slice(bytes);
        if self.pending.len() >= CHUNK {
            self.flush()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.pending.is_empty() {
            return Ok(());
        }
        let chunk = self.pending.split().freeze();
        self.chunks
            .blocking_send(Ok(chunk))
            .map_err(|_| io::ErrorKind::BrokenPipe.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_written_is_read() {
        let bytes: Vec<u8> = (0u32..500_000).flat_map(u32::to_le_bytes).collect();
        let wanted = bytes.clone();
        let stream = Box::pin(write(move |to| to.write_all(&bytes)));
        let read = read(stream, |mut from| {
            let mut all = Vec::new();
            from.read_to_end(&mut all).map(|_| all)
        });
        assert_eq!(read.await.unwrap().unwrap(), wanted);
    }

    #[tokio::test]
    async fn errors_pass_both_ways() {
        let stream = Box::pin(write(|_| Err(io::Error::other("broken"))));
        let failed = read(stream, |mut from| {
            from.read(&mut [0; 1]).unwrap_err().to_string()
        });
        assert_eq!(failed.await.unwrap(), "broken");
        // A reader that gives up ends the writer.
        let (ended, has_ended) = std::sync::mpsc::channel();
        let endless = Box::pin(write(move |to| {
            let error = loop {
                if let Err(error) = to.write_all(&[0; 4096]) {
                    break error;
                }
            };
            ended.send(error.kind()).unwrap();
            Ok(())
        }));
        read(endless, drop).await.unwrap();
        let patience = std::time::Duration::from_secs(10);
        let kind = has_ended.recv_timeout(patience).unwrap();
        assert_eq!(kind, io::ErrorKind::BrokenPipe);
    }
}
