//! `webpods build` (spec §6.2).

use clap::Args;

use super::App;
use super::rollout::services;
use crate::engine::{BuildMode, RolloutOptions};
use crate::error::Result;

/// Build the images of services on this machine, and record them
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  webpods build                    what changed since it was built last
  webpods build web --force        `web`, whether it changed or not")]
pub struct Build {
    /// Only these services
    #[arg(value_name = "SERVICE")]
    services: Vec<String>,

    /// Build even when the sources are the ones of the last build
    #[arg(long)]
    force: bool,
}

impl Build {
    /// Runs it.
    pub async fn run(self, app: &App) -> Result<()> {
        let engine = app.engine().await?;
        let options = RolloutOptions {
            services: services(&self.services)?,
            build: if self.force {
                BuildMode::Always
            } else {
                BuildMode::Auto
            },
            ..RolloutOptions::default()
        };
        super::images::print(app, &engine.build(&options).await?)
    }
}
