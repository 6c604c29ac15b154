//! The only room that prints.
//!
//! In: events, errors, plans, tables. Out: data on stdout, everything else on stderr, as text for
//! people or as JSON. Every line passes the [`Redactor`], so no value that is known to be secret
//! leaves the program.

mod amount;
mod banner;
mod error;
mod paint;
mod plan;
mod progress;
mod redact;
mod sums;
mod table;
mod terminal;
mod upload;

use std::io::{self, BufRead, ErrorKind, IsTerminal, Write};
use std::sync::Arc;

use serde::Serialize;

pub use amount::{ago, bytes, seconds};
pub use redact::Redactor;
pub use table::Table;
pub use terminal::Terminal;

use crate::error::{Error, Result};
use crate::event::Events;
use crate::model::{Context, HostName, ProjectName};
use crate::plan::Plan;
use paint::Paint;
use progress::Progress;

/// How data is printed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Format {
    /// Tables and text for people.
    #[default]
    Table,
    /// JSON: one document on stdout, one line per event or error on stderr.
    Json,
}

/// What decides how output looks.
#[derive(Debug, Clone, Copy, Default)]
pub struct Look {
    /// Text or JSON.
    pub format: Format,
    /// No colours, whatever the terminal can do.
    pub no_color: bool,
    /// More detail on stderr.
    pub verbose: bool,
}

/// Prints. Cheap to clone; clones share progress bars and secrets.
#[derive(Debug, Clone)]
pub struct Report {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    look: Look,
    out: Paint,
    err: Paint,
    terminal: bool,
    redactor: Redactor,
    progress: Progress,
}

impl Report {
    /// A report for this process's stdout and stderr.
    #[must_use]
    pub fn new(look: Look) -> Self {
        let (out, err) = (io::stdout().is_terminal(), io::stderr().is_terminal());
        let color = !look.no_color && look.format == Format::Table;
        let live = err && look.format == Format::Table;
        Self {
            inner: Arc::new(Inner {
                look,
                out: Paint::new(out && color),
                err: Paint::new(err && color),
                terminal: out,
                redactor: Redactor::default(),
                progress: Progress::new(live),
            }),
        }
    }

    /// Text or JSON.
    #[must_use]
    pub fn format(&self) -> Format {
        self.inner.look.format
    }

    /// Whether `-v` was given.
    #[must_use]
    pub fn is_verbose(&self) -> bool {
        self.inner.look.verbose
    }

    /// Whether stdout is a terminal.
    #[must_use]
    pub fn is_terminal(&self) -> bool {
        self.inner.terminal
    }

    /// The values that must not be printed.
    #[must_use]
    pub fn redactor(&self) -> &Redactor {
        &self.inner.redactor
    }

    /// Prints data and a newline on stdout. A reader that went away is not an error.
    ///
    /// # Errors
    /// Stdout cannot be written, for example because a disk is full.
    pub fn out(&self, text: &str) -> Result<()> {
        self.raw(format!("{}\n", self.inner.redactor.redact(text)).as_bytes())
    }

    /// Prints data on stdout that the user asked to see in full: `config`, `script eject`.
    ///
    /// # Errors
    /// As for [`Report::out`].
    pub fn out_unredacted(&self, text: &str) -> Result<()> {
        self.raw(text.as_bytes())
    }

    /// Prints `value` as a JSON document on stdout.
    ///
    /// # Errors
    /// As for [`Report::out`].
    pub fn json(&self, value: &impl Serialize) -> Result<()> {
        let text = serde_json::to_string_pretty(value)
            .map_err(|error| Error::user("cannot print as JSON").cause(error))?;
        self.out(&text)
    }

    /// Prints `table`, or `value` with `--format json`.
    ///
    /// # Errors
    /// As for [`Report::out`].
    pub fn table(&self, table: &Table, value: &impl Serialize) -> Result<()> {
        match self.format() {
            Format::Table => self.out(&table.to_string()),
            Format::Json => self.json(value),
        }
    }

    fn raw(&self, bytes: &[u8]) -> Result<()> {
        self.inner.progress.suspended(|| {
            let mut out = io::stdout().lock();
            match out.write_all(bytes).and_then(|()| out.flush()) {
                Err(error) if error.kind() != ErrorKind::BrokenPipe => {
                    Err(Error::user("cannot write to stdout").cause(error))
                }
                _ => Ok(()),
            }
        })
    }

    /// Prints a line for people on stderr; nothing in JSON mode, where stderr is JSON too.
    pub fn line(&self, text: &str) {
        match self.format() {
            Format::Table => self.stderr(text),
            Format::Json => self.stderr_json(&serde_json::json!({
                "event": "notice", "message": text
            })),
        }
    }

    /// [`Report::line`] with `-v` only.
    pub fn detail(&self, text: &str) {
        if self.is_verbose() {
            self.line(&self.inner.err.dim(text));
        }
    }

    /// Prints a warning on stderr.
    pub fn warn(&self, text: &str) {
        match self.format() {
            Format::Table => {
                let head = self.inner.err.yellow("warning:");
                self.stderr(&format!("{head} {}", clean(text)));
            }
            Format::Json => self.stderr_json(&serde_json::json!({
                "event": "warning", "message": text
            })),
        }
    }

    /// Prints a failure on stderr: what, why, what to do next.
    pub fn error(&self, error: &Error) {
        match self.format() {
            Format::Table => self.stderr(&error::text(error, self.inner.err)),
            Format::Json => self.stderr_json(&error::json(error)),
        }
    }

    /// Prints the banner of spec §6.4 on stderr; every verb that changes a host does.
    pub fn banner(&self, context: &Context, project: &ProjectName, hosts: &[HostName]) {
        match self.format() {
            Format::Table => {
                let text = banner::text(context, project, hosts);
                self.stderr(&self.inner.err.bold(&text));
            }
            Format::Json => self.stderr_json(&banner::json(context, project, hosts)),
        }
    }

    /// Prints a plan on stdout (spec §14.1). With `--format json`, `published` is printed: the
    /// plan without secrets.
    ///
    /// # Errors
    /// As for [`Report::out`].
    pub fn plan(&self, plan: &Plan, published: &impl Serialize) -> Result<()> {
        match self.format() {
            Format::Table => self.out(plan::text(plan, self.inner.out).trim_end()),
            Format::Json => self.json(published),
        }
    }

    /// Prints a plan on stderr, for verbs that carry it out right away.
    pub fn plan_summary(&self, plan: &Plan) {
        if self.format() == Format::Table {
            self.stderr(plan::text(plan, self.inner.err).trim_end());
        }
    }

    /// A sink that shows events as they come: live on a terminal, else plain lines.
    #[must_use]
    pub fn events(&self) -> Events {
        let report = self.clone();
        Events::new(move |event| progress::show(&report, event))
    }

    /// Asks a yes-or-no question. None when nobody can answer: no terminal, or JSON mode.
    #[must_use]
    pub fn ask(&self, question: &str) -> Option<bool> {
        if !io::stdin().is_terminal() || !io::stderr().is_terminal() {
            return None;
        }
        if self.format() == Format::Json {
            return None;
        }
        let question = self.inner.redactor.redact(question);
        let mut answer = String::new();
        self.inner.progress.suspended(|| {
            let mut err = io::stderr().lock();
            write!(err, "{question} [y/N] ").ok()?;
            err.flush().ok()?;
            io::stdin().lock().read_line(&mut answer).ok()
        })?;
        let answer = answer.trim().to_lowercase();
        Some(answer == "y" || answer == "yes")
    }

    fn stderr(&self, text: &str) {
        let text = self.inner.redactor.redact(text);
        self.inner.progress.suspended(|| {
            // Nobody is left to tell when stderr is gone.
            let _ = writeln!(io::stderr().lock(), "{text}");
        });
    }

    fn stderr_json(&self, value: &impl Serialize) {
        if let Ok(text) = serde_json::to_string(value) {
            self.stderr(&text);
        }
    }
}

/// Prints what the argument parser has to say: help and version on stdout, mistakes on stderr.
pub fn usage(error: &clap::Error) {
    // The parser's own printer knows which stream and whether it takes colours.
    let _ = error.print();
}

/// `text` without control characters that could move the cursor or forge colours.
fn clean(text: &str) -> String {
    text.chars()
        .filter(|c| !c.is_control() || matches!(c, '\n' | '\t'))
        .collect()
}
