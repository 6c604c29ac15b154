//! A container as the engine lists it → as planning sees it.

use std::str::FromStr;

use bollard::models::{ContainerSummary, ContainerSummaryStateEnum, PortSummaryTypeEnum};

use crate::error::{Error, Result};
use crate::model::{ContainerObserved, HostName, Labels, RunState};

/// Reads a listed container that carries our labels (spec §7.3).
///
/// # Errors
/// A label that is missing or not valid, which only another program can have caused.
pub fn container(host: &HostName, summary: &ContainerSummary) -> Result<ContainerObserved> {
    let names = summary.names.iter().flatten();
    // A linked container has further names of the form `/other/alias`.
    let name = names
        .map(|name| name.trim_start_matches('/'))
        .find(|name| !name.contains('/'))
        .unwrap_or_default();
    let labels = Read {
        host,
        name,
        summary,
    };
    let status = summary.status.clone().unwrap_or_default();
    let ports = summary.ports.iter().flatten();
    Ok(ContainerObserved {
        id: summary.id.clone().unwrap_or_default(),
        name: name.to_owned(),
        service: labels.parse(Labels::SERVICE)?,
        replica: labels.parse(Labels::REPLICA)?,
        release: labels.parse(Labels::RELEASE)?,
        config: labels
            .find(Labels::CONFIG)
            .map(|text| labels.read(Labels::CONFIG, text))
            .transpose()?,
        image: labels
            .find(Labels::IMAGE)
            .map(|text| labels.read(Labels::IMAGE, text))
            .transpose()?,
        shares: labels.find(Labels::SHARES).unwrap_or_default().to_owned(),
        state: match summary.state {
            Some(ContainerSummaryStateEnum::RUNNING) => RunState::Running,
            Some(ContainerSummaryStateEnum::RESTARTING) => RunState::Restarting,
            _ => RunState::Stopped,
        },
        healthy: health(&status),
        ports: ports
            .filter(|port| matches!(port.typ, Some(PortSummaryTypeEnum::TCP)))
            .filter_map(|port| Some((port.private_port, port.public_port?)))
            .collect(),
        created: summary.created.unwrap_or_default(),
        status,
    })
}

/// The health check's verdict, from the engine's words: every version puts it there.
fn health(status: &str) -> Option<bool> {
    if status.ends_with("(healthy)") {
        Some(true)
    } else if status.ends_with("(unhealthy)") || status.ends_with("(health: starting)") {
        Some(false)
    } else {
        None
    }
}

struct Read<'a> {
    host: &'a HostName,
    name: &'a str,
    summary: &'a ContainerSummary,
}

impl Read<'_> {
    fn find(&self, label: &str) -> Option<&str> {
        self.summary.labels.as_ref()?.get(label).map(String::as_str)
    }

    fn parse<T: FromStr>(&self, label: &str) -> Result<T> {
        self.read(label, self.find(label).unwrap_or_default())
    }

    fn read<T: FromStr>(&self, label: &str, text: &str) -> Result<T> {
        text.parse().map_err(|_| {
            Error::user(format!(
                "container `{}` on host `{}` has the label `{label}` with a value that webpods \
                 never writes: {text:?}",
                self.name, self.host
            ))
            .hint(format!(
                "remove it there if it is not needed: `docker rm -f {}`",
                self.name
            ))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(change: impl FnOnce(&mut serde_json::Value)) -> Result<ContainerObserved> {
        let mut listed = json!({
            "Id": "abc",
            "Names": ["/other/alias", "/shop-web-1"],
            "Created": 1_700_000_000,
            "State": "running",
            "Status": "Up 3 hours (healthy)",
            "Ports": [
                {"IP": "127.0.0.1", "PrivatePort": 80, "PublicPort": 20001, "Type": "tcp"},
                {"IP": "10.0.0.1", "PrivatePort": 80, "PublicPort": 20001, "Type": "tcp"},
                {"PrivatePort": 443, "Type": "tcp"},
                {"IP": "0.0.0.0", "PrivatePort": 53, "PublicPort": 53, "Type": "udp"}
            ],
            "Labels": {
                "webpods.service": "web",
                "webpods.replica": "2",
                "webpods.release": "r12",
                "webpods.config": format!("sha256:{}", "0".repeat(64))
            }
        });
        change(&mut listed);
        container(
            &"web-1".parse().unwrap(),
            &serde_json::from_value(listed).unwrap(),
        )
    }

    #[test]
    fn a_listed_container_is_read_whole() {
        let seen = read(|_| {}).unwrap();
        assert_eq!(seen.name, "shop-web-1");
        assert_eq!(
            (seen.service.as_str(), seen.replica, seen.release.0),
            ("web", 2, 12)
        );
        assert!(seen.config.is_some() && seen.image.is_none());
        assert_eq!(seen.healthy, Some(true));
        assert_eq!(seen.state, RunState::Running);
        assert_eq!(seen.ports, [(80, 20001)].into());
    }

    #[test]
    fn states_and_health_follow_the_engines_words() {
        let states = [
            ("created", RunState::Stopped),
            ("exited", RunState::Stopped),
            ("dead", RunState::Stopped),
            ("paused", RunState::Stopped),
            ("restarting", RunState::Restarting),
        ];
        for (word, expected) in states {
            assert_eq!(
                read(|listed| listed["State"] = json!(word)).unwrap().state,
                expected
            );
        }
        assert_eq!(health("Up 2 seconds (health: starting)"), Some(false));
        assert_eq!(health("Up 2 hours (unhealthy)"), Some(false));
        assert_eq!(health("Exited (0) 3 hours ago"), None);
        assert_eq!(health("Up 3 hours"), None);
    }

    #[test]
    fn labels_that_nobody_writes_are_refused() {
        let hostile: [(&str, serde_json::Value); 4] = [
            ("webpods.service", json!("../x")),
            ("webpods.replica", json!("-1")),
            ("webpods.release", json!("latest")),
            ("webpods.config", json!("md5:0")),
        ];
        for (label, value) in hostile {
            let error = read(|listed| listed["Labels"][label] = value).unwrap_err();
            assert!(error.message().contains("`shop-web-1`"), "{error}");
        }
        assert!(read(|listed| listed["Labels"] = json!({})).is_err());
    }
}
