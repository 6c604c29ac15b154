//! What is known of the images that hosts need, each for the platforms it is needed for, and making
//! what is not there.

use std::collections::{BTreeMap, BTreeSet};

use crate::error::{Error, Result};
use crate::event::Events;
use crate::image::BuildMode;
use crate::model::{HostName, Image, ImageState, Observed, Project, ServiceName, machine};
use crate::plan::Plan;
use crate::state::Copies;

use super::Engine;
use super::artifacts::known;
use super::platforms::{self, Pass, Platforms, Targets};
use super::registry::Way;
use super::rollout::RolloutOptions;

/// Where each service's containers will be.
pub(super) type Placed = BTreeMap<ServiceName, BTreeSet<HostName>>;

/// What is known of each service's image.
pub(super) type States = BTreeMap<ServiceName, ImageState>;

impl Engine {
    /// What is known of the images of these services without building anything, for hosts as they
    /// are.
    ///
    /// # Errors
    /// As [`Engine::survey_images`].
    pub(super) async fn survey_of(
        &self,
        services: &[ServiceName],
        options: &RolloutOptions,
    ) -> Result<States> {
        let fleet = self.platforms().await?;
        self.survey_for(&fleet, services, options).await
    }

    /// As [`Engine::survey_of`], for hosts of these platforms.
    pub(super) async fn survey_for(
        &self,
        fleet: &Platforms,
        services: &[ServiceName],
        options: &RolloutOptions,
    ) -> Result<States> {
        let project = self.project().await?;
        let targets = self.targets(project, fleet, options).await?;
        let ways = self.ways(project, services)?;
        let mut states = States::new();
        let mut here = Vec::new();
        for name in services {
            match (ways.get(name), project.services.get(name)) {
                (Some(Way::Pulled(written)), Some(service)) => {
                    let wanted = targets.get(name).map_or(&[][..], Vec::as_slice);
                    let image = self.pulled(service, written, wanted).await?;
                    states.insert(name.clone(), ImageState::Known(image));
                }
                _ => here.push(name.clone()),
            }
        }
        let own = self.own_platform().await;
        let mut found: BTreeMap<ServiceName, Vec<ImageState>> = BTreeMap::new();
        for pass in platforms::passes(project, &here, &targets, own.as_deref()) {
            let surveyed = self.survey_pass(&pass, options.build).await?;
            for (name, state) in surveyed {
                let state = match ways.get(&name) {
                    Some(Way::Published(to)) => self.store().await?.published(state, to),
                    _ => state,
                };
                found.entry(name).or_default().push(state);
            }
        }
        states.extend(together(found));
        Ok(states)
    }

    /// Builds and pulls what is pending, for every platform it is needed for, and pushes what hosts
    /// are to pull. A plan that cannot be carried out, and a platform that nothing here builds for,
    /// are refused before anything is built.
    ///
    /// # Errors
    /// A build, pull or push fails; its last lines are in the error.
    pub(super) async fn realise(
        &self,
        mut states: States,
        options: &RolloutOptions,
    ) -> Result<States> {
        self.foresee(&states, options).await?;
        let project = self.project().await?;
        let targets: Targets = states
            .iter()
            .filter_map(|(name, state)| match state {
                ImageState::Pending { platforms, .. } => Some((name.clone(), platforms.clone())),
                _ => None,
            })
            .collect();
        let pending: Vec<ServiceName> = targets.keys().cloned().collect();
        let own = self.own_platform().await;
        let store = self.store().await?;
        let events = &self.settings.events;
        let mut passes = Vec::new();
        for pass in platforms::passes(project, &pending, &targets, own.as_deref()) {
            let several = |name: &ServiceName| targets.get(name).is_some_and(|all| all.len() > 1);
            let (again, once): (Vec<_>, Vec<_>) = pass.services.iter().cloned().partition(several);
            let mut work: States = once
                .into_iter()
                .filter_map(|name| states.remove_entry(&name))
                .collect();
            if !again.is_empty() {
                // For some platforms the image may be there.
                let pass = Pass {
                    services: again,
                    ..pass.clone()
                };
                work.extend(self.survey_pass(&pass, options.build).await?);
            }
            let checked = store.check_builds(&pass.project, &work, events).await;
            if let Err(error) = checked {
                return Err(self.who_needs(error, pass.platform.as_deref()).await);
            }
            passes.push((pass, work));
        }
        let mut found: BTreeMap<ServiceName, Vec<ImageState>> = BTreeMap::new();
        for (pass, work) in passes {
            for (name, state) in store.realise(&pass.project, work, events).await? {
                found.entry(name).or_default().push(state);
            }
        }
        states.extend(together(found));
        self.publish(project, states).await
    }

    /// Refuses what no build can make right, before it begins and before a registry gets anything:
    /// an image for another platform than that of a host that it is needed on.
    async fn foresee(&self, states: &States, options: &RolloutOptions) -> Result<()> {
        let names: Vec<ServiceName> = states.keys().cloned().collect();
        let ways = self.ways(self.project().await?, &names)?;
        let leaves = |name, state: &ImageState| match state {
            ImageState::Pending { .. } | ImageState::Unpublished(_) => true,
            ImageState::Known(image) => {
                image.pull.is_none() && matches!(ways.get(name), Some(Way::Published(_)))
            }
        };
        let coming: Vec<&ImageState> = states
            .iter()
            .filter(|(name, state)| leaves(*name, state))
            .map(|(_, state)| state)
            .collect();
        if coming.is_empty() {
            return Ok(());
        }
        let fleet = self.platforms().await?;
        let fits = |state: &ImageState, needed: &str| {
            let made = platforms_of(state);
            made.is_empty() || made.iter().any(|one| machine(one) == machine(needed))
        };
        let doubtful = coming
            .iter()
            .any(|state| fleet.iter().any(|(needed, _)| !fits(state, needed)));
        if doubtful {
            let observed = self.observe(&known(states)).await?;
            let policy = self.silent_decider()?;
            self.foreseen(options, states, &observed, policy).await?;
        }
        Ok(())
    }

    /// Adds which hosts are of the platform that something cannot be built for.
    async fn who_needs(&self, error: Error, platform: Option<&str>) -> Error {
        let (Some(platform), Ok(fleet)) = (platform, self.platforms().await) else {
            return error;
        };
        let Some((_, hosts)) = fleet.iter().find(|(one, _)| one == platform) else {
            return error;
        };
        let hosts: Vec<String> = hosts.iter().map(|host| format!("`{host}`")).collect();
        let are = if hosts.len() == 1 { "is" } else { "are" };
        error.cause(format!("{} {are} `{platform}`", hosts.join(", ")))
    }

    /// The platforms that each service's image is needed for. Where hosts differ, it is where its
    /// replicas will be that counts.
    pub(super) async fn targets(
        &self,
        project: &Project,
        fleet: &Platforms,
        options: &RolloutOptions,
    ) -> Result<Targets> {
        if fleet.len() < 2 {
            return Ok(platforms::targets(project, fleet, None));
        }
        let (plan, _) = self.forecast(options).await?;
        let placed = placed(plan);
        Ok(platforms::targets(project, fleet, Some(&placed)))
    }

    /// The plan of `up` as far as it does not depend on what images are. Nobody is told of it.
    pub(super) async fn forecast(&self, options: &RolloutOptions) -> Result<(Plan, Observed)> {
        let project = self.project().await?;
        let unknown = project.services.keys().map(|name| {
            let state = ImageState::Pending {
                reference: name.to_string(),
                build: true,
                reason: String::new(),
                platforms: Vec::new(),
            };
            (name.clone(), state)
        });
        let unknown: States = unknown.collect();
        let observed = self.observe_telling(&[], None, &Events::none()).await?;
        let policy = self.silent_decider()?;
        let plan = self.foreseen(options, &unknown, &observed, policy).await?;
        Ok((plan, observed))
    }

    /// The platform of this machine's engine, if there is one.
    async fn own_platform(&self) -> Option<String> {
        let engine = self.local().await?;
        Some(engine.identity().platform.clone())
    }

    /// What is known of the images of one pass.
    async fn survey_pass(&self, pass: &Pass, mode: BuildMode) -> Result<States> {
        if pass.services.is_empty() {
            return Ok(States::new());
        }
        let (project, services) = (&pass.project, pass.services.as_slice());
        let store = self.store().await?;
        let local = self.local().await;
        let known_here = store
            .survey(project, services, mode, &BTreeMap::new(), local)
            .await;
        if let Ok(images) = &known_here
            && images.values().all(|image| image.known().is_some())
        {
            return known_here;
        }
        // Only a machine that never built these sources has to ask what the hosts run.
        let mut recorded = self.recorded_images().await?;
        let ways = self.ways(project, &recorded.keys().cloned().collect::<Vec<_>>())?;
        recorded.retain(|name, image| match (ways.get(name), &image.pull) {
            // What went another way is not what this machine would deploy now.
            (Some(Way::Published(wanted)), Some(pinned)) => pinned.repository() == wanted,
            (Some(Way::Published(_)), None) | (_, Some(_)) => false,
            (_, None) => true,
        });
        store
            .survey(project, services, mode, &recorded, local)
            .await
    }

    /// The images of the active release, so that a machine that never built them need not.
    pub(super) async fn recorded_images(&self) -> Result<BTreeMap<ServiceName, Image>> {
        let key = self.key().await?;
        let nodes = self.nodes().await?;
        let found = Copies::of(nodes, &key).read().await?;
        Ok(found
            .state
            .as_ref()
            .and_then(|state| state.active_release())
            .map(|release| {
                release
                    .services
                    .iter()
                    .map(|(name, service)| (name.clone(), service.image.clone()))
                    .collect()
            })
            .unwrap_or_default())
    }
}

/// What an image is for, or will be.
fn platforms_of(state: &ImageState) -> Vec<&str> {
    match state {
        ImageState::Pending { platforms, .. } => platforms.iter().map(String::as_str).collect(),
        ImageState::Known(image) | ImageState::Unpublished(image) => {
            image.all().map(|one| one.platform.as_str()).collect()
        }
    }
}

/// Where a plan has the replicas of each service.
pub(super) fn placed(plan: Plan) -> Placed {
    let services = plan.services.into_iter();
    services
        .map(|(name, service)| (name, service.placement_after.into_keys().collect()))
        .collect()
}

/// One state per service from those of its platforms: known when all are, pending for all of them
/// when one is.
pub(super) fn together(found: BTreeMap<ServiceName, Vec<ImageState>>) -> States {
    let one = |states: Vec<ImageState>| {
        let mut platforms: Vec<String> = Vec::new();
        for state in &states {
            match state {
                ImageState::Known(image) | ImageState::Unpublished(image) => {
                    platforms.push(image.platform.clone());
                }
                ImageState::Pending { platforms: own, .. } => platforms.extend(own.clone()),
            }
        }
        let mut published = true;
        let mut images = Vec::new();
        for state in states {
            match state {
                ImageState::Known(image) => images.push(image),
                ImageState::Unpublished(image) => {
                    published = false;
                    images.push(image);
                }
                ImageState::Pending {
                    reference,
                    build,
                    reason,
                    ..
                } => {
                    return Some(ImageState::Pending {
                        reference,
                        build,
                        reason,
                        platforms,
                    });
                }
            }
        }
        let image = Image::of_platforms(images)?;
        Some(if published {
            ImageState::Known(image)
        } else {
            ImageState::Unpublished(image)
        })
    };
    let states = found.into_iter();
    states
        .filter_map(|(name, states)| Some((name, one(states)?)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Digest;

    fn image(platform: &str) -> Image {
        let from = format!("r.io/app@{}", Digest::of(platform.as_bytes()));
        Image::pulled(
            "app".to_owned(),
            from.parse().unwrap(),
            1,
            platform.to_owned(),
        )
    }

    fn pending(platform: &str) -> ImageState {
        ImageState::Pending {
            reference: "app".to_owned(),
            build: true,
            reason: "never built".to_owned(),
            platforms: vec![platform.to_owned()],
        }
    }

    fn of(states: Vec<ImageState>) -> ImageState {
        let name: ServiceName = "web".parse().unwrap();
        let mut found = together([(name.clone(), states)].into());
        found.remove(&name).unwrap()
    }

    #[test]
    fn a_service_is_as_far_as_the_last_of_its_platforms() {
        let (amd, arm) = (image("linux/amd64"), image("linux/arm64"));
        match of(vec![
            ImageState::Known(amd.clone()),
            ImageState::Known(arm.clone()),
        ]) {
            ImageState::Known(both) => {
                assert_eq!(both.on("linux/arm64"), &arm);
                assert_eq!(both.on("linux/amd64").manifest, amd.manifest);
            }
            other => panic!("{other:?}"),
        }
        let half = of(vec![ImageState::Known(amd.clone()), pending("linux/arm64")]);
        let ImageState::Pending { platforms, .. } = half else {
            panic!("{half:?}")
        };
        assert_eq!(platforms, ["linux/amd64", "linux/arm64"]);
        let unpublished = of(vec![ImageState::Known(amd), ImageState::Unpublished(arm)]);
        assert!(matches!(unpublished, ImageState::Unpublished(_)));
    }
}
