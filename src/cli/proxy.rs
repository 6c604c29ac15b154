//! `webpods proxy`.

use clap::{Args, Subcommand};

use super::App;
use super::rollout::PlanFlags;
use super::several::together;
use crate::error::{Error, Kind, Result};
use crate::report::{Format, Table};

/// Look at the proxies on the hosts, and make them read their files again.
#[derive(Debug, Subcommand)]
pub enum Proxy {
    Status(Status),
    Config(Config),
    Reload(Reload),
}

/// Show whether the proxies run and which domains they serve
///
/// Exits with 1 when one does not run or lacks a domain of this project.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  webpods -c staging proxy status
  webpods -c staging proxy status --hosts web-1")]
pub struct Status {}

/// Print this project's proxy files as they are on the hosts.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  webpods -c staging proxy config                what the proxies read now
  webpods -c staging proxy config --planned      what `up` would write")]
pub struct Config {
    /// As `up` would leave them, instead
    #[arg(long)]
    planned: bool,

    #[command(flatten)]
    plan: PlanFlags,
}

/// Make the proxies check and read their files again.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  webpods -c staging proxy reload
  webpods -c staging proxy reload --hosts web-1")]
pub struct Reload {}

impl Proxy {
    /// Runs it.
    pub async fn run(self, app: &App) -> Result<()> {
        match self {
            Self::Status(_) => Status::run(app).await,
            Self::Config(verb) => verb.run(app).await,
            Self::Reload(_) => Reload::run(app).await,
        }
    }
}

impl Status {
    async fn run(app: &App) -> Result<()> {
        let engine = app.engine().await?;
        engine.authorize("proxy status").await?;
        let rows = engine.proxy_status().await?;
        let mut table = Table::new(&["host", "driver", "state", "version", "domains"]);
        let mut wrong: Vec<String> = Vec::new();
        for row in &rows {
            let status = row.status.as_ref();
            let state = match status {
                Some(status) if status.running => "running",
                Some(_) => "not running",
                None => "unreachable",
            };
            let message = status.and_then(|status| status.message.as_ref());
            if let Some(why) = row.error.as_ref().or(message) {
                app.report.warn(&format!("{}: {why}", row.host));
            }
            if !row.missing.is_empty() {
                let missing = row.missing.join(", ");
                app.report
                    .warn(&format!("{}: does not serve {missing}", row.host));
            }
            if state != "running" || !row.missing.is_empty() {
                wrong.push(row.host.to_string());
            }
            table.row([
                row.host.to_string(),
                row.driver.clone(),
                state.to_owned(),
                status.and_then(|it| it.version.clone()).unwrap_or_default(),
                status.map(|it| it.domains.join(", ")).unwrap_or_default(),
            ]);
        }
        app.report.table(&table, &rows)?;
        if wrong.is_empty() {
            return Ok(());
        }
        Err(Error::user(format!(
            "the proxy is not as it should be on {}",
            wrong.join(", ")
        ))
        .hint("`webpods node check` looks for what is wrong with a host")
        .hint("`webpods up` puts this project's routes back"))
    }
}

impl Config {
    async fn run(self, app: &App) -> Result<()> {
        if !self.planned && self.plan != PlanFlags::default() {
            let message = "services and flags of a plan say nothing of files that are there";
            return Err(Error::new(Kind::Usage, message).hint("add `--planned`"));
        }
        let engine = app.engine().await?;
        engine.authorize("proxy config").await?;
        let files = if self.planned {
            engine.proxy_files_planned(&self.plan.options()?).await?
        } else {
            engine.proxy_files_now().await?
        };
        if app.report.format() == Format::Json {
            return app.report.json(&files);
        }
        for file in &files {
            let remark = match (&file.content, file.as_released) {
                (None, _) => "  (no such file)",
                (Some(_), Some(false)) => "  (not what the active release wrote)",
                _ => "",
            };
            app.report
                .out(&format!("# {}: {}{remark}", file.host, file.path))?;
            if let Some(content) = &file.content {
                app.report.out(content.trim_end())?;
            }
        }
        if files.is_empty() {
            app.report.line("the project has no routes on these hosts");
        }
        Ok(())
    }
}

impl Reload {
    async fn run(app: &App) -> Result<()> {
        let engine = app.engine().await?;
        let authority = engine.authorize("proxy reload").await?;
        app.banner(&engine).await?;
        let mut failed: Vec<Error> = Vec::new();
        for (host, result) in engine.proxy_reload(&authority).await? {
            match result {
                Ok(()) => app.report.line(&format!("{host}: reloaded")),
                Err(error) => failed.push(error),
            }
        }
        together(failed, "hosts did not reload their proxy")
    }
}
