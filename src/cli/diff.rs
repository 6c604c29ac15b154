//! `webpods diff` (spec §14).

use clap::Args;

use super::App;
use super::rollout::PlanFlags;
use crate::engine::publish::published;
use crate::error::{Error, Kind, Result};

/// Show what `up` would do, and why, without changing anything
///
/// Per service: image, build, bytes to ship and where to, replicas and ports, routes. With
/// `--format json` the plan itself is printed, secrets replaced.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  webpods -c staging diff                   what `up` would do
  webpods -c staging diff --scale web=4     the same with four replicas
  webpods -c production diff --exit-code    10 when there are changes, for CI")]
pub struct Diff {
    #[command(flatten)]
    plan: PlanFlags,

    /// Exit with 10 when there are changes
    #[arg(long)]
    exit_code: bool,
}

impl Diff {
    /// Runs it.
    pub async fn run(self, app: &App) -> Result<()> {
        let engine = app.engine().await?;
        engine.authorize("diff").await?;
        let plan = engine.diff(&self.plan.options()?).await?;
        let json = serde_json::to_value(&plan)
            .map_err(|error| Error::user("the plan cannot be printed").cause(error))?;
        app.report.plan(&plan, &published(json))?;
        if self.exit_code && !plan.is_empty() {
            return Err(Error::new(Kind::Status(10), ""));
        }
        Ok(())
    }
}
