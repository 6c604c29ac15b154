//! The world and the wishes at one point of a story, as the planner takes them.

use std::collections::BTreeMap;
use std::path::PathBuf;

use indexmap::IndexMap;
use serde_json::json;
use webpods::model::{
    Artifacts, Blob, Claim, Confirm, Context, Defaults, Digest, Host, HostObserved, Image,
    ImageState, MountKind, NamedNetwork, NamedVolume, Observed, Origin, Ports, Project, Proxy,
    Safety, SafetyLevel, Service, ServiceName, Ssh, StackKey, Store,
};

use super::service::service;
use super::{ContextSpec, HostSpec, ImageSpec, NetworkSpec, Scenario, ServiceSpec, VolumeSpec};

/// The world and the wishes at one point of the story.
#[derive(Debug, Clone)]
pub struct World {
    pub context_spec: ContextSpec,
    pub hosts: IndexMap<String, HostSpec>,
    pub services: IndexMap<String, ServiceSpec>,
    pub networks: IndexMap<String, NetworkSpec>,
    pub volumes: IndexMap<String, VolumeSpec>,
    pub images: BTreeMap<String, ImageSpec>,
    pub files: BTreeMap<PathBuf, Digest>,
    pub observed: Observed,
}

impl World {
    pub fn new(scenario: &Scenario) -> Self {
        let mut world = Self {
            context_spec: scenario.context.clone(),
            hosts: scenario.hosts.clone(),
            services: scenario.services.clone(),
            networks: scenario.networks.clone(),
            volumes: scenario.volumes.clone(),
            images: scenario.images.clone(),
            files: BTreeMap::new(),
            observed: Observed::default(),
        };
        world.observe_new_hosts();
        world
    }

    pub fn observe_new_hosts(&mut self) {
        for (name, spec) in &self.hosts {
            self.observed
                .hosts
                .entry(name.parse().unwrap())
                .or_insert_with(|| observed(spec));
        }
    }

    pub fn context(&self) -> Context {
        let spec = &self.context_spec;
        Context {
            name: spec.name.parse().unwrap(),
            provider: None,
            ssh: Ssh::default(),
            hosts: self
                .hosts
                .iter()
                .map(|(name, one)| host(name, one))
                .collect(),
            defaults: Defaults::default(),
            proxy: Proxy {
                driver: spec.driver.clone(),
                domains: spec.domains.clone(),
                tls: spec.tls,
                upstreams: spec.upstreams,
            },
            artifacts: Artifacts {
                retain_releases: spec.retain,
                fanout: spec.fanout,
                fanout_by: spec.fanout_by.clone(),
                ..Artifacts::default()
            },
            ports: Ports {
                first: spec.ports.0,
                last: spec.ports.1,
            },
            safety: Safety {
                level: SafetyLevel::Safe,
                confirm: Confirm {
                    required_for: Vec::new(),
                    token: spec.name.clone(),
                },
                allow_from: vec![Origin::Local, Origin::Ci],
            },
        }
    }

    pub fn project(&self) -> Project {
        let services: IndexMap<ServiceName, Service> = self
            .services
            .iter()
            .map(|(name, spec)| (name.parse().unwrap(), service(name, spec)))
            .collect();
        let mut networks: IndexMap<String, NamedNetwork> = self
            .networks
            .iter()
            .map(|(key, spec)| {
                let network = NamedNetwork {
                    name: spec.name.clone(),
                    external: spec.external,
                    body: json!({"Driver": "bridge"}),
                };
                (key.clone(), network)
            })
            .collect();
        if services
            .values()
            .any(|service| service.networks.contains_key("default"))
        {
            networks
                .entry("default".to_owned())
                .or_insert_with(|| NamedNetwork {
                    name: None,
                    external: false,
                    body: json!({}),
                });
        }
        let mut volumes: IndexMap<String, NamedVolume> = self
            .volumes
            .iter()
            .map(|(key, spec)| {
                let volume = NamedVolume {
                    name: spec.name.clone(),
                    external: spec.external,
                    body: match &spec.driver {
                        Some(driver) => json!({"Driver": driver}),
                        None => json!({}),
                    },
                };
                (key.clone(), volume)
            })
            .collect();
        for mount in services.values().flat_map(|service| &service.mounts) {
            if let MountKind::Volume { key } = &mount.kind {
                volumes.entry(key.clone()).or_insert_with(|| NamedVolume {
                    name: None,
                    external: false,
                    body: json!({}),
                });
            }
        }
        Project {
            name: self.context_spec.project.parse().unwrap(),
            working_dir: PathBuf::from("/repo"),
            services,
            networks,
            volumes,
            warnings: Vec::new(),
        }
    }

    pub fn image_states(&self) -> BTreeMap<ServiceName, ImageState> {
        let state = |spec: &ServiceSpec| match &spec.pending {
            Some(reason) => ImageState::Pending {
                reference: spec.image.clone(),
                build: true,
                reason: reason.clone(),
                platforms: spec.made_for.clone(),
            },
            None => ImageState::Known(image(
                &spec.image,
                self.images
                    .get(&spec.image)
                    .unwrap_or(&ImageSpec::default()),
            )),
        };
        self.services
            .iter()
            .map(|(name, spec)| (name.parse().unwrap(), state(spec)))
            .collect()
    }
}

/// An image made of its name: the same name is the same content.
pub fn image(reference: &str, spec: &ImageSpec) -> Image {
    if !spec.platforms.is_empty() {
        let each = spec.platforms.iter().map(|platform| {
            let own = ImageSpec {
                platform: Some(platform.clone()),
                platforms: Vec::new(),
                ..spec.clone()
            };
            let content = match &spec.pull {
                Some(_) => reference.to_owned(),
                None => format!("{reference} {platform}"),
            };
            let mut image = image(&content, &own);
            reference.clone_into(&mut image.reference);
            image
        });
        return Image::of_platforms(each).unwrap();
    }
    let blob = |what: &str, size: u64| Blob {
        digest: Digest::of(what.as_bytes()),
        size,
    };
    if let Some(registry) = &spec.pull {
        let name = reference.split(':').next().unwrap();
        let pinned = format!("{registry}/{name}@{}", manifest_of(reference));
        let platform = spec.platform.as_deref().unwrap_or("linux/amd64");
        let reference = reference.to_owned();
        return Image::pulled(reference, pinned.parse().unwrap(), 500, platform.to_owned());
    }
    let layers = if spec.layers.is_empty() {
        vec!["base".to_owned(), format!("{reference} program")]
    } else {
        spec.layers.clone()
    };
    Image {
        reference: reference.to_owned(),
        manifest: Blob {
            digest: manifest_of(reference),
            size: 500,
        },
        config: blob(&format!("{reference} config"), 1_500),
        layers: layers
            .iter()
            .map(|layer| blob(layer, if layer == "base" { 5_000_000 } else { 100_000 }))
            .collect(),
        platform: spec
            .platform
            .clone()
            .unwrap_or_else(|| "linux/amd64".to_owned()),
        source: None,
        pull: None,
        variants: Vec::new(),
    }
}

fn manifest_of(reference: &str) -> Digest {
    Digest::of(format!("{reference} manifest").as_bytes())
}

fn host(name: &str, spec: &HostSpec) -> Host {
    Host {
        name: name.parse().unwrap(),
        addr: format!("{name}.example.net"),
        mesh_ip: spec.mesh.clone(),
        user: None,
        port: None,
        labels: spec.labels.clone(),
        local: spec.local,
    }
}

fn observed(spec: &HostSpec) -> HostObserved {
    HostObserved {
        platform: spec
            .platform
            .clone()
            .unwrap_or_else(|| "linux/amd64".to_owned()),
        emulates: spec.emulates.iter().cloned().collect(),
        engine: "26.1.5".to_owned(),
        store: Store::Classic,
        disk_free: 1 << 40,
        containers: Vec::new(),
        taken_ports: spec.taken.iter().copied().collect(),
        networks: spec.networks.iter().cloned().collect(),
        volumes: spec.volumes.iter().cloned().collect(),
        made_from: spec.made_from.clone(),
        claims: spec
            .claims
            .iter()
            .map(|claim| {
                let (context, project) = claim.owner.split_once('/').unwrap();
                Claim {
                    owner: StackKey {
                        context: context.parse().unwrap(),
                        project: project.parse().unwrap(),
                    },
                    domains: claim.domains.clone(),
                    ports: claim.ports.iter().copied().collect(),
                }
            })
            .collect(),
        images: [].into(),
        blobs: spec.pulled.iter().map(|image| manifest_of(image)).collect(),
        engine_layers: [].into(),
        adoptable: spec
            .adoptable
            .iter()
            .map(|layer| Digest::of(layer.as_bytes()))
            .collect(),
        proxy_files: BTreeMap::new(),
    }
}
