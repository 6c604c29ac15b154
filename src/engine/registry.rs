//! How each service's image gets to hosts: sent from here, pulled by them, or pushed for them.

use std::collections::BTreeMap;

use crate::docker;
use crate::error::{Error, Result};
use crate::image;
use crate::model::{
    ArtifactMode, Context, Image, ImageSource, ImageState, Project, Reference, Repository, Service,
    ServiceName, machine,
};

use super::Engine;

/// How an image gets to hosts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Way {
    /// Blobs travel from here.
    Sent,
    /// Hosts pull what the Compose file names.
    Pulled(String),
    /// It is built and pushed here, and hosts pull it.
    Published(Repository),
}

/// The way of a service's image in a context.
///
/// # Errors
/// Hosts shall pull what is built here, and the context names no registry for it.
pub(super) fn way(project: &Project, service: &Service, context: &Context) -> Result<Way> {
    let mode = &context.artifacts.mode;
    let default = match mode {
        ArtifactMode::OciCache => ImageSource::Client,
        ArtifactMode::Registry { .. } => ImageSource::Host,
    };
    if service.image_source.unwrap_or(default) == ImageSource::Client {
        return Ok(Way::Sent);
    }
    match (&service.build, &service.image, mode) {
        (None, Some(image), _) => Ok(Way::Pulled(image.clone())),
        // The survey says that one of the two is needed.
        (None, None, _) => Ok(Way::Sent),
        (Some(_), image, ArtifactMode::Registry { registry }) => {
            let written = image.as_ref().map(|image| image.parse::<Reference>());
            if let Some(Ok(written)) = written
                && registry.holds(&written.repository)
            {
                return Ok(Way::Published(written.repository));
            }
            let name = format!("{}-{}", project.name, service.name).to_lowercase();
            let repository = registry.repository(&name).ok_or_else(|| {
                Error::user(format!(
                    "service `{}`: `{registry}/{name}` is no name of an image",
                    service.name
                ))
                .hint(format!("give the service an `image:` in `{registry}`"))
            })?;
            Ok(Way::Published(repository))
        }
        // Nothing leaves this machine anyway.
        (Some(_), _, ArtifactMode::OciCache) if context.hosts.iter().all(|host| host.local) => {
            Ok(Way::Sent)
        }
        (Some(_), _, ArtifactMode::OciCache) => Err(Error::user(format!(
            "service `{}` is built here, and `x-artifacts: {{source: host}}` wants hosts to pull \
             its image, but context `{}` has no registry to push it to",
            service.name, context.name
        ))
        .hint(
            "write `artifacts: {mode: registry, registry: registry.example.com/team}` into the \
             context, or remove `x-artifacts` from the service",
        )),
    }
}

impl Engine {
    /// The way of each of these services.
    ///
    /// # Errors
    /// As [`way`].
    pub(super) fn ways(
        &self,
        project: &Project,
        services: &[ServiceName],
    ) -> Result<BTreeMap<ServiceName, Way>> {
        let context = &self.settings.context;
        let services = services
            .iter()
            .filter_map(|name| project.services.get(name));
        services
            .map(|service| Ok((service.name.clone(), way(project, service, context)?)))
            .collect()
    }

    /// What hosts of these platforms pull for a service: looked up now, unless `pull_policy` says to
    /// stay with what the active release has.
    ///
    /// # Errors
    /// The registry does not have it, cannot be reached, or wants other credentials.
    pub(super) async fn pulled(
        &self,
        service: &Service,
        written: &str,
        platforms: &[String],
    ) -> Result<Image> {
        let digest = written.contains('@');
        let policy = service.pull_policy.as_deref();
        let stays = matches!(policy, Some("missing" | "if_not_present" | "never"));
        if stays || (digest && policy != Some("always")) {
            let recorded = self.recorded_images().await?;
            let same = recorded.get(&service.name).filter(|image| {
                let fits = |platform: &String| {
                    let one = image.on(platform);
                    machine(&one.platform) == machine(platform)
                };
                image.reference == written && image.pull.is_some() && platforms.iter().all(fits)
            });
            if let Some(image) = same {
                return Ok(image.clone());
            }
            if policy == Some("never") {
                return Err(Error::user(format!(
                    "no release has image `{written}` of service `{}`, and `pull_policy: never` \
                     forbids hosts to pull it",
                    service.name
                ))
                .hint("remove `pull_policy`, or `x-artifacts` to send it from here"));
            }
        }
        let nodes = self.nodes().await?;
        let own = self.local().await;
        let first: Option<docker::Engine> = match nodes.iter().next() {
            Some(node) => Some(node.engine().await?.clone()),
            None => None,
        };
        // A registry on a loopback address is another one on every machine.
        let reference = written.parse::<Reference>();
        let loopback = reference.is_ok_and(|reference| reference.repository.is_loopback());
        let own = own.filter(|_| !loopback);
        let engines: Vec<&docker::Engine> = own.into_iter().chain(&first).collect();
        let offer = image::look_up(&engines, &service.name, written).await?;
        let each = platforms.iter().map(|platform| offer.image(Some(platform)));
        Ok(Image::of_platforms(each).unwrap_or_else(|| offer.image(None)))
    }

    /// Pushes what hosts are to pull.
    ///
    /// # Errors
    /// The registry cannot be reached or refuses it.
    pub(super) async fn publish(
        &self,
        project: &Project,
        mut states: BTreeMap<ServiceName, ImageState>,
    ) -> Result<BTreeMap<ServiceName, ImageState>> {
        let names: Vec<ServiceName> = states.keys().cloned().collect();
        for (name, way) in self.ways(project, &names)? {
            let (Way::Published(to), Some(state)) = (way, states.get(&name)) else {
                continue;
            };
            let (ImageState::Known(image) | ImageState::Unpublished(image)) = state else {
                continue;
            };
            let mut pulled = Vec::new();
            for one in image.all() {
                pulled.push(self.publish_one(&name, one, &to).await?);
            }
            if let Some(image) = Image::of_platforms(pulled) {
                states.insert(name, ImageState::Known(image));
            }
        }
        Ok(states)
    }

    async fn publish_one(
        &self,
        service: &ServiceName,
        image: &Image,
        to: &Repository,
    ) -> Result<Image> {
        let (store, events) = (self.store().await?, &self.settings.events);
        let pushed = match image.pull {
            Some(_) => Some(image.clone()),
            None => store.pushed(image, to),
        };
        match pushed {
            Some(pushed) => match store.lost(&pushed, events).await {
                Some(built) => store.publish(service, &built, to, events).await,
                None => Ok(pushed),
            },
            None => store.publish(service, image, to, events).await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Artifacts, Build, fixtures};

    fn context(mode: &str, local: bool) -> Context {
        let mut context: Context = serde_json::from_value(serde_json::json!({
            "name": "prod", "provider": null, "hosts": [],
            "ssh": {"user": null, "port": null, "key": null, "bastion": null,
                    "connect_timeout": {"secs": 1, "nanos": 0}, "host_key": "strict",
                    "known_hosts": null},
            "defaults": {"compose_files": [], "env_file": null, "project_name": null},
            "proxy": {"driver": "none", "domains": [], "tls": "auto", "upstreams": "all"},
            "artifacts": {"mode": "oci-cache", "remote_cache_dir": "/c/d", "concurrency": 1,
                          "retain_releases": 1},
            "ports": {"first": 20000, "last": 30000},
            "safety": {"level": "safe", "confirm": {"required_for": [], "token": "x"},
                       "allow_from": []},
        }))
        .unwrap();
        let host = serde_json::json!({
            "name": "h1", "addr": "h1", "labels": {}, "local": local,
            "mesh_ip": null, "user": null, "port": null,
        });
        context.hosts = vec![serde_json::from_value(host).unwrap()];
        if mode == "registry" {
            context.artifacts = Artifacts {
                mode: ArtifactMode::Registry {
                    registry: "r.io/team".parse().unwrap(),
                },
                ..context.artifacts
            };
        }
        context
    }

    fn project(image: Option<&str>, build: bool, source: Option<ImageSource>) -> Project {
        let mut project = fixtures::project([fixtures::service("web")]);
        project.services[0].image = image.map(str::to_owned);
        project.services[0].build = build.then(Build::default);
        project.services[0].image_source = source;
        project
    }

    fn way_of(project: &Project, context: &Context) -> Result<Way> {
        way(project, &project.services[0], context)
    }

    #[test]
    fn the_service_decides_and_the_context_by_default() {
        let (cache, registry) = (context("oci-cache", false), context("registry", false));
        let host = Some(ImageSource::Host);
        let pulled = Way::Pulled("redis:7".to_owned());
        let plain = project(Some("redis:7"), false, None);
        assert_eq!(way_of(&plain, &cache).unwrap(), Way::Sent);
        assert_eq!(way_of(&plain, &registry).unwrap(), pulled);
        let asked = project(Some("redis:7"), false, host);
        assert_eq!(way_of(&asked, &cache).unwrap(), pulled);
        let client = project(Some("redis:7"), true, Some(ImageSource::Client));
        assert_eq!(way_of(&client, &registry).unwrap(), Way::Sent);
    }

    #[test]
    fn what_is_built_goes_where_the_context_says() {
        let registry = context("registry", false);
        for (image, repository) in [
            (None, "r.io/team/shop-web"),
            (Some("web:1"), "r.io/team/shop-web"),
            (Some("r.io/team/sub/web:1"), "r.io/team/sub/web"),
        ] {
            match way_of(&project(image, true, None), &registry).unwrap() {
                Way::Published(found) => assert_eq!(found.to_string(), repository),
                other => panic!("{other:?}"),
            }
        }
        let asked = project(None, true, Some(ImageSource::Host));
        let error = way_of(&asked, &context("oci-cache", false)).unwrap_err();
        assert!(error.message().contains("context `prod` has no registry"));
        let local = way_of(&asked, &context("oci-cache", true)).unwrap();
        assert_eq!(local, Way::Sent);
    }
}
