//! `up`, `diff`, `rollback` and `down`: plan, then carry out.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::path::Path;
use std::time::Duration;

use crate::apply::OnFailure;
use crate::error::Result;
use crate::image::BuildMode;
use crate::model::{ImageState, Observed, ReleaseId, ServiceName};
use crate::plan::{self, Action, Plan};
use crate::script::{Decider, Pipeline};

use super::phases::Rollout;
use super::{Engine, files};

/// Flags of the verbs that plan.
#[derive(Debug, Clone, Default)]
pub struct RolloutOptions {
    /// Services to deploy; empty means all.
    pub services: Vec<ServiceName>,
    /// `--scale`.
    pub scale: BTreeMap<ServiceName, u32>,
    /// `--build`, `--no-build`.
    pub build: BuildMode,
    /// `--force-recreate`.
    pub force_recreate: bool,
    /// Remove services that are no longer in the Compose file.
    pub remove_orphans: bool,
    /// `--move-volumes`.
    pub move_volumes: bool,
    /// `--fanout`.
    pub fanout: bool,
    /// `--on-failure`.
    pub on_failure: OnFailure,
    /// `--wait`: how long to wait for the lock.
    pub wait: Option<Duration>,
    /// `down --volumes`.
    pub volumes: bool,
    /// `rollback --to`.
    pub to: Option<ReleaseId>,
}

/// Shows a plan before it is carried out.
pub trait View: Send + Sync {
    /// Called once the plan is complete, and again if the fleet changed before the lock was held.
    fn plan(&self, plan: &Plan);
}

/// How a rollout ended.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// What was carried out.
    pub plan: Plan,
    /// False when there was nothing to do.
    pub changed: bool,
}

impl Engine {
    /// The plan of `up`, without building, shipping or changing anything (spec §14).
    ///
    /// # Errors
    /// As `up`, up to the plan.
    pub async fn diff(&self, options: &RolloutOptions) -> Result<Plan> {
        self.warn_of_no_agent(options);
        let (images, observed) = self.survey(options).await?;
        self.plan_up(options, &images, &observed).await
    }

    /// Runs the pipeline script of `action` (spec §13.1, §15, §7.7).
    ///
    /// # Errors
    /// Anything a phase reports; [`crate::error::Kind`] says where things stand.
    pub async fn roll(
        &self,
        action: Action,
        options: RolloutOptions,
        view: &dyn View,
    ) -> Result<Outcome> {
        let pipeline = Pipeline::new(
            &self.settings.scripts,
            match action {
                Action::Up => "up",
                Action::Rollback => "rollback",
                Action::Down => "down",
            },
            &self.settings.events,
        )?;
        if action != Action::Down {
            self.warn_of_no_agent(&options);
        }
        let rollout = Rollout::new(self, action, options, view);
        let result = pipeline.run(&rollout).await;
        rollout.finish(result).await
    }

    /// Says that hosts can probably not pass images on, before a plan promises it.
    pub(super) fn warn_of_no_agent(&self, options: &RolloutOptions) {
        let artifacts = &self.settings.context.artifacts;
        let wanted = options.fanout || artifacts.fanout;
        if wanted && !agent(std::env::var_os("SSH_AUTH_SOCK").as_deref()) {
            self.settings.events.notice(
                "no ssh agent runs here (`SSH_AUTH_SOCK` names none), and hosts need one to pass \
                 images on: unless ssh's configuration names one, this machine sends to every host",
            );
        }
    }

    pub(super) async fn plan_up(
        &self,
        options: &RolloutOptions,
        images: &BTreeMap<ServiceName, ImageState>,
        observed: &Observed,
    ) -> Result<Plan> {
        let policy = self.decider()?;
        let plan = self.foreseen(options, images, observed, policy).await?;
        checked(plan, observed, policy)
    }

    /// The plan of `up` that no hook of the project has seen.
    pub(super) async fn foreseen(
        &self,
        options: &RolloutOptions,
        images: &BTreeMap<ServiceName, ImageState>,
        observed: &Observed,
        policy: &Decider,
    ) -> Result<Plan> {
        let project = self.project().await?;
        let context = &self.settings.context;
        let inputs = plan::Inputs {
            context,
            project,
            images,
            files: &files::digests(&plan::bind_sources(context, project))?,
            observed,
            options: &self.plan_options(options),
            policy,
        };
        plan::up(&inputs)
    }

    pub(super) fn plan_options(&self, options: &RolloutOptions) -> plan::PlanOptions {
        let settings = &self.settings;
        let all = settings.hosts.len() == settings.context.hosts.len();
        plan::PlanOptions {
            scale: options.scale.clone(),
            services: options.services.clone(),
            hosts: if all {
                Vec::new()
            } else {
                settings.hosts.clone()
            },
            force_recreate: options.force_recreate,
            remove_orphans: options.remove_orphans,
            move_volumes: options.move_volumes,
            fanout: options.fanout,
        }
    }
}

/// Whether an agent is there to be forwarded, by what the environment says.
fn agent(socket: Option<&OsStr>) -> bool {
    socket.is_some_and(|socket| !socket.is_empty() && Path::new(socket).exists())
}

/// The plan, once the checker and the project's hooks agree with it.
pub(super) fn checked(plan: Plan, observed: &Observed, hooks: &Decider) -> Result<Plan> {
    plan::check::verify(&plan, observed)?;
    hooks.review(&plan)?;
    Ok(plan)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_agent_is_one_whose_socket_is_there() {
        assert!(agent(Some(OsStr::new("/dev/null"))));
        for none in [None, Some(""), Some("/nonexistent/agent.1")] {
            assert!(!agent(none.map(OsStr::new)), "{none:?}");
        }
    }
}
