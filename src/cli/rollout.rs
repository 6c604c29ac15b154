//! Flags that the planning verbs share, and how a rollout is shown.

use std::collections::BTreeMap;
use std::time::Duration;

use clap::{Args, ValueEnum};

use crate::apply::OnFailure;
use crate::engine::{BuildMode, Engine, Outcome, RolloutOptions, View};
use crate::error::{Error, Kind, Result};
use crate::model::ServiceName;
use crate::plan::{Action, Plan};

use super::App;

/// Flags of `up`, `deploy` and `diff`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Args)]
pub struct PlanFlags {
    /// Only these services and what they depend on
    #[arg(value_name = "SERVICE")]
    pub services: Vec<String>,

    /// Replicas of a service for this release, over the Compose file
    #[arg(long, value_name = "SERVICE=N")]
    pub scale: Vec<String>,

    /// Build even when the sources are the ones of the last build
    #[arg(long, conflicts_with = "no_build")]
    pub build: bool,

    /// Never build: use the image of the last build
    #[arg(long)]
    pub no_build: bool,

    /// Recreate containers although nothing changed
    #[arg(long)]
    pub force_recreate: bool,

    /// Keep containers of services that are no longer in the Compose file
    #[arg(long)]
    pub keep_orphans: bool,

    /// Let services leave the hosts that hold their named volumes; the data stays behind
    #[arg(long)]
    pub move_volumes: bool,

    /// Send images to one host and let it pass them on to the others, for a thin uplink; its ssh
    /// uses your agent for that
    #[arg(long)]
    pub fanout: bool,
}

/// Flags of every verb that takes the project's lock.
#[derive(Debug, Clone, Copy, Default, Args)]
pub struct LockFlags {
    /// Wait this long for the lock when another command holds it, like `10m`
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub wait: Option<Duration>,
}

/// Flags of every verb that carries a plan out.
#[derive(Debug, Clone, Default, Args)]
pub struct ApplyFlags {
    /// What to do when a step fails
    #[arg(long, value_enum, default_value = "rollback", value_name = "WHAT")]
    pub on_failure: OnFailureFlag,

    #[command(flatten)]
    pub lock: LockFlags,
}

/// `--on-failure`.
#[derive(Debug, Clone, Copy, Default, ValueEnum)]
pub enum OnFailureFlag {
    /// Undo everything; the old release goes on serving
    #[default]
    Rollback,
    /// Leave everything as it stands, to be looked at
    Pause,
    /// Undo the failing batch, keep the batches that succeeded
    Keep,
}

impl PlanFlags {
    /// The flags as the engine takes them.
    pub fn options(&self) -> Result<RolloutOptions> {
        Ok(RolloutOptions {
            services: services(&self.services)?,
            scale: self.scales()?,
            build: match (self.build, self.no_build) {
                (true, _) => BuildMode::Always,
                (_, true) => BuildMode::Never,
                _ => BuildMode::Auto,
            },
            force_recreate: self.force_recreate,
            remove_orphans: !self.keep_orphans,
            move_volumes: self.move_volumes,
            fanout: self.fanout,
            ..RolloutOptions::default()
        })
    }

    fn scales(&self) -> Result<BTreeMap<ServiceName, u32>> {
        let mut scales = BTreeMap::new();
        for text in &self.scale {
            let parsed = text
                .split_once('=')
                .and_then(|(name, count)| Some((name, count.parse::<u32>().ok()?)));
            let Some((name, count)) = parsed else {
                return Err(Error::new(
                    Kind::Usage,
                    format!("`--scale` does not understand {text:?}"),
                )
                .hint("write it like `--scale web=3`"));
            };
            scales.insert(name.parse()?, count);
        }
        Ok(scales)
    }
}

impl ApplyFlags {
    /// `options` with these flags.
    pub fn over(&self, options: RolloutOptions) -> RolloutOptions {
        RolloutOptions {
            on_failure: match self.on_failure {
                OnFailureFlag::Rollback => OnFailure::Rollback,
                OnFailureFlag::Pause => OnFailure::Pause,
                OnFailureFlag::Keep => OnFailure::Keep,
            },
            wait: self.lock.wait,
            ..options
        }
    }
}

/// Service names from the command line.
pub fn services(names: &[String]) -> Result<Vec<ServiceName>> {
    names
        .iter()
        .map(|name| name.parse::<ServiceName>().map_err(Error::from))
        .collect()
}

/// `90`, `90s`, `10m`, `1h`.
pub fn duration(text: &str) -> std::result::Result<Duration, String> {
    let (number, unit) = text.split_at(
        text.find(|c: char| !c.is_ascii_digit())
            .unwrap_or(text.len()),
    );
    let seconds = match unit {
        "" | "s" => 1,
        "m" => 60,
        "h" => 3600,
        _ => return Err("write it like `90s`, `10m` or `1h`".to_owned()),
    };
    number
        .parse::<u64>()
        .ok()
        .and_then(|number| number.checked_mul(seconds))
        .map(Duration::from_secs)
        .ok_or_else(|| "write it like `90s`, `10m` or `1h`".to_owned())
}

/// Runs a pipeline: banner first, then the plan as it is made, then its outcome.
pub async fn roll(
    app: &App,
    engine: &Engine,
    action: Action,
    options: RolloutOptions,
) -> Result<Outcome> {
    app.banner(engine).await?;
    // A plan without steps says itself that there is nothing to do, and why.
    engine.roll(action, options, &Shown { app }).await
}

struct Shown<'a> {
    app: &'a App,
}

impl View for Shown<'_> {
    fn plan(&self, plan: &Plan) {
        self.app.report.plan_summary(plan);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_units_and_limits() {
        assert_eq!(duration("90"), Ok(Duration::from_secs(90)));
        assert_eq!(duration("10m"), Ok(Duration::from_secs(600)));
        for wrong in ["", "m", "-1", "1d", "99999999999999999999h", "1 m"] {
            assert!(duration(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn scale_needs_a_name_and_a_number() {
        for wrong in ["web", "web=", "web=-1", "=3", "web=x", "a b=1"] {
            let flags = PlanFlags {
                scale: vec![wrong.to_owned()],
                ..PlanFlags::default()
            };
            assert!(flags.options().is_err(), "{wrong:?}");
        }
    }
}
