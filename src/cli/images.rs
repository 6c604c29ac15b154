//! `webpods images` (spec §6.2).

use clap::Args;

use super::App;
use super::rollout::services;
use crate::engine::{ImageRow, RolloutOptions};
use crate::error::Result;
use crate::report::{Table, bytes};

/// List the images of the project's services, and with `--on-hosts` where they are
#[derive(Debug, Args)]
pub struct Images {
    /// Only these services
    #[arg(value_name = "SERVICE")]
    services: Vec<String>,

    /// Ask every host what it has of each image
    #[arg(long)]
    on_hosts: bool,
}

impl Images {
    /// Runs it.
    pub async fn run(self, app: &App) -> Result<()> {
        let engine = app.engine().await?;
        engine.authorize("images").await?;
        let options = RolloutOptions {
            services: services(&self.services)?,
            ..RolloutOptions::default()
        };
        print(app, &engine.images(&options, self.on_hosts).await?)
    }
}

/// Prints a list of images.
pub fn print(app: &App, rows: &[ImageRow]) -> Result<()> {
    let mut table = Table::new(&["SERVICE", "IMAGE", "DIGEST", "SIZE", "PLATFORM", "HOSTS"]);
    for row in rows {
        let unknown = || "-".to_owned();
        table.row([
            row.service.to_string(),
            row.reference.clone(),
            row.digest
                .as_ref()
                .map_or_else(|| row.pending.clone(), |digest| digest.short().to_owned()),
            row.size.map_or_else(unknown, bytes),
            row.platform.clone().unwrap_or_else(unknown),
            if row.hosts.is_empty() {
                unknown()
            } else {
                row.hosts
                    .iter()
                    .map(ToString::to_string)
                    .collect::<Vec<_>>()
                    .join(",")
            },
        ]);
    }
    app.report.table(&table, &rows)
}
