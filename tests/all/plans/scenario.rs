//! The scenario format: a fleet, services, and a story of changes and commands.
//!
//! Everything has a default, so that a scenario says only what it is about. See
//! `tests/plans/*.yml` for examples.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use indexmap::IndexMap;
use serde::Deserialize;
use serde_json::{Value, json};
use webpods::model::{
    Artifacts, Blob, Build, Claim, Condition, Confirm, Constraint, Context, Defaults, Dependency,
    Digest, FileMount, Hook, Host, HostObserved, Image, ImageState, Ingress, Lender, Mode,
    MountKind, NamedNetwork, NamedVolume, NetworkAttachment, Observed, Origin, Placement,
    PortPublication, Ports, Project, Proxy, Safety, SafetyLevel, Service, ServiceMount,
    ServiceName, Ssh, StackKey, Store, Template, Tls, UpdateOrder, Upstreams, VolumesFrom,
};
use webpods::plan::PlanOptions;

/// One file of `tests/plans/`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// What it shows.
    pub about: String,
    #[serde(default)]
    pub context: ContextSpec,
    pub hosts: IndexMap<String, HostSpec>,
    #[serde(default)]
    pub services: IndexMap<String, ServiceSpec>,
    #[serde(default)]
    pub networks: IndexMap<String, NetworkSpec>,
    #[serde(default)]
    pub volumes: IndexMap<String, VolumeSpec>,
    #[serde(default)]
    pub images: BTreeMap<String, ImageSpec>,
    pub story: Vec<Chapter>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ContextSpec {
    pub name: String,
    pub project: String,
    pub driver: String,
    pub upstreams: Upstreams,
    pub domains: Vec<String>,
    pub tls: Tls,
    pub ports: (u16, u16),
    pub retain: usize,
    pub fanout: bool,
    pub fanout_by: Option<String>,
}

impl Default for ContextSpec {
    fn default() -> Self {
        Self {
            name: "lab".to_owned(),
            project: "shop".to_owned(),
            driver: "caddy".to_owned(),
            upstreams: Upstreams::All,
            domains: Vec::new(),
            tls: Tls::Off,
            ports: (20_000, 31_999),
            retain: 5,
            fanout: false,
            fanout_by: None,
        }
    }
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct HostSpec {
    pub labels: BTreeMap<String, String>,
    pub mesh: Option<String>,
    pub local: bool,
    pub platform: Option<String>,
    pub emulates: Vec<String>,
    pub taken: Vec<u16>,
    pub claims: Vec<ClaimSpec>,
    pub volumes: Vec<String>,
    pub networks: Vec<String>,
    /// Networks and volumes, and what they were made from.
    pub made_from: BTreeMap<String, String>,
    /// Images that hosts pull and that somebody pulled here before.
    pub pulled: Vec<String>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClaimSpec {
    pub owner: String,
    #[serde(default)]
    pub domains: Vec<String>,
    #[serde(default)]
    pub ports: Vec<u16>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ServiceSpec {
    pub image: String,
    /// With `pending`: the platforms it will be built for.
    pub made_for: Vec<String>,
    /// `build: source changed`: the image is not known yet.
    pub pending: Option<String>,
    pub replicas: Option<u32>,
    pub hosts: Option<Vec<String>>,
    pub strategy: Option<String>,
    pub max_per_host: Option<u32>,
    pub min_hosts: Option<u32>,
    /// `domain:port[/health]`
    pub ingress: Vec<String>,
    pub tls: Option<Tls>,
    pub env: BTreeMap<String, String>,
    /// `key:target[:ro]`; a key with `/` is a bind, with `./` one of the project.
    pub volumes: Vec<String>,
    /// `target: content`
    pub configs: BTreeMap<String, String>,
    pub secrets: BTreeMap<String, String>,
    /// `[ip:]published:target[/udp]`
    pub ports: Vec<String>,
    pub depends_on: IndexMap<String, String>,
    pub networks: Option<Vec<String>>,
    pub network_mode: Option<String>,
    pub container_name: Option<String>,
    pub healthcheck: bool,
    pub order: Option<UpdateOrder>,
    pub parallelism: Option<u32>,
    /// Seconds.
    pub delay: u64,
    pub monitor: u64,
    pub rollout: Option<String>,
    pub platform: Option<String>,
    pub grace: Option<u64>,
    /// Commands, words apart by spaces.
    pub constraints: Vec<Constraint>,
    pub mode: Mode,
    pub may_end: bool,
    pub links: Vec<String>,
    /// `service[:ro]` or `container:name[:ro]`
    pub volumes_from: Vec<String>,
    pub pid: Option<String>,
    pub post_start: Vec<String>,
    pub pre_stop: Vec<String>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct NetworkSpec {
    pub name: Option<String>,
    pub external: bool,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct VolumeSpec {
    pub name: Option<String>,
    pub external: bool,
    pub driver: Option<String>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ImageSpec {
    pub platform: Option<String>,
    /// Made for several, each its own.
    pub platforms: Vec<String>,
    /// Names of layers; images that share a name share the layer.
    pub layers: Vec<String>,
    /// The registry that hosts pull it from themselves.
    pub pull: Option<String>,
}

/// One chapter: first changes to the world and the wishes, then a command.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Chapter {
    /// Services to add or replace; `null` removes one.
    pub services: IndexMap<String, Option<Value>>,
    /// Context settings to change.
    pub context: Option<Value>,
    /// Hosts to add or replace.
    pub hosts: IndexMap<String, HostSpec>,
    /// `web/1: stopped`, `web/1: unhealthy`, …
    pub containers: IndexMap<String, String>,
    /// Contents of files of the project by path; they stay.
    pub files: BTreeMap<String, String>,
    /// Forget the state on every host.
    pub lose_state: bool,
    /// `host: [port, …]` that something else takes from now on.
    pub taken: BTreeMap<String, Vec<u16>>,
    /// Hosts whose proxy files somebody removed.
    pub proxy_lost: Vec<String>,
    pub up: Option<UpSpec>,
    /// `r1`, or `previous`.
    pub rollback: Option<String>,
    pub down: Option<DownSpec>,
    /// Stages that are carried out; all by default. The client is killed after them.
    pub killed_after: Option<usize>,
    /// Golden JSON of the plan as well.
    pub json: bool,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct UpSpec {
    pub scale: BTreeMap<String, u32>,
    pub services: Vec<String>,
    pub hosts: Vec<String>,
    pub force_recreate: bool,
    pub remove_orphans: bool,
    pub move_volumes: bool,
    pub fanout: bool,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DownSpec {
    pub volumes: bool,
    pub hosts: Vec<String>,
}

impl UpSpec {
    pub fn options(&self) -> PlanOptions {
        PlanOptions {
            scale: self
                .scale
                .iter()
                .map(|(name, n)| (name.parse().unwrap(), *n))
                .collect(),
            services: self.services.iter().map(|s| s.parse().unwrap()).collect(),
            hosts: self.hosts.iter().map(|h| h.parse().unwrap()).collect(),
            force_recreate: self.force_recreate,
            remove_orphans: self.remove_orphans,
            move_volumes: self.move_volumes,
            fanout: self.fanout,
        }
    }
}

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
        proxy_files: BTreeMap::new(),
    }
}

fn service(name: &str, spec: &ServiceSpec) -> Service {
    let mut template = Template::default();
    if !spec.env.is_empty() {
        template.0.env = Some(spec.env.iter().map(|(k, v)| format!("{k}={v}")).collect());
    }
    if spec.healthcheck {
        template.0.healthcheck = Some(bollard::models::HealthConfig {
            test: Some(vec!["CMD".to_owned(), "/healthy".to_owned()]),
            interval: Some(5_000_000_000),
            timeout: Some(2_000_000_000),
            retries: Some(12),
            start_period: Some(30_000_000_000),
            ..Default::default()
        });
    }
    if let Some(pid) = &spec.pid {
        template.0.host_config.get_or_insert_default().pid_mode = Some(pid.clone());
    }
    let networks = match (&spec.networks, &spec.network_mode) {
        (Some(networks), _) => networks.clone(),
        (None, Some(_)) => Vec::new(),
        (None, None) => vec!["default".to_owned()],
    };
    let file = |(target, content): (&String, &String), secret: bool| FileMount {
        key: target.rsplit('/').next().unwrap().to_owned(),
        target: target.clone(),
        content: content.clone().into_bytes(),
        secret,
        mode: if secret { 0o400 } else { 0o444 },
        uid: secret.then_some(70),
        gid: None,
    };
    Service {
        name: name.parse().unwrap(),
        image: Some(spec.image.clone()),
        build: spec.pending.as_ref().map(|_| Build::default()),
        platform: spec.platform.clone(),
        replicas: spec.replicas.unwrap_or(1),
        placement: Placement {
            hosts: spec.hosts.clone(),
            strategy: spec.strategy.clone().unwrap_or_else(|| "spread".to_owned()),
            max_per_host: spec.max_per_host,
            min_hosts: spec.min_hosts,
            constraints: spec.constraints.clone(),
        },
        ingress: spec
            .ingress
            .iter()
            .map(|one| ingress(one, spec.tls))
            .collect(),
        template,
        mounts: spec.volumes.iter().map(|one| mount(one)).collect(),
        files: spec
            .configs
            .iter()
            .map(|one| file(one, false))
            .chain(spec.secrets.iter().map(|one| file(one, true)))
            .collect(),
        networks: networks
            .into_iter()
            .map(|key| (key, NetworkAttachment::default()))
            .collect(),
        network_mode: spec.network_mode.clone(),
        ports: spec.ports.iter().map(|one| port(one)).collect(),
        depends_on: spec
            .depends_on
            .iter()
            .map(|(on, condition)| (on.parse().unwrap(), dependency(condition)))
            .collect(),
        container_name: spec.container_name.clone(),
        stop_grace: Duration::from_secs(spec.grace.unwrap_or(10)),
        healthcheck: spec.healthcheck,
        parallelism: spec.parallelism.unwrap_or(1),
        update_delay: spec.delay,
        update_monitor: spec.monitor,
        update_order: spec.order,
        rollout: spec.rollout.clone().unwrap_or_else(|| "rolling".to_owned()),
        image_source: None,
        mode: spec.mode,
        may_end: spec.may_end,
        links: spec.links.clone(),
        pull_policy: None,
        volumes_from: spec.volumes_from.iter().map(|one| borrow(one)).collect(),
        post_start: spec.post_start.iter().map(|one| hook(one)).collect(),
        pre_stop: spec.pre_stop.iter().map(|one| hook(one)).collect(),
        attach: true,
        compose_labels: BTreeMap::new(),
    }
}

fn borrow(text: &str) -> VolumesFrom {
    let (text, read_only) = match text.strip_suffix(":ro") {
        Some(text) => (text, true),
        None => (text, false),
    };
    VolumesFrom {
        from: match text.strip_prefix("container:") {
            Some(name) => Lender::Container(name.to_owned()),
            None => Lender::Service(text.parse().unwrap()),
        },
        read_only,
    }
}

fn hook(command: &str) -> Hook {
    Hook {
        command: command.split(' ').map(str::to_owned).collect(),
        ..Hook::default()
    }
}

fn ingress(text: &str, tls: Option<Tls>) -> Ingress {
    let (host, rest) = text.rsplit_once(':').unwrap();
    let (port, path) = match rest.split_once('/') {
        Some((port, path)) => (port, Some(format!("/{path}"))),
        None => (rest, None),
    };
    Ingress {
        host: host.to_owned(),
        port: port.parse().unwrap(),
        health_path: path,
        tls,
    }
}

fn mount(text: &str) -> ServiceMount {
    let mut parts = text.split(':');
    let (source, target) = (parts.next().unwrap(), parts.next().unwrap());
    let kind = if let Some(path) = source.strip_prefix("./") {
        MountKind::Bind {
            source: PathBuf::from("/repo").join(path),
            in_project: true,
            create_host_path: true,
        }
    } else if source.starts_with('/') {
        MountKind::Bind {
            source: PathBuf::from(source),
            in_project: false,
            create_host_path: true,
        }
    } else if source == "tmpfs" {
        MountKind::Tmpfs
    } else {
        MountKind::Volume {
            key: source.to_owned(),
        }
    };
    ServiceMount {
        kind,
        target: target.to_owned(),
        read_only: parts.next() == Some("ro"),
        options: BTreeMap::new(),
    }
}

fn port(text: &str) -> PortPublication {
    let (text, protocol) = text.split_once('/').unwrap_or((text, "tcp"));
    let mut parts: Vec<&str> = text.split(':').collect();
    let target = parts.pop().unwrap().parse().unwrap();
    let published = parts.pop().map(|port| port.parse().unwrap());
    PortPublication {
        target,
        published,
        last: None,
        host_ip: parts.pop().map(str::to_owned),
        protocol: protocol.to_owned(),
    }
}

fn dependency(condition: &str) -> Dependency {
    let (condition, required) = match condition.strip_suffix("?") {
        Some(condition) => (condition, false),
        None => (condition, true),
    };
    let (condition, restart) = match condition.strip_suffix("+restart") {
        Some(condition) => (condition, true),
        None => (condition, false),
    };
    Dependency {
        restart,
        condition: match condition {
            "started" => Condition::ServiceStarted,
            "healthy" => Condition::ServiceHealthy,
            "completed" => Condition::ServiceCompletedSuccessfully,
            other => panic!("unknown condition {other}"),
        },
        required,
    }
}
