//! `webpods rollback` (spec §15).

use clap::Args;

use super::App;
use super::rollout::{ApplyFlags, roll};
use crate::engine::RolloutOptions;
use crate::error::Result;
use crate::plan::Action;

/// Go back to an earlier release: its images, configuration, placement and routes
///
/// Makes a new release with the old content, through the same rollout as `up`. List the releases
/// with `webpods release ls`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  webpods -c staging release ls            what there is to go back to
  webpods -c staging rollback              the release before
  webpods -c staging rollback --to r12")]
pub struct Rollback {
    /// The release to restore, like `r12`; the one before the active one by default
    #[arg(long, value_name = "RELEASE")]
    to: Option<String>,

    #[command(flatten)]
    apply: ApplyFlags,
}

impl Rollback {
    /// Runs it.
    pub async fn run(self, app: &App) -> Result<()> {
        let to = self.to.map(|to| to.parse()).transpose()?;
        let engine = app.engine().await?;
        let options = self.apply.over(RolloutOptions {
            to,
            ..RolloutOptions::default()
        });
        let outcome = roll(app, &engine, Action::Rollback, options).await?;
        if outcome.changed {
            app.report
                .line(&format!("{} is live", outcome.plan.release));
        }
        Ok(())
    }
}
