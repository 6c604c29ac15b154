//! A plain service and a plain project, for tests to change what they are about.

use std::time::Duration;

use indexmap::IndexMap;

use super::{Host, Mode, Placement, Project, Service, StackKey, Template};

/// The stack of this project in the context `lab`.
///
/// # Panics
/// When this is no name.
pub fn key(project: &str) -> StackKey {
    StackKey {
        context: "lab".parse().unwrap(),
        project: project.parse().unwrap(),
    }
}

/// A host with this address and nothing else; an empty one is this machine.
///
/// # Panics
/// When this is no name.
pub fn host(name: &str, addr: &str) -> Host {
    Host {
        name: name.parse().unwrap(),
        addr: addr.to_owned(),
        mesh_ip: None,
        user: None,
        port: None,
        labels: std::collections::BTreeMap::new(),
        local: addr.is_empty(),
    }
}

/// One replica anywhere, with every default and without an image.
///
/// # Panics
/// When this is no name.
pub fn service(name: &str) -> Service {
    Service {
        name: name.parse().unwrap(),
        image: None,
        build: None,
        platform: None,
        replicas: 1,
        placement: Placement {
            hosts: None,
            strategy: "spread".to_owned(),
            max_per_host: None,
            min_hosts: None,
            constraints: Vec::new(),
        },
        ingress: Vec::new(),
        template: Template::default(),
        mounts: Vec::new(),
        files: Vec::new(),
        networks: IndexMap::new(),
        network_mode: None,
        ports: Vec::new(),
        depends_on: IndexMap::new(),
        container_name: None,
        stop_grace: Duration::from_secs(10),
        healthcheck: false,
        parallelism: 1,
        update_delay: 0,
        update_monitor: 0,
        update_order: None,
        rollout: "rolling".to_owned(),
        image_source: None,
        mode: Mode::default(),
        may_end: false,
        links: Vec::new(),
        pull_policy: None,
        volumes_from: Vec::new(),
        post_start: Vec::new(),
        pre_stop: Vec::new(),
        attach: true,
        compose_labels: std::collections::BTreeMap::new(),
    }
}

/// `shop` in `/`, with these services and nothing else.
///
/// # Panics
/// Never: `shop` is a name.
pub fn project(services: impl IntoIterator<Item = Service>) -> Project {
    let services = services.into_iter();
    Project {
        name: "shop".parse().unwrap(),
        working_dir: "/".into(),
        services: services.map(|one| (one.name.clone(), one)).collect(),
        networks: IndexMap::new(),
        volumes: IndexMap::new(),
        warnings: Vec::new(),
    }
}
