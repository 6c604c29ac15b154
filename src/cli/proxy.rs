//! `webpods proxy status|config|reload` (spec §11).

use clap::Subcommand;

use super::App;
use crate::error::{Error, Kind, Result};
use crate::report::{Format, Table};

/// Look at the proxies in front of the project
#[derive(Debug, Subcommand)]
pub enum Proxy {
    /// Show which proxies run and which domains they serve
    Status,
    /// Show the project's proxy configuration as it is on the hosts
    Config,
    /// Check the configuration on every host and make the proxy read it again
    Reload,
}

impl Proxy {
    /// Runs it.
    pub async fn run(self, app: &App) -> Result<()> {
        match self {
            Self::Status => status(app).await,
            Self::Config => config(app).await,
            Self::Reload => reload(app).await,
        }
    }
}

async fn status(app: &App) -> Result<()> {
    let engine = app.engine().await?;
    engine.authorize("proxy").await?;
    let rows = engine.proxy_status().await?;
    let mut table = Table::new(&["HOST", "RUNNING", "VERSION", "DOMAINS", "MESSAGE"]);
    for row in &rows {
        let or_dash = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
        table.row([
            row.host.to_string(),
            if row.status.running { "yes" } else { "no" }.to_owned(),
            or_dash(&row.status.version),
            row.status.domains.join(", "),
            or_dash(&row.status.message),
        ]);
    }
    app.report.table(&table, &rows)?;
    match rows.iter().filter(|row| !row.status.running).count() {
        0 => Ok(()),
        down => Err(Error::new(
            Kind::User,
            format!("{down} of {} proxies do not run", rows.len()),
        )
        .hint("look closer with `webpods node check`")),
    }
}

async fn config(app: &App) -> Result<()> {
    let engine = app.engine().await?;
    engine.authorize("proxy").await?;
    let files = engine.proxy_config().await?;
    if app.report.format() == Format::Json {
        return app.report.json(&files);
    }
    for file in &files {
        let Some(content) = &file.content else {
            continue;
        };
        app.report.out(&format!("# {}:{}", file.host, file.path))?;
        app.report.out(content)?;
    }
    if files.iter().all(|file| file.content.is_none()) {
        app.report.line("the project has no routes on these hosts");
    }
    Ok(())
}

async fn reload(app: &App) -> Result<()> {
    let engine = app.engine().await?;
    let authority = engine.authorize("proxy").await?;
    app.banner(&engine).await?;
    for host in engine.proxy_reload(&authority).await? {
        app.report.line(&format!("{host}: reloaded"));
    }
    Ok(())
}
