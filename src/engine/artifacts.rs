//! Images of a project: found, built, pulled, shipped.

use std::collections::BTreeMap;

use futures_util::StreamExt;
use serde::Serialize;

use crate::error::{Error, Result, near_miss};
use crate::image;
use crate::model::{Build, Digest, HostName, Image, ImageState, Project, ServiceName};
use crate::plan::Plan;
use crate::state::Copies;

use super::rollout::RolloutOptions;
use super::{Authority, Engine};

impl Engine {
    /// What is known of each service's image without building anything.
    ///
    /// # Errors
    /// No local engine where one is needed; a source folder that cannot be read.
    pub(super) async fn survey_images(
        &self,
        options: &RolloutOptions,
    ) -> Result<BTreeMap<ServiceName, ImageState>> {
        let project = self.project().await?;
        let store = self.store().await?;
        let services = with_dependencies(project, &options.services)?;
        let local = image::local_engine(&self.settings.events).await.ok();
        let local = local.as_ref();
        let known_here = store
            .survey(project, &services, options.build, &BTreeMap::new(), local)
            .await;
        if let Ok(images) = &known_here
            && images.values().all(|image| image.known().is_some())
        {
            return known_here;
        }
        // Only a machine that never built these sources has to ask what the hosts run.
        let recorded = self.recorded_images().await?;
        store
            .survey(project, &services, options.build, &recorded, local)
            .await
    }

    /// Builds and pulls what is pending.
    ///
    /// # Errors
    /// A build or pull fails; its last lines are in the error.
    pub(super) async fn realise(
        &self,
        states: BTreeMap<ServiceName, ImageState>,
    ) -> Result<BTreeMap<ServiceName, ImageState>> {
        let project = self.project().await?;
        let store = self.store().await?;
        store.realise(project, states, &self.settings.events).await
    }

    /// The images of the active release, so that a machine that never built them need not.
    async fn recorded_images(&self) -> Result<BTreeMap<ServiceName, Image>> {
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
    /// Bytes that it lacked.
    pub sent: u64,
    /// Bytes of all images.
    pub total: u64,
}

impl Engine {
    /// The images of the project's services. No host is asked.
    ///
    /// # Errors
    /// As `diff`, up to the images.
    pub async fn images(&self, options: &RolloutOptions) -> Result<Vec<ImageRow>> {
        Ok(rows(&self.survey_images(options).await?))
    }

    /// Builds and pulls what is pending, and lists the result.
    ///
    /// # Errors
    /// A build or pull fails; its last lines are in the error.
    pub async fn build(&self, options: &RolloutOptions) -> Result<Vec<ImageRow>> {
        let states = self.survey_images(options).await?;
        Ok(rows(&self.realise(states).await?))
    }

    /// Sends each host the blobs that its share of the project lacks, under the project's lock.
    ///
    /// # Errors
    /// A build fails, a host cannot be reached or is full, the lock is held.
    pub async fn push(&self, authority: &Authority, options: &RolloutOptions) -> Result<Vec<Sent>> {
        let states = self.realise(self.survey_images(options).await?).await?;
        let observed = self.observe(&known(&states)).await?;
        let plan = self.plan_up(options, &states, &observed).await?;
        let nodes = self.nodes().await?;
        let lease = self.lease(nodes, &plan.key, authority, None).await?;
        let result = self.send(&plan).await;
        self.let_go(lease, &result).await;
        result
    }

    async fn send(&self, plan: &Plan) -> Result<Vec<Sent>> {
        let nodes = self.nodes().await?;
        let store = self.store().await?;
        let cache = &self.settings.context.artifacts.remote_cache_dir;
        let hosts = plan.hosts.iter().map(|host| async move {
            let Some(node) = nodes.get(&host.name) else {
                return Ok(None);
            };
            let mut blobs = Vec::new();
            let mut total = 0;
            for image in &plan.images {
                for shipment in image.shipments.iter().filter(|s| s.host == host.name) {
                    blobs.extend(shipment.blobs.iter().cloned());
                    total += image.image.size();
                }
            }
            if !blobs.is_empty() {
                image::ship(node, cache, &blobs, store, &self.settings.events).await?;
            }
            Ok(Some(Sent {
                host: host.name.clone(),
                sent: blobs.iter().map(|blob| blob.size).sum(),
                total,
            }))
        });
        let sent: Vec<Result<Option<Sent>>> = futures_util::stream::iter(hosts)
            .buffered(self.settings.context.artifacts.concurrency.max(1))
            .collect()
            .await;
        sent.into_iter().filter_map(Result::transpose).collect()
    }
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

fn known(states: &BTreeMap<ServiceName, ImageState>) -> Vec<Image> {
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
            ImageState::Known(image) => ImageRow {
                service: service.clone(),
                reference: image.reference.clone(),
                digest: Some(image.manifest.digest.clone()),
                pending: String::new(),
                size: Some(image.size()),
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
