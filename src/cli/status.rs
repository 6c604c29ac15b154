//! `webpods status` (spec §6.2).

use clap::Args;

use super::App;
use crate::error::Result;
use crate::report::Table;

/// Show what serves: the active release, its services and the last operation
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  webpods -c staging status
  webpods -c staging status --format json")]
pub struct Status {}

impl Status {
    /// Runs it.
    pub async fn run(self, app: &App) -> Result<()> {
        let engine = app.engine().await?;
        engine.authorize("status").await?;
        let status = engine.status().await?;
        let mut table = Table::new(&["SERVICE", "RUNNING", "WANTED", "HEALTHY", "IMAGE", "HOSTS"]);
        for row in &status.services {
            table.row([
                row.service.to_string(),
                row.running.to_string(),
                row.wanted.to_string(),
                row.healthy.clone(),
                row.image
                    .as_ref()
                    .map_or_else(|| "-".to_owned(), |image| image.short().to_owned()),
                row.hosts
                    .iter()
                    .map(ToString::to_string)
                    .collect::<Vec<_>>()
                    .join(","),
            ]);
        }
        app.report.line(&status.headline());
        for line in &status.notes {
            app.report.line(line);
        }
        app.report.table(&table, &status)
    }
}
