//! The walk itself.

use std::collections::BTreeSet;
use std::time::Instant;

use futures_util::stream::{FuturesUnordered, StreamExt};
use serde::{Deserialize, Serialize};

use crate::error::{Error, Kind, Result};
use crate::event::{Event, Events};
use crate::interrupt::{self, Interrupt};
use crate::model::HostName;
use crate::plan::{Plan, Stage, Step, StepKind};

use super::StepRunner;
use super::undo::{last_batch, undo_all};

/// What to do when a step fails (`--on-failure`).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OnFailure {
    /// Take everything back; the old release serves alone again.
    #[default]
    Rollback,
    /// Leave everything as it stands, to be looked at.
    Pause,
    /// Take the failing batch back and keep the batches that succeeded.
    Keep,
}

/// One walk over one plan.
pub struct Walk<'a> {
    /// What to do.
    pub plan: &'a Plan,
    /// Who does it.
    pub runner: &'a dyn StepRunner,
    /// Who is told.
    pub events: &'a Events,
    /// When to stop early.
    pub interrupt: Interrupt,
    /// What to do when a step fails.
    pub on_failure: OnFailure,
    /// Steps of one stage that run at once.
    pub concurrency: usize,
    /// Called with each stage's name before it begins, for the journal.
    pub journal: &'a (dyn Fn(&str) + Send + Sync),
}

impl Walk<'_> {
    /// Does the whole plan.
    ///
    /// # Errors
    /// - [`Kind::Undone`]: a step failed and everything was taken back.
    /// - [`Kind::NeedsAttention`]: a step failed and something was left, by choice or because it
    ///   could not be taken back; or the release serves but not every host recorded it.
    /// - [`Kind::Interrupted`]: a stop was requested; everything was taken back.
    pub async fn run(self) -> Result<()> {
        let mut done: Vec<&Step> = Vec::new();
        let mut committed = false;
        for stage in &self.plan.stages {
            if stage.steps.is_empty() {
                continue;
            }
            let commits = stage.steps.iter().any(|s| s.kind == StepKind::Commit {});
            if !committed && self.interrupt.is_requested() {
                return Err(self.give_up(&done, interrupted()).await);
            }
            (self.journal)(&stage.name);
            let failures = self.stage(stage, committed || commits).await;
            if commits {
                let unrecorded = failures.len();
                if unrecorded == stage.steps.len() {
                    done.extend(&stage.steps);
                    return Err(self.give_up(&done, first(failures)).await);
                }
                committed = true;
                if unrecorded > 0 {
                    return Err(first(failures)
                        .context(format!(
                            "{} serves, but not every host could record it",
                            self.plan.release
                        ))
                        .with_kind(Kind::NeedsAttention)
                        .hint("run the same command again once the host is well"));
                }
            } else if committed {
                // The release serves and is recorded; what is left over is only untidy.
                for error in failures {
                    self.events.warn(format!(
                        "{error}; `webpods cleanup` removes what is left over"
                    ));
                }
            } else {
                done.extend(&stage.steps);
                if !failures.is_empty() {
                    return Err(self.give_up(&done, first(failures)).await);
                }
            }
        }
        Ok(())
    }

    /// Runs one stage; every step is finished or was never begun when it returns.
    async fn stage(&self, stage: &Stage, uninterruptible: bool) -> Vec<Error> {
        self.events.emit(Event::StageStarted {
            stage: stage.name.clone(),
            steps: stage.steps.len(),
        });
        let mut waiting = stage.steps.iter();
        let mut running = FuturesUnordered::new();
        let mut failures = Vec::new();
        loop {
            // After the commit there is nothing to save by stopping early.
            while (failures.is_empty() || uninterruptible)
                && running.len() < self.concurrency.max(1)
            {
                let Some(step) = waiting.next() else { break };
                running.push(self.step(step, uninterruptible));
            }
            match running.next().await {
                Some(Ok(())) => {}
                Some(Err(error)) => {
                    let abandons = stage.steps.iter().all(|step| only_waits(&step.kind));
                    failures.push(error);
                    if abandons {
                        break;
                    }
                }
                None => break,
            }
        }
        failures
    }

    async fn step(&self, step: &Step, uninterruptible: bool) -> Result<()> {
        let (host, title) = (Some(step.host.clone()), title(step));
        self.events.emit(Event::StepStarted {
            step: step.id,
            host: host.clone(),
            title: title.clone(),
        });
        let begun = Instant::now();
        let result = if uninterruptible || !only_waits(&step.kind) {
            self.runner.run(step).await
        } else {
            tokio::select! {
                result = self.runner.run(step) => result,
                () = self.interrupt.requested() => Err(interrupted()),
            }
        };
        self.events.emit(Event::StepFinished {
            step: step.id,
            host,
            title: title.clone(),
            milliseconds: u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX),
            error: result.as_ref().err().map(ToString::to_string),
        });
        result.map_err(|error| match error.kind() {
            Kind::Interrupted => error,
            _ => error.context(format!("{title} on host `{}` failed", step.host)),
        })
    }

    /// Takes back what `on_failure` says and turns `error` into the final word.
    async fn give_up(&self, done: &[&Step], error: Error) -> Error {
        let was_interrupted = error.kind() == Kind::Interrupted;
        let steps = match self.on_failure {
            OnFailure::Pause if !was_interrupted => {
                return error
                    .with_kind(Kind::NeedsAttention)
                    .hint("everything was left as it stands: look at it with `webpods ps` and `webpods logs`")
                    .hint("then run the same command again, or `webpods rollback`");
            }
            OnFailure::Keep if !was_interrupted => last_batch(done),
            _ => done.to_vec(),
        };
        let left = undo_all(&steps, self.runner, self.events).await;
        if !left.is_empty() {
            return left
                .iter()
                .fold(error.with_kind(Kind::NeedsAttention), |error, failure| {
                    error.cause(failure)
                })
                .hint("not everything could be undone: see `webpods ps`, then run the same command again");
        }
        if was_interrupted {
            return error;
        }
        let serving = self.plan.previous.map_or_else(
            || "nothing was deployed before, so nothing serves".to_owned(),
            |previous| format!("{previous} was not touched and serves"),
        );
        match self.on_failure {
            OnFailure::Keep => error.with_kind(Kind::NeedsAttention).hint(
                "the failing batch was undone, earlier batches were kept: run the same command \
                 again, or `webpods rollback`",
            ),
            _ => error
                .with_kind(Kind::Undone)
                .hint(format!("the rollout was undone: {serving}")),
        }
    }
}

fn interrupted() -> Error {
    interrupt::interrupted("the rollout was undone and the lock released")
}

fn first(failures: Vec<Error>) -> Error {
    let mut failures = failures.into_iter();
    let first = failures
        .next()
        .unwrap_or_else(|| Error::user("a step failed"));
    failures.fold(first, |first, other| first.cause(format!("also: {other}")))
}

/// Steps that may be dropped in the middle without leaving anything half-done on a host.
fn only_waits(kind: &StepKind) -> bool {
    matches!(
        kind,
        StepKind::Ship { .. }
            | StepKind::Load { .. }
            | StepKind::Health { .. }
            | StepKind::Drain { .. }
    )
}

/// A step in a few words: `start web.2`.
fn title(step: &Step) -> String {
    match &step.kind {
        StepKind::Start {
            service, replica, ..
        }
        | StepKind::Health {
            service, replica, ..
        }
        | StepKind::Stop {
            service, replica, ..
        }
        | StepKind::Remove {
            service, replica, ..
        } => format!("{} {service}.{replica}", step.kind.name()),
        StepKind::Load { image } if image.pull.is_some() => format!("pull {}", image.reference),
        StepKind::Load { image } => format!("load {}", image.reference),
        StepKind::Ship { blobs, .. } => {
            let from: BTreeSet<&str> = blobs
                .iter()
                .filter_map(|blob| blob.from.as_ref())
                .map(HostName::as_str)
                .collect();
            if from.is_empty() {
                "ship".to_owned()
            } else {
                let from: Vec<&str> = from.into_iter().collect();
                format!("ship from {}", from.join(", "))
            }
        }
        other => other.name().to_owned(),
    }
}
