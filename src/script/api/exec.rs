//! `host.docker:exec`: a command in a running container, its lines shown as they come.

use std::time::Duration;

use futures_util::StreamExt as _;
use mlua::{Lua, Table};

use super::options;
use crate::docker::{Engine, ExecOptions, Source};
use crate::error::{Error, Result};
use crate::event::Event;
use crate::script::act::Stage;
use crate::script::fault::external;

/// As long as a job that must complete may take.
const LONGEST: Duration = Duration::from_secs(3600);
/// Lines that the script gets back, the last ones.
const KEPT: usize = 200;
/// Bytes after which a line without an end is one all the same.
const LONGEST_LINE: usize = 64 * 1024;

/// How a command ended, and what it said last.
pub(super) struct Ended {
    status: i64,
    lines: Vec<String>,
}

impl Ended {
    pub fn table(self, lua: &Lua) -> mlua::Result<Table> {
        let table = lua.create_table()?;
        table.set("status", self.status)?;
        table.set("lines", self.lines)?;
        Ok(table)
    }
}

/// The command as a script writes it.
pub(super) fn read(table: &Table) -> mlua::Result<ExecOptions> {
    let keys = [
        "command",
        "user",
        "privileged",
        "working_dir",
        "environment",
    ];
    options::known(table, "host.docker:exec", &keys)?;
    let command: Vec<String> = table.get("command")?;
    if command.is_empty() {
        return Err(external(
            Error::user("`host.docker:exec` needs a command")
                .hint("write `{command = {\"/bin/program\", \"argument\"}}`"),
        ));
    }
    Ok(ExecOptions {
        command,
        environment: table
            .get::<Option<Vec<String>>>("environment")?
            .unwrap_or_default(),
        user: table.get("user")?,
        folder: table.get("working_dir")?,
        privileged: table.get::<Option<bool>>("privileged")?.unwrap_or(false),
        ..ExecOptions::default()
    })
}

/// Runs it to its end; none when the container does not run.
pub(super) async fn run(
    stage: &Stage,
    engine: &Engine,
    container: &str,
    options: &ExecOptions,
) -> Result<Option<Ended>> {
    let mut exec = match engine.exec(container, options).await {
        Err(error) if error.is_conflict() || error.is_not_found() => return Ok(None),
        answer => answer?,
    };
    let mut lines = Lines {
        stage,
        container,
        open: [Vec::new(), Vec::new()],
        kept: Vec::new(),
    };
    let work = async {
        while let Some(chunk) = exec.output.next().await {
            // What came before the connection broke was said all the same; the status tells.
            let Ok(said) = chunk else { break };
            lines.take(said.source, &said.bytes);
        }
        exec.status().await
    };
    let status = tokio::time::timeout(LONGEST, work).await.map_err(|_| {
        Error::user(format!(
            "a command in container `{container}` on host `{}` has not ended after {} seconds",
            stage.node.name(),
            LONGEST.as_secs()
        ))
    })??;
    lines.end();
    let status = status.ok_or_else(|| {
        Error::user(format!(
            "a command in container `{container}` on host `{}` closed its output and still runs, \
             so that nobody can tell how it ends",
            stage.node.name()
        ))
    })?;
    Ok(Some(Ended {
        status,
        lines: lines.kept,
    }))
}

/// Cuts two streams into lines.
struct Lines<'a> {
    stage: &'a Stage,
    container: &'a str,
    open: [Vec<u8>; 2],
    kept: Vec<String>,
}

impl Lines<'_> {
    fn take(&mut self, source: Source, bytes: &[u8]) {
        let at = usize::from(source == Source::Stderr);
        for part in bytes.split_inclusive(|byte| *byte == b'\n') {
            self.open[at].extend_from_slice(part);
            if part.ends_with(b"\n") || self.open[at].len() >= LONGEST_LINE {
                self.line(at);
            }
        }
    }

    fn end(&mut self) {
        for at in 0..self.open.len() {
            if !self.open[at].is_empty() {
                self.line(at);
            }
        }
    }

    fn line(&mut self, at: usize) {
        let bytes = std::mem::take(&mut self.open[at]);
        let text = String::from_utf8_lossy(&bytes);
        let line = text.trim_end_matches(['\n', '\r']).to_owned();
        self.stage.events.emit(Event::ContainerOutput {
            host: self.stage.node.name().clone(),
            container: self.container.to_owned(),
            line: line.clone(),
        });
        if self.kept.len() == KEPT {
            self.kept.remove(0);
        }
        self.kept.push(line);
    }
}
