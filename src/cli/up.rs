//! `webpods up`, and `deploy`, which is the same (spec §13.1).

use clap::Args;

use super::App;
use super::logs;
use super::rollout::{ApplyFlags, PlanFlags, roll};
use crate::error::Result;
use crate::model::Origin;
use crate::plan::Action;

/// Deploy the project: build, ship, start, check health, switch traffic, stop the old
///
/// Prints the plan first (`webpods diff` prints it alone), then carries it out. A failing health
/// check undoes the rollout; the old release goes on serving.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  webpods up                       the default context
  webpods -c staging up -d         staging, without following the logs
  webpods -c staging up web        only `web` and what it depends on
  webpods up --scale web=4         four replicas for this release")]
pub struct Up {
    #[command(flatten)]
    plan: PlanFlags,

    #[command(flatten)]
    apply: ApplyFlags,

    /// Do not follow the logs afterwards; the default without a terminal and in CI
    #[arg(short, long)]
    detach: bool,
}

impl Up {
    /// Runs it.
    pub async fn run(self, app: &App) -> Result<()> {
        let engine = app.engine().await?;
        let options = self.apply.over(self.plan.options()?);
        let outcome = roll(app, &engine, Action::Up, options).await?;
        if outcome.changed {
            app.report
                .line(&format!("{} is live", outcome.plan.release));
        }
        if self.detach || !app.report.is_terminal() || app.origin() == Origin::Ci {
            return Ok(());
        }
        logs::follow_all(app, &engine).await
    }
}
