//! Images of a project: found, built, pulled, shipped.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde::Serialize;

use crate::error::{Error, Result, near_miss};
use crate::image;
use crate::interrupt::interrupted;
use crate::model::{Build, Digest, HostName, Image, ImageState, Observed, Project, ServiceName};

use super::ahead::Ahead;
use super::registry::Way;
use super::rollout::RolloutOptions;
use super::survey::{States, together};
use super::{Authority, Engine, platforms};

impl Engine {
    /// As [`Engine::survey_images`], for this machine, whatever the hosts are: none is asked for its
    /// platform.
    async fn survey_here(
        &self,
        options: &RolloutOptions,
    ) -> Result<BTreeMap<ServiceName, ImageState>> {
        let project = self.project().await?;
        let services = with_dependencies(project, &options.services)?;
        self.survey_as_is(project, &services, options).await
    }

    async fn survey_as_is(
        &self,
        project: &Project,
        services: &[ServiceName],
        options: &RolloutOptions,
    ) -> Result<BTreeMap<ServiceName, ImageState>> {
        let store = self.store().await?;
        let local = image::local_engine(&self.settings.events).await.ok();
        let local = local.as_ref();
        let nobody = BTreeMap::new();
        store
            .survey(project, services, options.build, &nobody, local)
            .await
    }

    /// Builds and pulls what is pending, for this machine.
    async fn realise_here(
        &self,
        states: BTreeMap<ServiceName, ImageState>,
    ) -> Result<BTreeMap<ServiceName, ImageState>> {
        let project = self.project().await?;
        let store = self.store().await?;
        store.realise(project, states, &self.settings.events).await
    }

    /// Images for a file: for the platforms that the Compose file names, else for this machine.
    async fn realise_for_file(
        &self,
        options: &RolloutOptions,
    ) -> Result<BTreeMap<ServiceName, ImageState>> {
        let project = self.project().await?;
        let services = all_with_dependencies(project, &options.services)?;
        // No host is asked what it is.
        let targets = platforms::promised(project);
        let own = image::local_engine(&self.settings.events).await.ok();
        let own = own.map(|engine| engine.identity().platform.clone());
        let store = self.store().await?;
        let mut found: BTreeMap<ServiceName, Vec<ImageState>> = BTreeMap::new();
        for pass in platforms::passes(project, &services, &targets, own.as_deref()) {
            let states = self
                .survey_as_is(&pass.project, &pass.services, options)
                .await?;
            let made = store.realise(&pass.project, states, &self.settings.events);
            for (name, state) in made.await? {
                found.entry(name).or_default().push(state);
            }
        }
        Ok(together(found))
    }
}

/// One line of `images`.
#[derive(Debug, Clone, Serialize)]
pub struct ImageRow {
    /// The service.
    pub service: ServiceName,
    /// What the Compose file calls the image.
    pub reference: String,
    /// Its identity, once built or pulled.
    pub digest: Option<Digest>,
    /// Why it is not known yet.
    pub pending: String,
    /// Bytes of all its blobs.
    pub size: Option<u64>,
    /// `linux/amd64`.
    pub platform: Option<String>,
}

/// What `push` sent to one host.
#[derive(Debug, Clone, Serialize)]
pub struct Sent {
    /// The host.
    pub host: HostName,
    /// Bytes that travelled.
    pub sent: u64,
    /// Bytes of all images.
    pub total: u64,
    /// Bytes of blobs that other hosts passed on.
    pub passed: u64,
    /// Those hosts.
    pub from: Vec<HostName>,
    /// What the Compose file calls the images that the host pulled from a registry.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub pulled: Vec<String>,
}

impl Engine {
    /// The images of the project's services. No host is asked.
    ///
    /// # Errors
    /// As `diff`, up to the images.
    pub async fn images(&self, options: &RolloutOptions) -> Result<Vec<ImageRow>> {
        Ok(rows(&self.survey_here(options).await?))
    }

    /// Builds and pulls what is pending, and lists the result.
    ///
    /// # Errors
    /// A build or pull fails; its last lines are in the error.
    pub async fn build(&self, options: &RolloutOptions) -> Result<Vec<ImageRow>> {
        let states = self.survey_here(options).await?;
        Ok(rows(&self.realise_here(states).await?))
    }

    /// Builds and pulls what is pending, lists the result and, with `to`, writes it into a file: for
    /// the platforms that services name, else for this machine's.
    ///
    /// # Errors
    /// A build or pull fails; the file cannot be written.
    pub async fn pull(&self, options: &RolloutOptions, to: Option<&Path>) -> Result<Vec<ImageRow>> {
        let Some(path) = to else {
            let states = self.realise_here(self.survey_here(options).await?).await?;
            return Ok(rows(&states));
        };
        // Whoever waits for a build wants to know before whether its file can be written.
        let outlet = image::Outlet::open(path)?;
        let states = self.realise_for_file(options).await?;
        self.store()
            .await?
            .carry_out(known(&states), outlet)
            .await?;
        Ok(rows(&states))
    }

    /// Sends each host the blobs that its share of the project lacks, and has its engine load the
    /// images, under the project's lock. With `from`, images come from that archive or folder.
    ///
    /// # Errors
    /// A build fails, the archive cannot be used, a host cannot be reached or is full, its engine
    /// refuses an image, the lock is held.
    pub async fn push(
        &self,
        authority: &Authority,
        options: &RolloutOptions,
        from: Option<&Path>,
    ) -> Result<Vec<Sent>> {
        self.warn_of_no_agent(options);
        let mut ahead = Ahead::default();
        let result = self.pushed(authority, options, from, &mut ahead).await;
        if let Some(lease) = ahead.lease {
            self.let_go(lease, &result).await;
        }
        result
    }

    async fn pushed(
        &self,
        authority: &Authority,
        options: &RolloutOptions,
        from: Option<&Path>,
        ahead: &mut Ahead,
    ) -> Result<Vec<Sent>> {
        let interrupt = &self.settings.interrupt;
        let (states, observed) = match from {
            Some(path) => {
                let found = async {
                    let states = self.carried(options, path).await?;
                    let observed = self.observe(&known(&states)).await?;
                    Ok((states, observed))
                };
                interrupt.unless_requested(broken_off, found).await?
            }
            None => Box::pin(self.made(authority, options, ahead)).await?,
        };
        let plan = self.plan_up(options, &states, &observed).await?;
        // What changes nothing needs no lock, and waits for nobody.
        if plan.images.iter().any(|image| !image.shipments.is_empty()) {
            if ahead.lease.is_none() {
                let nodes = self.nodes().await?;
                let lease = self
                    .lease(nodes, &plan.key, authority, options.wait)
                    .await?;
                ahead.lease = Some(lease);
            }
            let gathered = self.gather(&plan, &observed);
            interrupt.unless_requested(broken_off, gathered).await?;
        }
        let sent = self.send(&plan, std::mem::take(&mut ahead.shipped));
        interrupt.unless_requested(broken_off, sent).await
    }

    /// Images that are all there, and the fleet. What is made here is being sent meanwhile.
    async fn made(
        &self,
        authority: &Authority,
        options: &RolloutOptions,
        ahead: &mut Ahead,
    ) -> Result<(States, Observed)> {
        let store = self.store().await?;
        let interrupt = &self.settings.interrupt;
        loop {
            let (tidings, stop) = (store.listen(), Arc::new(AtomicBool::new(false)));
            let surveyed = async {
                let made = self.make_images(options);
                let surveyed = interrupt.unless_requested(broken_off, made).await;
                // Nobody waits for bytes to learn that a build failed.
                stop.store(surveyed.is_err(), Ordering::Relaxed);
                store.hush();
                surveyed
            };
            let sent = Box::pin(self.ahead(authority, options, tidings, &stop));
            let (surveyed, sent) = tokio::join!(surveyed, sent);
            ahead.add(sent);
            let surveyed = surveyed?;
            // Whoever gets nothing may go away while the others are being served.
            let observed = self.observe_for(&surveyed, ahead.seen.as_ref());
            let observed = interrupt.unless_requested(broken_off, observed).await?;
            if let Some(observed) = observed {
                return Ok((surveyed.states, observed));
            }
        }
    }

    /// Images from an archive; what it does not have is found, built or pulled as always.
    async fn carried(
        &self,
        options: &RolloutOptions,
        path: &Path,
    ) -> Result<BTreeMap<ServiceName, ImageState>> {
        let project = self.project().await?;
        let wanted = all_with_dependencies(project, &options.services)?;
        let asked = match options.services.as_slice() {
            // What it depends on must not be mistaken for it.
            [one] => std::slice::from_ref(one),
            _ => &wanted,
        };
        let asked = &self.sent_from_here(project, asked)?;
        let fleet = self.platforms().await?;
        let targets = self.targets(project, &fleet, options).await?;
        let store = self.store().await?;
        let found = store.carry_in(project, asked, &targets, path).await?;
        let rest: Vec<ServiceName> = wanted
            .into_iter()
            .filter(|name| !found.contains_key(name))
            .collect();
        let mut states = BTreeMap::new();
        if !rest.is_empty() {
            states = self.survey_of(&rest, options).await?;
        }
        for (name, image) in found {
            self.settings.events.notice(format!(
                "service `{name}`: image {} from `{}`",
                image.manifest.digest.short(),
                path.display()
            ));
            states.insert(name, ImageState::Known(image));
        }
        self.realise(states, options).await
    }
}

impl Engine {
    /// Those of the services whose images an archive can bring: not what hosts pull.
    fn sent_from_here(&self, project: &Project, asked: &[ServiceName]) -> Result<Vec<ServiceName>> {
        let ways = self.ways(project, asked)?;
        let pulled = |name: &ServiceName| matches!(ways.get(name), Some(Way::Pulled(_)));
        let sent: Vec<ServiceName> = asked.iter().filter(|name| !pulled(name)).cloned().collect();
        match (sent.is_empty(), asked) {
            (false, _) | (_, []) => Ok(sent),
            (true, [first, ..]) => Err(Error::user(format!(
                "hosts pull the image of service `{first}` themselves, so `--from` has nothing to \
                 send for it"
            ))
            .hint("`x-artifacts: {source: client}` has images sent from here")),
        }
    }
}

/// A stop while images are on their way.
fn broken_off() -> Error {
    interrupted("what has arrived stays on the hosts, and the lock is released")
        .hint("run `push` again: it goes on where it stopped")
}

/// The named services, what they depend on and what their images are built from; empty stays empty
/// and means all.
fn with_dependencies(project: &Project, named: &[ServiceName]) -> Result<Vec<ServiceName>> {
    let mut wanted = Vec::new();
    let mut open = named.to_vec();
    while let Some(name) = open.pop() {
        let Some(service) = project.services.get(&name) else {
            return Err(unknown_service(project, &name));
        };
        if !wanted.contains(&name) {
            open.extend(service.depends_on.keys().cloned());
            open.extend(service.build.iter().flat_map(Build::services).cloned());
            wanted.push(name);
        }
    }
    Ok(wanted)
}

/// As [`with_dependencies`]; with none named, all.
pub(super) fn all_with_dependencies(
    project: &Project,
    named: &[ServiceName],
) -> Result<Vec<ServiceName>> {
    match with_dependencies(project, named)? {
        all if all.is_empty() => Ok(project.services.keys().cloned().collect()),
        named => Ok(named),
    }
}

fn unknown_service(project: &Project, name: &ServiceName) -> Error {
    let names = project.services.keys().map(ServiceName::as_str);
    let error = Error::user(format!(
        "service `{name}` is not in project `{}`",
        project.name
    ));
    match near_miss(name.as_str(), names.clone()) {
        Some(near) => error.hint(format!("did you mean `{near}`?")),
        None => error.hint(format!(
            "its services: {}",
            names.collect::<Vec<_>>().join(", ")
        )),
    }
}

pub(super) fn known(states: &BTreeMap<ServiceName, ImageState>) -> Vec<Image> {
    states
        .values()
        .filter_map(ImageState::known)
        .cloned()
        .collect()
}

fn rows(states: &BTreeMap<ServiceName, ImageState>) -> Vec<ImageRow> {
    states
        .iter()
        .map(|(service, state)| match state {
            ImageState::Known(image) | ImageState::Unpublished(image) => ImageRow {
                service: service.clone(),
                reference: image.reference.clone(),
                digest: Some(image.manifest.digest.clone()),
                pending: String::new(),
                size: image.pull.is_none().then(|| image.size()),
                platform: Some(image.platform.clone()),
            },
            ImageState::Pending {
                reference, reason, ..
            } => ImageRow {
                service: service.clone(),
                reference: reference.clone(),
                digest: None,
                pending: reason.clone(),
                size: None,
                platform: None,
            },
        })
        .collect()
}
