//! The phases that a pipeline script calls, in the order the script chooses.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::Mutex;

use crate::apply::Walk;
use crate::error::{Error, Kind, Result};
use crate::interrupt::interrupted;
use crate::model::{ImageState, Observed, Release, ReleaseStatus, ServiceName};
use crate::plan::{self, Action, Plan};
use crate::script::{PhaseFuture, Phases, Runner, Scene};
use crate::state::{self, Copies, Lease};

use super::Engine;
use super::gather::Holds;
use super::rollout::{Outcome, RolloutOptions, View, checked};
use super::surveyed::Surveyed;

/// One rollout on its way through its pipeline.
pub(super) struct Rollout<'a> {
    pub(super) engine: &'a Engine,
    pub(super) action: Action,
    pub(super) options: RolloutOptions,
    pub(super) view: &'a dyn View,
    pub(super) progress: Mutex<Progress>,
}

/// What earlier phases found out.
#[derive(Default)]
pub(super) struct Progress {
    pub(super) surveyed: Option<Surveyed>,
    pub(super) observed: Option<Observed>,
    pub(super) plan: Option<Plan>,
    pub(super) lease: Option<Lease>,
    /// Images that hosts keep until the release is recorded.
    pub(super) holds: Holds,
    guarded: bool,
    applied: bool,
}

impl Phases for Rollout<'_> {
    fn names(&self) -> &'static [&'static str] {
        &["guard", "build", "observe", "plan", "show", "lock", "apply"]
    }

    fn phase<'a>(&'a self, name: &'a str) -> PhaseFuture<'a> {
        Box::pin(async move {
            let interrupt = &self.engine.settings.interrupt;
            match name {
                // What stands on hosts by then is brought to an end before it is left.
                "apply" => self.apply().await,
                _ if interrupt.is_requested() => Err(unchanged()),
                "lock" => self.lock().await,
                "guard" => interrupt.unless_requested(unchanged, self.guard()).await,
                "build" => interrupt.unless_requested(unchanged, self.build()).await,
                "observe" => interrupt.unless_requested(unchanged, self.observe()).await,
                "plan" => interrupt.unless_requested(unchanged, self.plan()).await,
                "show" => self.show().await,
                other => Err(Error::user(format!("there is no phase `{other}`"))
                    .hint(format!("phases: {}", self.names().join(", ")))),
            }
        })
    }
}

impl<'a> Rollout<'a> {
    pub(super) fn new(
        engine: &'a Engine,
        action: Action,
        options: RolloutOptions,
        view: &'a dyn View,
    ) -> Self {
        Self {
            engine,
            action,
            options,
            view,
            progress: Mutex::new(Progress::default()),
        }
    }

    pub(super) fn verb(&self) -> &'static str {
        match self.action {
            Action::Up => "up",
            Action::Rollback => "rollback",
            Action::Down => "down",
        }
    }

    async fn guard(&self) -> Result<()> {
        self.engine.authorize(self.verb()).await?;
        self.progress.lock().await.guarded = true;
        Ok(())
    }

    async fn build(&self) -> Result<()> {
        let mut progress = self.progress.lock().await;
        progress.surveyed = Some(self.engine.make_images(&self.options).await?);
        Ok(())
    }

    async fn observe(&self) -> Result<()> {
        let mut progress = self.progress.lock().await;
        progress.observed = Some(self.look(&mut progress.surveyed).await?);
        Ok(())
    }

    async fn plan(&self) -> Result<()> {
        let mut progress = self.progress.lock().await;
        let plan = self.make_plan(&progress).await?;
        progress.plan = Some(plan);
        Ok(())
    }

    pub(super) async fn make_plan(&self, progress: &Progress) -> Result<Plan> {
        let observed = progress
            .observed
            .as_ref()
            .ok_or_else(|| out_of_order("plan", "observe"))?;
        let engine = self.engine;
        if self.action == Action::Up {
            let none = BTreeMap::new();
            let made = progress.surveyed.as_ref();
            let images = made.map_or(&none, |made| &made.states);
            return engine.plan_up(&self.options, images, observed).await;
        }
        let inputs = plan::Inputs {
            context: &engine.settings.context,
            // What is restored or removed is on the hosts, whatever the Compose file says now.
            project: &engine.bare_project().await?,
            images: &self.local_images(observed).await?,
            files: &BTreeMap::new(),
            observed,
            options: &engine.plan_options(&self.options),
            policy: engine.decider()?,
        };
        let plan = match self.action {
            Action::Up | Action::Rollback => plan::rollback(&inputs, self.options.to)?,
            Action::Down => plan::down(&inputs, self.options.volumes)?,
        };
        checked(plan, observed, engine.decider()?)
    }

    /// Of the release to restore, the images whose bytes this machine has or can get.
    async fn local_images(&self, observed: &Observed) -> Result<BTreeMap<ServiceName, ImageState>> {
        let Some(state) = &observed.state else {
            return Ok(BTreeMap::new());
        };
        if self.action != Action::Rollback {
            return Ok(BTreeMap::new());
        }
        let mut images = BTreeMap::new();
        for (name, service) in &plan::rollback_target(state, self.options.to)?.services {
            let image = &service.image;
            if self.engine.obtainable(image, observed).await? {
                images.insert(name.clone(), ImageState::Known(image.clone()));
            }
        }
        Ok(images)
    }

    async fn show(&self) -> Result<()> {
        let progress = self.progress.lock().await;
        let plan = progress
            .plan
            .as_ref()
            .ok_or_else(|| out_of_order("show", "plan"))?;
        self.view.plan(plan);
        Ok(())
    }

    async fn apply(&self) -> Result<()> {
        let mut progress = self.progress.lock().await;
        if !progress.guarded {
            return Err(out_of_order("apply", "guard"));
        }
        let mut plan = progress
            .plan
            .clone()
            .ok_or_else(|| out_of_order("apply", "plan"))?;
        if plan.is_empty() {
            return Ok(());
        }
        let lease = progress
            .lease
            .clone()
            .ok_or_else(|| out_of_order("apply", "lock"))?;
        sign(&mut plan, &self.engine.settings.by);
        let engine = self.engine;
        if let Some(observed) = &progress.observed {
            let gathered = engine.gather(&plan, observed);
            let interrupt = &engine.settings.interrupt;
            interrupt.unless_requested(unchanged, gathered).await?;
        }
        let nodes = engine.nodes().await?;
        let settings = &engine.settings;
        let scene = Scene {
            context: settings.context.clone(),
            nodes: nodes.clone(),
            plan: Arc::new(plan.clone()),
            store: engine.store().await?.clone(),
            lease: Some(lease.clone()),
            state: plan.state.clone(),
            events: settings.events.clone(),
        };
        let runner = Runner::new(&settings.scripts, scene, nodes)?;
        let result = Walk {
            plan: &plan,
            runner: &runner,
            events: &settings.events,
            interrupt: settings.interrupt.clone(),
            on_failure: self.options.on_failure,
            concurrency: settings.context.artifacts.concurrency,
            journal: &|stage| lease.stage(stage),
        }
        .run()
        .await;
        match &result {
            Ok(()) => runner.announce_released().await?,
            Err(error) => runner.announce_failed(error).await?,
        }
        progress.applied = result.is_ok();
        if let Err(error) = &result
            && !matches!(error.kind(), Kind::NeedsAttention)
        {
            self.record_failure(&plan, &lease).await;
        }
        progress.plan = Some(plan);
        result
    }

    /// Uses the failed release's number up, so that the next one is not mistaken for it.
    async fn record_failure(&self, plan: &Plan, lease: &Lease) {
        let engine = self.engine;
        let recorded = async {
            let nodes = engine.nodes().await?;
            let mut state = Copies::of(nodes, &plan.key)
                .read()
                .await?
                .state
                .unwrap_or_else(|| crate::model::ProjectState::empty(plan.key.clone()));
            if state.last >= plan.release {
                return Ok(());
            }
            if let Some(mut failed) = plan
                .state
                .as_ref()
                .and_then(|state| state.release(plan.release))
                .cloned()
            {
                failed.status = ReleaseStatus::Failed;
                state.releases.push(failed);
            }
            state.last = plan.release;
            state.serial += 1;
            lease.write(&state).await
        };
        if let Err(error) = recorded.await {
            engine.settings.events.warn(format!(
                "the failed release {} could not be recorded: {error}",
                plan.release
            ));
        }
    }

    /// Releases the lock whatever happened and reports the outcome.
    pub(super) async fn finish(self, result: Result<()>) -> Result<Outcome> {
        let progress = self.progress.into_inner();
        if result.is_err() {
            self.engine.unhold(progress.holds).await;
        }
        if let Some(lease) = progress.lease {
            let (outcome, message) = match &result {
                Ok(()) => (state::Outcome::Done, None),
                Err(error) => (ended(error.kind()), Some(error.message().to_owned())),
            };
            if let Err(error) = lease.release(outcome, message).await {
                self.engine.settings.events.warn(error.to_string());
            }
        }
        result?;
        let plan = progress
            .plan
            .ok_or_else(|| Error::user("the pipeline script never called `plan`"))?;
        let changed = progress.applied;
        Ok(Outcome { plan, changed })
    }
}

/// A stop before anything that runs was changed.
fn unchanged() -> Error {
    interrupted("nothing that runs was changed")
        .hint("run the command again; what was built is not built again")
}

pub(super) fn ended(kind: Kind) -> state::Outcome {
    match kind {
        Kind::Undone => state::Outcome::Undone,
        Kind::Interrupted => state::Outcome::Interrupted,
        _ => state::Outcome::Failed,
    }
}

/// Fills in when and by whom, which the planner must not know.
fn sign(plan: &mut Plan, by: &str) {
    let release = plan.release;
    if let Some(record) = plan
        .state
        .as_mut()
        .and_then(|state| state.releases.iter_mut().find(|r| r.id == release))
    {
        sign_release(record, by);
    }
}

fn sign_release(release: &mut Release, by: &str) {
    if release.created.is_empty() {
        release.created = jiff::Timestamp::now()
            .round(jiff::Unit::Second)
            .unwrap_or_else(|_| jiff::Timestamp::now())
            .to_string();
        by.clone_into(&mut release.by);
    }
}

pub(super) fn out_of_order(phase: &str, before: &str) -> Error {
    Error::user(format!(
        "the pipeline script called `{phase}` before `{before}`"
    ))
    .hint("compare it with the built-in one: `webpods script eject pipeline/up` in an empty folder")
}
