//! The phases that look at the fleet: once to show a plan, and once more under the lock, where no
//! other operation can make it wrong.

use crate::error::{Error, Kind, Result};
use crate::model::{Image, Observed, Release};
use crate::plan::{self, Action, Plan};
use crate::state::{self, Copies, Who};

use super::phases::{Rollout, out_of_order};
use super::surveyed::Surveyed;

/// How often a plan is made again because other projects took ports in between.
const ROUNDS: u32 = 20;

impl Rollout<'_> {
    /// The fleet, asked about the images of this rollout. What was built is built again when a host
    /// turns out to be of another platform.
    pub(super) async fn look(&self, surveyed: &mut Option<Surveyed>) -> Result<Observed> {
        while let Some(made) = surveyed {
            if let Some(observed) = self.engine.observe_for(made, None).await? {
                return Ok(observed);
            }
            *made = self.engine.make_images(&self.options).await?;
        }
        let images = self.restored().await?;
        self.engine.observe(&images).await
    }

    /// The images of the release that is restored.
    async fn restored(&self) -> Result<Vec<Image>> {
        if self.action != Action::Rollback {
            return Ok(Vec::new());
        }
        let state = self.engine.state().await?;
        let target = state
            .as_ref()
            .map(|state| plan::rollback_target(state, self.options.to))
            .transpose()?;
        Ok(target.map(images_of).unwrap_or_default())
    }

    /// Takes the lock and makes sure that the plan that was shown still holds.
    pub(super) async fn lock(&self) -> Result<()> {
        let mut progress = self.progress.lock().await;
        let plan = progress
            .plan
            .as_ref()
            .ok_or_else(|| out_of_order("lock", "plan"))?;
        if plan.is_empty() {
            return Ok(());
        }
        let shown = plan.clone();
        let nodes = self.engine.nodes().await?;
        let settings = &self.engine.settings;
        let lease = Copies::of(nodes, &shown.key)
            .lock(&state::Request {
                who: Who::here(&settings.by),
                verb: self.verb().to_owned(),
                release: Some(shown.release),
                goal: shown.state.clone(),
                wait: self.options.wait,
                stop: settings.interrupt.clone(),
                events: settings.events.clone(),
            })
            .await?;
        progress.lease = Some(lease.clone());
        // What is observed from here on stays, whatever other projects prune.
        progress.holds = self.engine.hold(&shown).await?;
        let mut rounds = 0;
        let fresh = loop {
            let mut observed = self.look(&mut progress.surveyed).await?;
            lease.heed(&mut observed).await;
            progress.observed = Some(observed);
            let fresh = self.make_plan(&progress).await?;
            let claimed = match &fresh.state {
                Some(goal) => lease.claim(goal).await?,
                None => true,
            };
            if claimed {
                break fresh;
            }
            rounds += 1;
            if rounds == ROUNDS {
                return Err(crowded(&shown));
            }
        };
        if fresh != shown {
            settings
                .events
                .notice("the fleet changed since the plan was made; this is the new plan");
            self.view.plan(&fresh);
        }
        progress.plan = Some(fresh);
        Ok(())
    }
}

fn images_of(release: &Release) -> Vec<Image> {
    let services = release.services.values();
    services.map(|service| service.image.clone()).collect()
}

fn crowded(plan: &Plan) -> Error {
    let message = format!(
        "other projects keep taking the host ports that `{}` was about to take",
        plan.key
    );
    Error::new(Kind::Locked, message).hint("run the command again when they are deployed")
}
