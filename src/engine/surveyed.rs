//! Images and fleet at the same time. Hosts that answered an earlier command are taken for what
//! they were then, so that images can be looked for before hosts are asked; what hosts say now
//! decides whether what was found counts.

use crate::error::Result;
use crate::model::Observed;

use super::Engine;
use super::artifacts::{all_with_dependencies, known};
use super::platforms::{Platforms, by_platform};
use super::rollout::RolloutOptions;
use super::survey::States;

/// What is known of each service's image, and for which hosts.
#[derive(Debug, Clone, Default)]
pub(super) struct Surveyed {
    pub(super) states: States,
    /// The platforms that hosts have, or had last time where they were not asked yet: see
    /// [`Engine::observe_for`].
    fleet: Platforms,
}

impl Engine {
    /// What is known of each service's image without building anything.
    ///
    /// # Errors
    /// No local engine where one is needed; a source folder that cannot be read; a registry that
    /// does not have what hosts are to pull.
    pub(super) async fn survey_images(&self, options: &RolloutOptions) -> Result<Surveyed> {
        let project = self.project().await?;
        let services = all_with_dependencies(project, &options.services)?;
        let mut fleet = self.presumed_platforms().await?;
        let mut states = self.survey_for(&fleet, &services, options).await;
        if states.is_err() {
            // Perhaps it is only that no host is like that any more.
            let now = self.platforms().await?;
            if now != fleet {
                states = self.survey_for(&now, &services, options).await;
                fleet = now;
            }
        }
        let states = states?;
        Ok(Surveyed { states, fleet })
    }

    /// As [`Engine::survey_images`], built, pulled and pushed where that is needed.
    ///
    /// # Errors
    /// As [`Engine::survey_images`] and [`Engine::realise`].
    pub(super) async fn make_images(&self, options: &RolloutOptions) -> Result<Surveyed> {
        let mut surveyed = self.survey_images(options).await?;
        let ready = surveyed.states.values().all(|it| it.known().is_some());
        // Nothing is built for a host that only may be what it was.
        if !ready && self.platforms().await? != surveyed.fleet {
            surveyed = self.survey_images(options).await?;
        }
        let states = self.realise(surveyed.states, options).await?;
        Ok(Surveyed { states, ..surveyed })
    }

    /// The fleet, asked about these images. None: a host turns out to be of another platform than
    /// the images are for; they have to be looked for again. What was seen `before` stands for hosts
    /// that do not answer any more.
    ///
    /// # Errors
    /// As [`Engine::observe`].
    pub(super) async fn observe_for(
        &self,
        surveyed: &Surveyed,
        before: Option<&Observed>,
    ) -> Result<Option<Observed>> {
        let (images, events) = (known(&surveyed.states), &self.settings.events);
        let observed = self.observe_telling(&images, before, events).await?;
        let as_presumed = by_platform(self.nodes().await?) == surveyed.fleet;
        Ok(as_presumed.then_some(observed))
    }

    /// Images as they are, and the fleet.
    pub(super) async fn survey(&self, options: &RolloutOptions) -> Result<(States, Observed)> {
        loop {
            let surveyed = self.survey_images(options).await?;
            if let Some(observed) = self.observe_for(&surveyed, None).await? {
                return Ok((surveyed.states, observed));
            }
        }
    }
}
