//! `webpods ps` (spec §18.1).

use clap::Args;

use super::App;
use super::rollout::services;
use crate::engine::select::{Selection, select};
use crate::error::Result;
use crate::model::{ContainerObserved, RunState};
use crate::report::{Table, ago};

/// List the project's containers on all hosts
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  webpods -c staging ps                    what runs
  webpods -c staging ps --all --host web-1
  webpods -c staging ps --service web --service api")]
pub struct Ps {
    /// Only this service; may be repeated
    #[arg(long, value_name = "SERVICE")]
    service: Vec<String>,

    /// Only this host
    #[arg(long, value_name = "HOST")]
    host: Option<String>,

    /// Only containers that this release created
    #[arg(long, value_name = "RELEASE")]
    release: Option<String>,

    /// Stopped containers too
    #[arg(short, long)]
    all: bool,
}

impl Ps {
    /// Runs it.
    pub async fn run(self, app: &App) -> Result<()> {
        let selection = Selection {
            services: services(&self.service)?,
            host: self.host.map(|host| host.parse()).transpose()?,
            replica: None,
            release: self.release.map(|release| release.parse()).transpose()?,
        };
        let engine = app.engine().await?;
        engine.authorize("ps").await?;
        let observed = engine.containers().await?;
        let mut rows = select(&observed, &selection)?;
        if !self.all {
            rows.retain(|row| row.container.state != RunState::Stopped);
        }
        let mut table = Table::new(&[
            "SERVICE", "REPLICA", "HOST", "RELEASE", "IMAGE", "CREATED", "STATUS", "PORTS", "NAME",
        ]);
        let now = jiff::Timestamp::now().as_second();
        for row in &rows {
            let container = &row.container;
            table.row([
                container.service.to_string(),
                container.replica.to_string(),
                row.host.to_string(),
                container.release.to_string(),
                container
                    .image
                    .as_ref()
                    .map_or_else(|| "-".to_owned(), |image| image.short().to_owned()),
                ago(now - container.created),
                container.status.clone(),
                ports(container),
                container.name.clone(),
            ]);
        }
        app.report.table(&table, &rows)
    }
}

fn ports(container: &ContainerObserved) -> String {
    container
        .ports
        .iter()
        .map(|(inside, outside)| format!("{outside}->{inside}"))
        .collect::<Vec<_>>()
        .join(", ")
}
