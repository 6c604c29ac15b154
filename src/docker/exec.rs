//! Commands in a running container, with or without a terminal (spec §18.3).

use std::pin::Pin;

use bollard::models::ExecInspectResponse;
use bytes::Bytes;
use futures_util::Stream;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWrite};
use tokio_util::codec::FramedRead;

use super::call::Call;
use super::frames::{Chunk, Frames};
use super::{Engine, Result};

/// What to run, and how.
#[derive(Debug, Clone, Default)]
pub struct ExecOptions {
    /// Program and arguments.
    pub command: Vec<String>,
    /// `NAME=value`.
    pub environment: Vec<String>,
    /// `user` or `user:group`; none: the container's own.
    pub user: Option<String>,
    /// A folder in the container; none: the container's own.
    pub folder: Option<String>,
    /// Rows and columns; a terminal is allocated when they are set.
    pub terminal: Option<(u16, u16)>,
    /// The command reads our input.
    pub input: bool,
    /// All capabilities.
    pub privileged: bool,
}

/// Where input for a command goes; shutting it down ends the command's input.
pub type ExecInput = Pin<Box<dyn AsyncWrite + Send>>;

/// A command that runs in a container.
pub struct Exec {
    /// Its standard input.
    pub input: ExecInput,
    /// Its output; with a terminal all of it is [`Source::Stdout`](super::Source::Stdout). It ends
    /// when the command does.
    pub output: Pin<Box<dyn Stream<Item = std::io::Result<Chunk>> + Send>>,
    id: String,
    engine: Engine,
}

impl Engine {
    /// Starts a command in a container.
    ///
    /// # Errors
    /// Not found; the container does not run (conflict). A program that does not exist shows as
    /// status 126 or 127.
    pub async fn exec(&self, container: &str, options: &ExecOptions) -> Result<Exec> {
        let id = self.create_exec(container, options).await?;
        let doing = format!("run a command in container `{container}`");
        let terminal = options.terminal.is_some();
        let start = json!({
            "Detach": false,
            "Tty": terminal,
            // Engines since 23 know it and start the terminal in its size.
            "ConsoleSize": options.terminal.map(|(rows, columns)| [rows, columns]),
        });
        let start = Call::post(doing, &["exec", &id, "start"]).json(&start)?;
        let (stream, already) = self.wire.upgrade(start).await?;
        let (read, write) = stream.into_split();
        let read = std::io::Cursor::new(already).chain(read);
        let exec = Exec {
            input: Box::pin(write),
            output: Box::pin(FramedRead::new(read, Frames::new(terminal))),
            id,
            engine: self.clone(),
        };
        if let Some((rows, columns)) = options.terminal {
            // The command may have ended already, and an old engine may not have started it yet;
            // a terminal of the wrong size is no reason to fail.
            let _ = exec.resize(rows, columns).await;
        }
        Ok(exec)
    }

    async fn create_exec(&self, container: &str, options: &ExecOptions) -> Result<String> {
        #[derive(serde::Deserialize)]
        #[serde(rename_all = "PascalCase")]
        struct Created {
            id: String,
        }
        let doing = format!("run a command in container `{container}`");
        let mut body = json!({
            "Cmd": options.command,
            "Env": options.environment,
            "AttachStdin": options.input,
            "AttachStdout": true,
            "AttachStderr": true,
            "Tty": options.terminal.is_some(),
            "Privileged": options.privileged,
            "User": options.user.as_deref().unwrap_or_default(),
        });
        if let Some(folder) = &options.folder {
            body["WorkingDir"] = json!(folder);
        }
        let call = Call::post(doing, &["containers", container, "exec"]).json(&body)?;
        let created: Created = self.wire.json(call).await?;
        Ok(created.id)
    }
}

impl Exec {
    /// Tells the command's terminal its size.
    ///
    /// # Errors
    /// The command has ended, or has no terminal.
    pub fn resize(
        &self,
        rows: u16,
        columns: u16,
    ) -> impl Future<Output = Result<()>> + Send + use<> {
        let call = Call::post("resize a terminal", &["exec", &self.id, "resize"])
            .query("h", rows.to_string())
            .query("w", columns.to_string());
        // Nothing of `self` may be held while waiting: its streams belong to one thread at a time.
        let engine = self.engine.clone();
        async move { engine.wire.done(call).await }
    }

    /// The exit status; none while the command runs.
    ///
    /// # Errors
    /// No answer.
    pub fn status(&self) -> impl Future<Output = Result<Option<i64>>> + Send + use<> {
        let call = Call::get("inspect a command", &["exec", &self.id, "json"]);
        let engine = self.engine.clone();
        async move {
            let seen: ExecInspectResponse = engine.wire.json(call).await?;
            Ok(seen.exit_code.filter(|_| seen.running != Some(true)))
        }
    }

    /// Collects the output of a command that needs no input; status, stdout, stderr.
    ///
    /// # Errors
    /// The connection broke.
    pub async fn collect(mut self) -> Result<(i64, Bytes, Bytes)> {
        use futures_util::StreamExt;
        let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
        while let Some(chunk) = self.output.next().await {
            let chunk = chunk.map_err(|error| {
                super::EngineError::broken(self.engine.host(), "read a command's output", &error)
            })?;
            match chunk.source {
                super::Source::Stdout => stdout.extend_from_slice(&chunk.bytes),
                super::Source::Stderr => stderr.extend_from_slice(&chunk.bytes),
            }
        }
        let status = self.status().await?.unwrap_or_default();
        Ok((status, stdout.into(), stderr.into()))
    }
}

impl std::fmt::Debug for Exec {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Exec({})", self.id)
    }
}
