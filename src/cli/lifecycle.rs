//! `webpods start`, `stop`, `restart` and `rm` (spec §6.2).

use clap::Args;

use super::App;
use super::rollout::{LockFlags, services};
use super::which::Which;
use crate::engine::Lifecycle;
use crate::error::Result;

/// Which containers, and how.
#[derive(Debug, Args)]
pub struct Containers {
    /// Only these services
    #[arg(value_name = "SERVICE")]
    services: Vec<String>,

    #[command(flatten)]
    which: Which,

    #[command(flatten)]
    lock: LockFlags,
}

/// Remove containers of services, running or not
///
/// Routes to them are not changed: use `down`, or remove the service from the Compose file and
/// `up`, to take a service out of traffic first.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  webpods rm worker                stopped ones
  webpods rm --stop worker         running ones too")]
pub struct Rm {
    #[command(flatten)]
    containers: Containers,

    /// Stop running containers first; without it they are refused
    #[arg(short, long)]
    stop: bool,
}

impl Containers {
    /// Runs `verb` on them.
    pub async fn run(self, app: &App, verb: Lifecycle) -> Result<()> {
        let selection = self.which.of(services(&self.services)?)?;
        let engine = app.engine().await?;
        let authority = engine.authorize(verb.name()).await?;
        app.banner(&engine).await?;
        let done = engine
            .lifecycle(&authority, verb, &selection, self.lock.wait)
            .await?;
        for selected in &done {
            app.report.line(&format!(
                "{}: {} {}",
                selected.host,
                verb.past(),
                selected.container.name
            ));
        }
        if done.is_empty() {
            app.report.line("nothing to do");
        }
        Ok(())
    }
}

impl Rm {
    /// Runs it.
    pub async fn run(self, app: &App) -> Result<()> {
        let verb = Lifecycle::Remove { stop: self.stop };
        self.containers.run(app, verb).await
    }
}
