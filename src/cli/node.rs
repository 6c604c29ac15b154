//! `webpods node`.

use std::collections::BTreeSet;

use clap::{Args, Subcommand};
use serde_json::json;

use super::App;
use super::several::together;
use crate::error::{Error, Kind, Result};
use crate::model::HostName;
use crate::node::{self, Finding, Level, Preparation, Survey};
use crate::report::{Format, Table, bytes};
use crate::script::{AuthorizeRequest, Decider};

/// Look at the hosts of a context and get them ready.
#[derive(Debug, Subcommand)]
pub enum Node {
    Ls(Ls),
    Check(Check),
    Bootstrap(Bootstrap),
}

/// List the hosts with their engines; hosts that do not answer are listed too.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  webpods -c staging node ls
  webpods -c staging node ls web-1 web-2")]
pub struct Ls {
    /// Only these hosts.
    hosts: Vec<HostName>,
}

/// Examine everything webpods needs on the hosts; changes nothing
///
/// Every line that is not `ok` says what to type. Exits with 1 when something fails.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  webpods node check -c staging
  webpods node check -c staging web-1")]
pub struct Check {
    /// Only these hosts.
    hosts: Vec<HostName>,
}

/// Get hosts ready, once: folders of the ssh user, the docker group, Caddy's import line
///
/// Shows what will be done and asks first. What is there already is left as it is, so running it
/// again is safe. Needs root or `sudo` without a password, this once.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  webpods node bootstrap -c staging
  webpods node bootstrap -c staging web-1 --yes")]
pub struct Bootstrap {
    /// Only these hosts.
    hosts: Vec<HostName>,
    /// Do not ask.
    #[arg(long, short)]
    yes: bool,
}

impl Node {
    pub async fn run(self, app: &App) -> Result<()> {
        match self {
            Self::Ls(verb) => verb.run(app).await,
            Self::Check(verb) => verb.run(app).await,
            Self::Bootstrap(verb) => verb.run(app).await,
        }
    }
}

impl Ls {
    async fn run(self, app: &App) -> Result<()> {
        let hosts = chosen(app, &self.hosts)?;
        authorize(app, "node ls", &hosts)?;
        let rows = node::list(app.context()?, &hosts, &app.events()).await?;
        let mut table = Table::new(&[
            "name",
            "addr",
            "engine",
            "store",
            "platform",
            "free",
            "containers",
            "labels",
        ]);
        for row in &rows {
            let labels: Vec<String> = row
                .labels
                .iter()
                .map(|(key, value)| format!("{key}={value}"))
                .collect();
            let mut cells = vec![row.name.to_string(), row.addr.clone()];
            match &row.engine {
                Some(engine) => cells.extend([
                    engine.version.clone(),
                    json!(engine.store).as_str().unwrap_or_default().to_owned(),
                    engine.platform.clone(),
                    engine.disk_free.map(bytes).unwrap_or_default(),
                    format!("{} of {}", engine.containers, engine.containers_total),
                ]),
                None => cells.extend(["unreachable", "", "", "", ""].map(str::to_owned)),
            }
            cells.push(labels.join(","));
            table.row(cells);
        }
        app.report.table(&table, &rows)?;
        let broken: Vec<_> = rows.iter().filter_map(|row| row.error.as_ref()).collect();
        for error in &broken {
            app.report.warn(error);
        }
        if broken.is_empty() {
            return Ok(());
        }
        Err(Error::unreachable(format!(
            "{} of {} hosts cannot be used",
            broken.len(),
            rows.len()
        ))
        .hint("`webpods node check` says more"))
    }
}

impl Check {
    async fn run(self, app: &App) -> Result<()> {
        let context = app.context()?;
        let hosts = chosen(app, &self.hosts)?;
        authorize(app, "node check", &hosts)?;
        let findings = node::check(context, &hosts, &app.events()).await?;
        let mut table = Table::new(&["host", "", "check", "found", "what to do"]);
        for finding in &findings {
            table.row(cells(finding));
        }
        app.report.table(&table, &findings)?;
        let failing = findings.iter().filter(|it| it.level == Level::Fail);
        let mut names: Vec<&str> = failing.map(|it| it.host.as_str()).collect();
        names.dedup();
        if names.is_empty() {
            return Ok(());
        }
        let unreachable = findings
            .iter()
            .any(|it| it.level == Level::Fail && it.check == "ssh");
        let kind = if unreachable {
            Kind::Unreachable
        } else {
            Kind::User
        };
        let mut error = Error::new(kind, format!("not ready: {}", names.join(", ")));
        let fixes = findings.iter().filter(|it| it.level == Level::Fail);
        let mut seen = BTreeSet::new();
        for fix in fixes.filter_map(|finding| finding.fix.as_deref()) {
            if seen.insert(fix) {
                error = error.hint(fix);
            }
        }
        Err(error)
    }
}

fn cells(finding: &Finding) -> [String; 5] {
    [
        finding.host.to_string(),
        finding.level.as_str().to_owned(),
        finding.check.to_owned(),
        finding.says.clone(),
        finding.fix.clone().unwrap_or_default(),
    ]
}

impl Bootstrap {
    async fn run(self, app: &App) -> Result<()> {
        let context = app.context()?;
        let hosts = chosen(app, &self.hosts)?;
        let names: Vec<&str> = hosts.iter().map(HostName::as_str).collect();
        let level = if context.is_guarded() {
            "GUARDED"
        } else {
            "SAFE"
        };
        app.report.line(&format!(
            "TARGET: {} [{level}]  HOSTS: {}",
            context.name,
            names.join(",")
        ));
        authorize(app, "node bootstrap", &hosts)?;
        let mut survey = Survey::of(context, &hosts, &app.events()).await?;
        for preparation in &survey.hosts {
            announce(app, preparation);
        }
        let mut failed = std::mem::take(&mut survey.failed);
        if survey.has_needs() {
            self.agree(app).await?;
            for (host, result) in survey.carry_out().await {
                match result {
                    Ok(()) => app.report.line(&format!("{host}: done")),
                    Err(error) => failed.push(error),
                }
            }
        }
        if app.report.format() == Format::Json {
            app.report.json(&survey.hosts)?;
        }
        together(failed, "hosts were not set up")
    }

    async fn agree(&self, app: &App) -> Result<()> {
        if self.yes {
            return Ok(());
        }
        let report = app.report.clone();
        // On a thread of its own, so that Ctrl-C is an answer too.
        let asked = tokio::task::spawn_blocking(move || report.ask("Do this?"));
        match asked.await.ok().flatten() {
            Some(true) => Ok(()),
            Some(false) => Err(Error::new(Kind::Refused, "nothing was changed")),
            None => Err(Error::new(
                Kind::Refused,
                "nothing was changed: there is no terminal to ask on",
            )
            .hint("add `--yes` to agree beforehand")),
        }
    }
}

/// The hosts that were named, in inventory order, else those of `--hosts`, else all.
fn chosen(app: &App, names: &[HostName]) -> Result<Vec<HostName>> {
    if names.is_empty() {
        return app.hosts();
    }
    node::select(app.context()?, names)
}

fn authorize(app: &App, verb: &str, hosts: &[HostName]) -> Result<()> {
    let context = app.context()?;
    let request = AuthorizeRequest {
        verb: verb.to_owned(),
        context: context.name.to_string(),
        level: context.safety.level,
        origin: app.origin(),
        allow_from: context.safety.allow_from.clone(),
        required_for: context.safety.confirm.required_for.clone(),
        token: context.safety.confirm.token.clone(),
        given: app.global.confirm.clone(),
        // Hosts are prepared for all projects.
        project: String::new(),
        hosts: hosts.to_vec(),
    };
    Decider::new(&app.scripts()?, &app.events())?.authorize(&request)
}

fn announce(app: &App, preparation: &Preparation) {
    let host = &preparation.host;
    if preparation.needs.is_empty() {
        app.report.line(&format!("{host}: nothing to do"));
    } else {
        app.report.line(&format!("{host}:"));
        for need in &preparation.needs {
            let what = need.describe(&preparation.user);
            app.report.line(&format!("  {what}"));
        }
    }
    for left in &preparation.left {
        app.report.warn(&format!("{host}: {left}"));
    }
}
