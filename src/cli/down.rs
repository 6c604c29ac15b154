//! `webpods down` (spec §7.7).

use clap::Args;

use super::App;
use super::rollout::{ApplyFlags, roll};
use crate::engine::RolloutOptions;
use crate::error::Result;
use crate::plan::Action;

/// Remove the project from its hosts: routes, containers, networks, releases
///
/// Only what carries this context's and this project's labels is touched. Named volumes stay
/// unless `--volumes` is given.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  webpods -c staging down              named volumes stay
  webpods -c staging down --volumes    their data goes too")]
pub struct Down {
    #[command(flatten)]
    apply: ApplyFlags,

    /// Remove the project's named volumes and their data too
    #[arg(short, long)]
    volumes: bool,
}

impl Down {
    /// Runs it.
    pub async fn run(self, app: &App) -> Result<()> {
        let engine = app.engine().await?;
        let options = self.apply.over(RolloutOptions {
            volumes: self.volumes,
            ..RolloutOptions::default()
        });
        roll(app, &engine, Action::Down, options).await.map(|_| ())
    }
}
