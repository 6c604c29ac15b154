//! `webpods logs` (spec §18.2).

use clap::Args;

use super::App;
use super::rollout::services;
use super::which::Which;
use crate::engine::select::Selection;
use crate::engine::{Engine, LogOptions};
use crate::error::Result;
use crate::interrupt::interrupted;

/// Show the output of containers, of all hosts in order of time
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  webpods logs -f                  everything, as it comes
  webpods logs web --tail 50       the last 50 lines of each replica of `web`
  webpods logs web --replica 2     one replica
  webpods logs --since 10m         the last ten minutes")]
pub struct Logs {
    /// Only these services
    #[arg(value_name = "SERVICE")]
    services: Vec<String>,

    /// Go on printing what comes
    #[arg(long, short = 'f')]
    follow: bool,

    /// Only lines since then: `10m`, `2h`, or `2026-01-31T10:00:00Z`
    #[arg(long, value_name = "TIME")]
    since: Option<String>,

    /// Only lines until then
    #[arg(long, value_name = "TIME")]
    until: Option<String>,

    /// Only the last lines of each container
    #[arg(long, short = 'n', value_name = "LINES")]
    tail: Option<u64>,

    #[command(flatten)]
    which: Which,

    /// Show when each line was printed
    #[arg(long, short)]
    timestamps: bool,
}

impl Logs {
    /// Runs it.
    pub async fn run(self, app: &App) -> Result<()> {
        let selection = self.which.of(services(&self.services)?)?;
        let now = jiff::Timestamp::now();
        let options = LogOptions {
            follow: self.follow,
            since: self.since.map(|time| moment(&time, now)).transpose()?,
            until: self.until.map(|time| moment(&time, now)).transpose()?,
            tail: self.tail,
        };
        let engine = app.engine().await?;
        engine.authorize("logs").await?;
        show(app, &engine, &selection, options, self.timestamps).await
    }
}

/// Follows all services but those with `attach: false` until Ctrl-C, which ends the following and nothing else.
pub async fn follow_all(app: &App, engine: &Engine) -> Result<()> {
    let services = &engine.project().await?.services;
    let attached = || services.values().filter(|service| service.attach);
    let mut selection = Selection::default();
    if attached().count() < services.len() {
        let running = attached().filter(|service| service.replicas > 0);
        selection.services = running.map(|service| service.name.clone()).collect();
        if selection.services.is_empty() {
            return Ok(());
        }
    }
    app.report
        .line("following the logs; Ctrl-C stops following, not the containers");
    let options = LogOptions {
        follow: true,
        tail: Some(10),
        ..LogOptions::default()
    };
    show(app, engine, &selection, options, false).await
}

async fn show(
    app: &App,
    engine: &Engine,
    selection: &Selection,
    options: LogOptions,
    timestamps: bool,
) -> Result<()> {
    let mut broken = None;
    let follow = options.follow;
    let printing = engine.logs(selection, options, |line| {
        let time = if timestamps {
            format!("{} ", line.time)
        } else {
            String::new()
        };
        let text = format!(
            "{}.{}@{} | {time}{}",
            line.service, line.replica, line.host, line.text
        );
        broken = app.report.out(&text).err();
        broken.is_none()
    });
    if follow {
        tokio::select! {
            result = printing => result?,
            () = app.interrupt().requested() => {}
        }
    } else {
        let stopped = || interrupted("nothing was changed");
        app.interrupt().unless_requested(stopped, printing).await?;
    }
    broken.map_or(Ok(()), Err)
}

/// A point in time: a span before now, or RFC 3339.
fn moment(text: &str, now: jiff::Timestamp) -> Result<jiff::Timestamp> {
    if let Ok(time) = text.parse::<jiff::Timestamp>() {
        return Ok(time);
    }
    super::rollout::duration(text)
        .ok()
        .and_then(|span| now.checked_sub(span).ok())
        .ok_or_else(|| {
            crate::error::Error::new(crate::error::Kind::Usage, format!("{text:?} is not a time"))
                .hint("write it like `10m`, `2h` or `2026-01-31T10:00:00Z`")
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_spans_or_stamps() {
        let now: jiff::Timestamp = "2026-01-01T00:10:00Z".parse().unwrap();
        assert_eq!(
            moment("10m", now).unwrap().to_string(),
            "2026-01-01T00:00:00Z"
        );
        assert_eq!(
            moment("2025-06-01T00:00:00Z", now).unwrap().to_string(),
            "2025-06-01T00:00:00Z"
        );
        assert!(moment("yesterday", now).is_err());
    }
}
