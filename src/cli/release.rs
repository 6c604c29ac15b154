//! `webpods release ls|inspect` (spec §3.4, §15).

use clap::{Args, Subcommand};

use super::App;
use crate::engine::publish::published;
use crate::error::{Error, Result};
use crate::report::Table;

/// List and inspect releases
#[derive(Debug, Subcommand)]
pub enum Release {
    Ls(Ls),
    Inspect(Inspect),
}

/// List the releases that are remembered, and which can be restored
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  webpods -c staging release ls
  webpods -c staging release ls --format json")]
pub struct Ls {}

/// Show one release: images, placement, ports, routes
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  webpods -c staging release inspect r12")]
pub struct Inspect {
    /// The release, like `r12`
    #[arg(value_name = "RELEASE")]
    release: String,
}

impl Release {
    /// Runs it.
    pub async fn run(self, app: &App) -> Result<()> {
        match self {
            Self::Ls(_) => ls(app).await,
            Self::Inspect(inspect) => inspect.run(app).await,
        }
    }
}

async fn ls(app: &App) -> Result<()> {
    let engine = app.engine().await?;
    engine.authorize("release").await?;
    let rows = engine.releases().await?;
    let mut table = Table::new(&[
        "RELEASE",
        "STATUS",
        "CREATED",
        "BY",
        "SERVICES",
        "RESTORABLE",
    ]);
    for row in &rows {
        table.row([
            row.id.to_string(),
            row.status.clone(),
            row.created.clone(),
            row.by.clone(),
            row.services.join(", "),
            row.restorable.clone(),
        ]);
    }
    app.report.table(&table, &rows)
}

impl Inspect {
    async fn run(self, app: &App) -> Result<()> {
        let engine = app.engine().await?;
        engine.authorize("release").await?;
        let release = engine.release(self.release.parse()?).await?;
        let json = serde_json::to_value(&release)
            .map_err(|error| Error::user("the release cannot be printed").cause(error))?;
        app.report.json(&published(json))
    }
}
