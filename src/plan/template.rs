//! The engine's create body of a container, in two steps: what its configuration is, which decides
//! whether it changes, and what is only known once a replica of a release is made of it.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::IpAddr;
use std::path::PathBuf;

use bollard::models::{EndpointSettings, HostConfig, NetworkingConfig, PortBinding};
use indexmap::IndexMap;
use serde_json::{Value, json};

use super::mounts::{Files, mounts};
use super::networks::{also_known_as, attach};
use super::shares::{self, Borrowed};
use super::volumes::Volume;
use super::{StagedFile, names};
use crate::error::{Error, Result};
use crate::model::{
    Context, Digest, Host, Image, Labels, NamedNetwork, ProjectName, ReleaseId, Service, StackKey,
    Template, Upstreams,
};

/// A service's container on one host, without what differs between replicas and releases.
#[derive(Debug)]
pub(super) struct Configured {
    /// Without image, host ports, and the labels of release and replica.
    body: Template,
    /// Networks to connect besides the first.
    networks: BTreeMap<String, EndpointSettings>,
    pub files: Vec<StagedFile>,
    /// Names of all networks it is on.
    pub on: BTreeSet<String>,
    /// What decides whether a container is kept (spec §12.5).
    pub digest: Digest,
    /// Addresses of the host they are published on.
    publish_on: Vec<&'static str>,
    mesh: Option<String>,
    project: ProjectName,
}

/// What is the same for all containers of a plan.
#[derive(Clone, Copy)]
pub(super) struct Setting<'a> {
    pub context: &'a Context,
    pub key: &'a StackKey,
    pub networks: &'a IndexMap<String, NamedNetwork>,
}

/// What makes one container of the configuration.
pub(super) struct Identity<'a> {
    pub image: &'a Image,
    pub release: ReleaseId,
    pub replica: u32,
    /// Container port → host port.
    pub ports: &'a BTreeMap<u16, u16>,
    /// The containers whose namespaces and volumes it uses.
    pub borrowed: &'a [Borrowed],
    /// The engine takes all networks in the create body.
    pub all_networks: bool,
}

/// The configuration of `service` on `host`.
///
/// # Errors
/// A network is not defined, a written name is not valid, a mount cannot work on this host, or the
/// service cannot be proxied with its network mode.
pub(super) fn configure(
    setting: Setting<'_>,
    service: &Service,
    volumes: &[Volume],
    files: Files<'_>,
    host: &Host,
) -> Result<Configured> {
    let mounted = mounts(setting.key, service, volumes, files, host)?;
    let mut body = service.template.0.clone();
    let mut host_config = body.host_config.take().unwrap_or_default();
    shares::refuse_conflicts(service)?;
    extend(&mut host_config.binds, mounted.binds);
    extend(&mut host_config.mounts, mounted.mounts);

    let proxied = proxied_ports(service)?;
    let (publish_on, mesh) = publish_on(setting.context, host)?;
    publish(&mut body.exposed_ports, &mut host_config, service, &proxied);

    let (first, networks) = attach(setting.key, setting.networks, service)?;
    let mut on: BTreeSet<String> = networks.keys().cloned().collect();
    if let Some((name, endpoint)) = first {
        host_config.network_mode = Some(name.clone());
        on.insert(name.clone());
        body.networking_config = Some(NetworkingConfig {
            endpoints_config: Some(HashMap::from([(name, endpoint)])),
        });
    } else if let Some(mode) = &service.network_mode {
        host_config.network_mode = Some(mode.clone());
    }
    body.host_config = Some(host_config);

    let labels = body.labels.get_or_insert_default();
    for (label, value) in [
        (Labels::CONTEXT, setting.key.context.to_string()),
        (Labels::PROJECT, setting.key.project.to_string()),
        (Labels::SERVICE, service.name.to_string()),
        (Labels::COMPOSE_PROJECT, names::compose_project(setting.key)),
        (Labels::COMPOSE_SERVICE, service.name.to_string()),
        (Labels::COMPOSE_ONEOFF, "False".to_owned()),
    ] {
        labels.insert(label.to_owned(), value);
    }

    let body = Template(body);
    let reachable = !proxied.is_empty();
    let mut written = json!({
        "body": body.to_json(),
        "networks": networks,
        "container_name": service.container_name,
        "proxied": proxied,
        "published_on": reachable.then_some((&publish_on, &mesh)),
    });
    add_relations(&mut written, service);
    let digest = Digest::of(written.to_string().as_bytes());
    Ok(Configured {
        body,
        networks,
        files: mounted.files,
        on,
        digest,
        publish_on,
        mesh,
        project: setting.key.project.clone(),
    })
}

impl Configured {
    /// The complete create body of one replica.
    pub fn body(&self, service: &Service, host: &Host, identity: &Identity<'_>) -> Template {
        let mut body = self.body.0.clone();
        body.image = Some(identity.image.host_tag());
        let labels = body.labels.get_or_insert_default();
        let come_from = service.compose_labels.iter();
        let come_from = come_from.map(|(label, value)| (label.as_str(), value.clone()));
        for (label, value) in [
            (Labels::RELEASE, identity.release.to_string()),
            (Labels::REPLICA, identity.replica.to_string()),
            (Labels::CONFIG, self.digest.to_string()),
            (Labels::IMAGE, identity.image.manifest.digest.to_string()),
            (Labels::COMPOSE_NUMBER, identity.replica.to_string()),
            (
                Labels::COMPOSE_IMAGE,
                identity.image.config.digest.to_string(),
            ),
        ]
        .into_iter()
        .chain(come_from)
        {
            labels.insert(label.to_owned(), value);
        }
        if service.network_mode.as_deref() != Some("host") && !identity.ports.is_empty() {
            let bindings = body
                .host_config
                .get_or_insert_default()
                .port_bindings
                .get_or_insert_default();
            for (container_port, host_port) in identity.ports {
                let binding = bindings
                    .entry(format!("{container_port}/tcp"))
                    .or_default()
                    .get_or_insert_default();
                for address in self.publish_on.iter().copied().chain(self.mesh.as_deref()) {
                    binding.push(PortBinding {
                        host_ip: Some(address.to_owned()),
                        host_port: Some(host_port.to_string()),
                    });
                }
            }
        }
        if let Some(config) = &mut body.networking_config {
            let endpoints = config.endpoints_config.get_or_insert_default();
            if identity.all_networks {
                endpoints.extend(self.networks.clone());
            }
            let name = names::in_compose(&self.project, service, identity.replica);
            for endpoint in endpoints.values_mut() {
                also_known_as(endpoint, &name);
            }
        }
        shares::borrow(&mut body, service, identity.borrowed);
        introduce(&mut body.env, service, host, identity);
        Template(body)
    }

    /// Networks to connect the container of one replica to besides the first, for engines that take
    /// only that one when they create it.
    pub fn further(&self, service: &Service, replica: u32) -> BTreeMap<String, Value> {
        let name = names::in_compose(&self.project, service, replica);
        let networks = self.networks.iter().map(|(network, endpoint)| {
            let mut endpoint = endpoint.clone();
            also_known_as(&mut endpoint, &name);
            // The generated type serialises without fail: string keys, no foreign values.
            (
                network.clone(),
                serde_json::to_value(endpoint).unwrap_or_default(),
            )
        });
        networks.collect()
    }
}

/// Tells the program where it is; what the user sets wins. Not part of the configuration: a new
/// release alone is no reason to recreate a container.
fn introduce(
    env: &mut Option<Vec<String>>,
    service: &Service,
    host: &Host,
    identity: &Identity<'_>,
) {
    let env = env.get_or_insert_default();
    for (name, value) in [
        ("WEBPODS_SERVICE", service.name.to_string()),
        ("WEBPODS_REPLICA", identity.replica.to_string()),
        ("WEBPODS_HOST", host.name.to_string()),
        ("WEBPODS_RELEASE", identity.release.to_string()),
    ] {
        let set = |one: &String| one == name || one.starts_with(&format!("{name}="));
        if !env.iter().any(set) {
            env.push(format!("{name}={value}"));
        }
    }
}

/// Container ports of `x-ingress`.
fn proxied_ports(service: &Service) -> Result<BTreeSet<u16>> {
    if service.ingress.is_empty() {
        return Ok(BTreeSet::new());
    }
    let mode = service.network_mode.as_deref().unwrap_or_default();
    if mode == "none" || mode.starts_with("container:") || mode.starts_with("service:") {
        return Err(Error::user(format!(
            "service `{}` has `x-ingress`, but with `network_mode: {}` no port of it can be \
             published",
            service.name,
            mode.escape_debug()
        ))
        .hint("drop `network_mode`, or give `x-ingress` to the service whose network it shares"));
    }
    Ok(service.ingress.iter().map(|ingress| ingress.port).collect())
}

/// Where proxied replicas are published on `host`: for its own proxy on 127.0.0.1, and for other
/// hosts' proxies on `mesh_ip`.
///
/// Without `mesh_ip` the address that others use may be one the host does not have itself (behind
/// NAT), so the port is open on every interface; the plan warns about it.
fn publish_on(context: &Context, host: &Host) -> Result<(Vec<&'static str>, Option<String>)> {
    if !is_reached_by_others(context, host) {
        return Ok((vec!["127.0.0.1"], None));
    }
    let Some(mesh) = &host.mesh_ip else {
        return Ok((vec!["0.0.0.0"], None));
    };
    if mesh.parse::<IpAddr>().is_err() {
        return Err(Error::user(format!(
            "`mesh_ip` of host `{}` is {mesh:?}, which is not an IP address",
            host.name
        ))
        .hint("ports can be published on addresses only; a host name belongs in `addr`"));
    }
    let loopback = mesh.parse() == Ok(IpAddr::from([127, 0, 0, 1]));
    Ok((vec!["127.0.0.1"], (!loopback).then(|| mesh.clone())))
}

/// Whether proxies of other hosts send requests to replicas on `host`.
pub(super) fn is_reached_by_others(context: &Context, host: &Host) -> bool {
    context.proxy.driver != "none"
        && context.proxy.upstreams == Upstreams::All
        && context.hosts.len() > 1
        && (!host.local || host.mesh_ip.is_some())
}

fn publish(
    exposed: &mut Option<Vec<String>>,
    host_config: &mut HostConfig,
    service: &Service,
    proxied: &BTreeSet<u16>,
) {
    // On the host's own network every port is published already.
    if service.network_mode.as_deref() == Some("host") {
        return;
    }
    let mut ports: BTreeSet<String> = exposed.take().unwrap_or_default().into_iter().collect();
    ports.extend(proxied.iter().map(|port| format!("{port}/tcp")));
    for port in &service.ports {
        let name = format!("{}/{}", port.target, port.protocol);
        host_config
            .port_bindings
            .get_or_insert_default()
            .entry(name.clone())
            .or_default()
            .get_or_insert_default()
            .push(PortBinding {
                host_ip: port.host_ip.clone(),
                host_port: Some(port.host_port()),
            });
        ports.insert(name);
    }
    *exposed = (!ports.is_empty()).then(|| ports.into_iter().collect());
}

/// The digest of a service's configuration as written, with the content of its files: what
/// containers are made of, without where and how many.
pub(super) fn service_digest(service: &Service, binds: &BTreeMap<PathBuf, Digest>) -> Digest {
    let ports: BTreeSet<u16> = service.ingress.iter().map(|one| one.port).collect();
    let mut written = json!({
        "template": service.template,
        "mounts": service.mounts,
        "files": service.files,
        "networks": service.networks,
        "network_mode": service.network_mode,
        "ports": service.ports,
        "container_name": service.container_name,
        "proxied": ports,
        "binds": binds,
    });
    add_relations(&mut written, service);
    Digest::of(written.to_string().as_bytes())
}

/// Hooks and borrowed volumes that change are a reason to recreate, as for Docker Compose. Nothing
/// is added where there are none, so that the digest stays that of releases from before they were
/// known.
fn add_relations(written: &mut Value, service: &Service) {
    for (key, hooks) in [
        ("post_start", &service.post_start),
        ("pre_stop", &service.pre_stop),
    ] {
        if !hooks.is_empty() {
            written[key] = json!(hooks);
        }
    }
    if !service.links.is_empty() {
        written["links"] = json!(service.links);
    }
    if !service.volumes_from.is_empty() {
        written["volumes_from"] = json!(service.volumes_from);
    }
}

fn extend<T>(list: &mut Option<Vec<T>>, more: Vec<T>) {
    if !more.is_empty() {
        list.get_or_insert_default().extend(more);
    }
}
