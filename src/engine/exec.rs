//! Commands in running containers (spec §18.3).

use futures_util::StreamExt;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::watch;

use crate::docker::{ExecOptions, Source};
use crate::error::{Error, Explain, Result};

use super::Engine;
use super::select::Selected;

/// What to run.
#[derive(Debug, Clone, Default)]
pub struct ExecRequest {
    /// Program and arguments.
    pub command: Vec<String>,
    /// `user` or `user:group`.
    pub user: Option<String>,
    /// A folder in the container.
    pub workdir: Option<String>,
    /// `NAME=value`.
    pub env: Vec<String>,
}

/// Where a command's input and output go.
pub struct Streams<I, O, E> {
    /// Its input.
    pub input: I,
    /// Its standard output; all output with a terminal.
    pub output: O,
    /// Its standard error.
    pub error: E,
    /// Rows and columns, when the command gets a terminal; changes are passed on.
    pub terminal: Option<watch::Receiver<(u16, u16)>>,
}

impl Engine {
    /// Runs a command in a container until it ends; its exit status.
    ///
    /// # Errors
    /// The container does not run; the connection breaks.
    pub async fn exec<I, O, E>(
        &self,
        chosen: &Selected,
        request: ExecRequest,
        mut streams: Streams<I, O, E>,
    ) -> Result<i64>
    where
        I: AsyncRead + Unpin + Send + 'static,
        O: AsyncWrite + Unpin,
        E: AsyncWrite + Unpin,
    {
        let nodes = self.selected_nodes()?;
        let node = nodes
            .get(&chosen.host)
            .ok_or_else(|| Error::user(format!("host `{}` is not connected", chosen.host)))?;
        let mut exec = node
            .engine()
            .await?
            .exec(
                &chosen.container.id,
                &ExecOptions {
                    command: request.command,
                    environment: request.env,
                    user: request.user,
                    folder: request.workdir,
                    terminal: streams.terminal.as_ref().map(|size| *size.borrow()),
                    input: true,
                    privileged: false,
                },
            )
            .await?;
        let input = std::mem::replace(&mut exec.input, Box::pin(tokio::io::sink()));
        let pump = tokio::spawn(pump(streams.input, input));
        loop {
            tokio::select! {
                chunk = exec.output.next() => {
                    let Some(chunk) = chunk else { break };
                    let chunk = chunk.explain(|| "the connection to the command broke")?;
                    let written = match chunk.source {
                        Source::Stdout => write(&mut streams.output, &chunk.bytes).await,
                        Source::Stderr => write(&mut streams.error, &chunk.bytes).await,
                    };
                    written.explain(|| "cannot print the command's output")?;
                }
                size = resized(&mut streams.terminal) => {
                    // The command may have ended just now; its size is of no interest then.
                    let _ = exec.resize(size.0, size.1).await;
                }
            }
        }
        pump.abort();
        exec.status()
            .await?
            .ok_or_else(|| Error::user("the connection ended before the command did"))
    }
}

async fn write(sink: &mut (impl AsyncWrite + Unpin), bytes: &[u8]) -> std::io::Result<()> {
    sink.write_all(bytes).await?;
    sink.flush().await
}

/// The next size of the terminal; never without one.
async fn resized(terminal: &mut Option<watch::Receiver<(u16, u16)>>) -> (u16, u16) {
    if let Some(sizes) = terminal
        && sizes.changed().await.is_ok()
    {
        return *sizes.borrow_and_update();
    }
    std::future::pending().await
}

async fn pump(mut from: impl AsyncRead + Unpin, mut to: crate::docker::ExecInput) {
    let mut buffer = [0; 8192];
    loop {
        match from.read(&mut buffer).await {
            Ok(0) | Err(_) => break,
            Ok(count) => {
                if to.write_all(&buffer[..count]).await.is_err() || to.flush().await.is_err() {
                    return;
                }
            }
        }
    }
    // End of input; the command may go on.
    let _ = to.shutdown().await;
}
