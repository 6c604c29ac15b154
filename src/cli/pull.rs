//! `webpods pull` (spec §6.2).

use std::path::PathBuf;

use clap::Args;

use super::App;
use super::rollout::services;
use crate::engine::RolloutOptions;
use crate::error::Result;

/// Fetch the images of services to this machine, and with `--to` write them into one file
///
/// Images with `build` are built. No host is asked or changed. `docker load` and
/// `webpods push --from` read the file. It holds images for `platform:` of each service, else for
/// all of its `build.platforms`, else for this machine.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  webpods pull                     images of all services, built or pulled
  webpods pull --to images.tar     and all of them in one file")]
pub struct Pull {
    /// Only these services
    #[arg(value_name = "SERVICE")]
    services: Vec<String>,

    /// Write all images into this archive
    #[arg(long, value_name = "FILE")]
    to: Option<PathBuf>,
}

impl Pull {
    /// Runs it.
    pub async fn run(self, app: &App) -> Result<()> {
        let engine = app.engine().await?;
        let options = RolloutOptions {
            services: services(&self.services)?,
            ..RolloutOptions::default()
        };
        let rows = engine.pull(&options, self.to.as_deref()).await?;
        super::images::print(app, &rows)
    }
}
