//! A script that runs on a host while its input and output flow.

use std::future::Future;
use std::pin::Pin;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::OwnedSemaphorePermit;
use tokio::task::JoinHandle;

use crate::error::Result;
use crate::model::HostName;

use super::Output;

/// What is kept of a streamed script's stderr, in bytes.
const KEPT: usize = 16 * 1024;

/// Where a script's output is read.
pub type Reader = Box<dyn AsyncRead + Send + Unpin>;
/// Where a script's input is written; dropping it ends the input.
pub type Writer = Box<dyn AsyncWrite + Send + Unpin>;
/// The exit status once there is one.
pub(super) type Ending = Pin<Box<dyn Future<Output = Result<i32>> + Send>>;

/// A script that runs. Dropping it closes its input and output; it ends on its own soon after.
pub struct Process {
    /// Its standard input; `take()` and drop it to end the input.
    pub stdin: Option<Writer>,
    /// Its standard output.
    pub stdout: Reader,
    stderr: JoinHandle<Vec<u8>>,
    ending: Ending,
    host: HostName,
    /// One of the connection's channels, for as long as the script runs.
    channel: Option<OwnedSemaphorePermit>,
}

impl Process {
    pub(super) fn new(
        host: &HostName,
        stdin: Writer,
        stdout: Reader,
        stderr: Reader,
        ending: Ending,
        channel: Option<OwnedSemaphorePermit>,
    ) -> Self {
        Self {
            stdin: Some(stdin),
            stdout,
            stderr: tokio::spawn(tail(stderr)),
            ending,
            host: host.clone(),
            channel,
        }
    }

    /// Ends the input, gives up on unread output and waits for the script to end.
    ///
    /// # Errors
    /// The connection was lost. A status other than 0 is no error: see [`Output::ok`].
    pub async fn wait(self) -> Result<Output> {
        drop(self.stdin);
        drop(self.stdout);
        let status = self.ending.await?;
        drop(self.channel);
        Ok(Output {
            host: self.host,
            status,
            stdout: Vec::new(),
            stderr: self.stderr.await.unwrap_or_default(),
        })
    }

    /// Feeds `input`, collects everything and waits for the script to end.
    pub(super) async fn finish(mut self, input: &[u8]) -> Result<Output> {
        let mut stdout = Vec::new();
        let stdin = self.stdin.take();
        let feed = async {
            if let Some(mut stdin) = stdin {
                // A script that stops reading early breaks the pipe; its status says whether that
                // was a failure.
                let _ = stdin.write_all(input).await;
                let _ = stdin.shutdown().await;
            }
        };
        // A connection that breaks while reading shows in the ending, which knows why.
        let ((), _) = tokio::join!(feed, self.stdout.read_to_end(&mut stdout));
        let output = self.wait().await?;
        Ok(Output { stdout, ..output })
    }
}

impl std::fmt::Debug for Process {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Process on {}", self.host)
    }
}

/// Reads to the end and keeps the last bytes, so that a talkative script never blocks.
async fn tail(mut stderr: Reader) -> Vec<u8> {
    let mut kept = Vec::new();
    let mut chunk = [0; 4096];
    while let Ok(read) = stderr.read(&mut chunk).await {
        if read == 0 {
            break;
        }
        kept.extend_from_slice(&chunk[..read]);
        if kept.len() > 2 * KEPT {
            kept.drain(..kept.len() - KEPT);
        }
    }
    kept.drain(..kept.len().saturating_sub(KEPT));
    kept
}
