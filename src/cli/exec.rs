//! `webpods exec` (spec §18.3).

use std::io::IsTerminal;

use clap::Args;

use super::App;
use super::which::Which;
use crate::engine::select::choose;
use crate::engine::{ExecRequest, Streams};
use crate::error::{Error, Kind, Result};
use crate::report::Terminal;

/// Run a command in a running container; its exit status becomes ours
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  webpods exec web -- /app version
  webpods exec db --host db-1 -- psql -U postgres
  webpods exec web --replica 2 -- sh")]
pub struct Exec {
    /// The service
    #[arg(value_name = "SERVICE")]
    service: String,

    /// The command and its arguments
    #[arg(value_name = "COMMAND", required = true, last = true)]
    command: Vec<String>,

    #[command(flatten)]
    which: Which,

    /// No terminal, even when there is one
    #[arg(short = 'T', long)]
    no_tty: bool,

    /// As this user
    #[arg(short, long, value_name = "USER")]
    user: Option<String>,

    /// In this folder
    #[arg(short, long, value_name = "DIR")]
    workdir: Option<String>,

    /// Set a variable; may be repeated
    #[arg(short, long, value_name = "NAME=VALUE")]
    env: Vec<String>,
}

impl Exec {
    /// Runs it.
    pub async fn run(self, app: &App) -> Result<()> {
        let selection = self.which.of(vec![self.service.parse()?])?;
        let engine = app.engine().await?;
        engine.authorize("exec").await?;
        let observed = engine.containers().await?;
        let (chosen, candidates) = choose(&observed, &selection)?;
        let narrowed = if candidates > 1 {
            format!(" (of {candidates}; choose with --host or --replica)")
        } else {
            String::new()
        };
        app.report.line(&format!(
            "running in {} replica {} on {}{narrowed}",
            chosen.container.service, chosen.container.replica, chosen.host
        ));
        let wants_terminal =
            !self.no_tty && std::io::stdin().is_terminal() && std::io::stdout().is_terminal();
        let terminal = if wants_terminal {
            Some(Terminal::raw()?)
        } else {
            None
        };
        let status = engine
            .exec(
                &chosen,
                ExecRequest {
                    command: self.command,
                    user: self.user,
                    workdir: self.workdir,
                    env: self.env,
                },
                Streams {
                    input: tokio::io::stdin(),
                    output: tokio::io::stdout(),
                    error: tokio::io::stderr(),
                    terminal: terminal.as_ref().map(Terminal::sizes),
                },
            )
            .await;
        // Back to a line-by-line terminal before anything else is printed.
        drop(terminal);
        let status = status?;
        match status {
            0 => Ok(()),
            status => Err(Error::new(
                Kind::Status(u8::try_from(status).unwrap_or(1)),
                "",
            )),
        }
    }
}
