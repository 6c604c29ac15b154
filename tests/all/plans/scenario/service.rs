//! A service as the planner takes it, from the little that a scenario says of it.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use webpods::model::{
    Build, Condition, Dependency, FileMount, Hook, Ingress, Lender, MountKind, NetworkAttachment,
    Placement, PortPublication, Service, ServiceMount, Template, Tls, VolumesFrom,
};

use super::ServiceSpec;

pub(super) fn service(name: &str, spec: &ServiceSpec) -> Service {
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
