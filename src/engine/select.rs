//! Picks containers by service, host, replica and release (spec §18).

use crate::error::{Error, Result, near_miss};
use indexmap::IndexMap;
use serde::Serialize;

use crate::model::{ContainerObserved, HostName, ReleaseId, RunState, ServiceName};

/// The project's containers, hosts in inventory order.
pub type Seen = IndexMap<HostName, Vec<ContainerObserved>>;

/// Which containers a day-2 verb means. Empty fields mean any.
#[derive(Debug, Clone, Default)]
pub struct Selection {
    /// Services by name.
    pub services: Vec<ServiceName>,
    /// One host.
    pub host: Option<HostName>,
    /// One replica number.
    pub replica: Option<u32>,
    /// The release that created the container.
    pub release: Option<ReleaseId>,
}

/// A container and the host it is on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Selected {
    /// Where.
    pub host: HostName,
    /// What.
    #[serde(flatten)]
    pub container: ContainerObserved,
}

/// All containers that match, by service, replica, newest release first, then host order.
///
/// # Errors
/// A service, host, replica or release that the project does not have; the near miss is named.
pub fn select(observed: &Seen, selection: &Selection) -> Result<Vec<Selected>> {
    let all = everything(observed);
    for service in &selection.services {
        if !all.iter().any(|s| s.container.service == *service) {
            return Err(unknown_service(service, &all));
        }
    }
    if let Some(host) = &selection.host
        && !observed.contains_key(host)
    {
        return Err(unknown_host(host, observed));
    }
    let chosen: Vec<Selected> = all
        .iter()
        .filter(|s| matches(s, selection))
        .cloned()
        .collect();
    if chosen.is_empty() && narrows(selection) {
        return Err(nothing_matches(selection, &all));
    }
    Ok(chosen)
}

/// The one container that `exec` runs in: a running one, lowest replica first.
///
/// # Errors
/// As [`select`], or nothing that matches is running.
pub fn choose(observed: &Seen, selection: &Selection) -> Result<(Selected, usize)> {
    let matching = select(observed, selection)?;
    let running: Vec<Selected> = matching
        .into_iter()
        .filter(|s| s.container.state == RunState::Running)
        .collect();
    let candidates = running.len();
    running
        .into_iter()
        .next()
        .map(|selected| (selected, candidates))
        .ok_or_else(|| {
            let service = selection
                .services
                .first()
                .map_or_else(|| "the project".to_owned(), |name| format!("`{name}`"));
            Error::user(format!("no running container of {service} matches"))
                .hint("see what there is with `webpods ps --all`, start it with `webpods up`")
        })
}

fn everything(observed: &Seen) -> Vec<Selected> {
    let mut all: Vec<(usize, Selected)> = observed
        .iter()
        .enumerate()
        .flat_map(|(order, (host, seen))| {
            seen.iter().map(move |container| {
                let (host, container) = (host.clone(), container.clone());
                (order, Selected { host, container })
            })
        })
        .collect();
    all.sort_by(|(order_a, a), (order_b, b)| {
        let key = |s: &Selected, order: usize| {
            (
                s.container.service.clone(),
                s.container.replica,
                std::cmp::Reverse(s.container.release),
                order,
            )
        };
        key(a, *order_a).cmp(&key(b, *order_b))
    });
    all.into_iter().map(|(_, selected)| selected).collect()
}

fn matches(selected: &Selected, selection: &Selection) -> bool {
    let container = &selected.container;
    (selection.services.is_empty() || selection.services.contains(&container.service))
        && selection
            .host
            .as_ref()
            .is_none_or(|host| *host == selected.host)
        && selection
            .replica
            .is_none_or(|replica| replica == container.replica)
        && selection
            .release
            .is_none_or(|release| release == container.release)
}

fn narrows(selection: &Selection) -> bool {
    selection.replica.is_some() || selection.release.is_some()
}

fn unknown_service(service: &ServiceName, all: &[Selected]) -> Error {
    let names = distinct(all.iter().map(|s| s.container.service.to_string()));
    let error = Error::user(format!("service `{service}` has no containers here"));
    match near_miss(service.as_str(), names.iter().map(String::as_str)) {
        Some(near) => error.hint(format!("did you mean `{near}`?")),
        None if names.is_empty() => {
            error.hint("the project has no containers here: deploy it with `webpods up`")
        }
        None => error.hint(format!("services with containers: {}", names.join(", "))),
    }
}

fn unknown_host(host: &HostName, observed: &Seen) -> Error {
    let error = Error::user(format!("host `{host}` is not part of this context"));
    match near_miss(host.as_str(), observed.keys().map(HostName::as_str)) {
        Some(near) => error.hint(format!("did you mean `{near}`?")),
        None => error.hint("list the hosts with `webpods node ls`"),
    }
}

fn nothing_matches(selection: &Selection, all: &[Selected]) -> Error {
    let of_service: Vec<&Selected> = all
        .iter()
        .filter(|s| {
            selection.services.is_empty() || selection.services.contains(&s.container.service)
        })
        .collect();
    let mut error = Error::user("no container matches");
    if let Some(replica) = selection.replica {
        let numbers = distinct(of_service.iter().map(|s| s.container.replica.to_string()));
        error = error.cause(format!(
            "asked for replica {replica}, there are: {}",
            numbers.join(", ")
        ));
    }
    if let Some(release) = selection.release {
        let releases = distinct(of_service.iter().map(|s| s.container.release.to_string()));
        error = error.cause(format!(
            "asked for release `{release}`, containers are from: {}",
            releases.join(", ")
        ));
    }
    error.hint("see what there is with `webpods ps --all`")
}

fn distinct(items: impl Iterator<Item = String>) -> Vec<String> {
    let mut seen = Vec::new();
    for item in items {
        if !seen.contains(&item) {
            seen.push(item);
        }
    }
    seen
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn fleet() -> Seen {
        let mut seen = Seen::default();
        for (host, replicas) in [("b", vec![2, 1]), ("a", vec![3])] {
            let containers = replicas
                .into_iter()
                .map(|replica| ContainerObserved {
                    id: format!("id{replica}"),
                    name: format!("web-{replica}"),
                    service: "web".parse().unwrap(),
                    replica,
                    release: ReleaseId(4),
                    config: None,
                    image: None,
                    shares: String::new(),
                    state: if replica == 1 {
                        RunState::Stopped
                    } else {
                        RunState::Running
                    },
                    healthy: None,
                    ports: BTreeMap::new(),
                    created: 0,
                    status: String::new(),
                })
                .collect();
            seen.insert(host.parse().unwrap(), containers);
        }
        seen
    }

    fn web() -> Selection {
        Selection {
            services: vec!["web".parse().unwrap()],
            ..Selection::default()
        }
    }

    #[test]
    fn containers_come_in_replica_order_whatever_the_host_order() {
        let replicas: Vec<u32> = select(&fleet(), &web())
            .unwrap()
            .iter()
            .map(|s| s.container.replica)
            .collect();
        assert_eq!(replicas, [1, 2, 3]);
    }

    #[test]
    fn exec_picks_the_lowest_running_replica() {
        let (chosen, candidates) = choose(&fleet(), &web()).unwrap();
        assert_eq!((chosen.container.replica, candidates), (2, 2));
    }

    #[test]
    fn a_stopped_replica_cannot_be_chosen() {
        let selection = Selection {
            replica: Some(1),
            ..web()
        };
        let error = choose(&fleet(), &selection).unwrap_err();
        assert_eq!(error.message(), "no running container of `web` matches");
    }

    #[test]
    fn wrong_names_get_the_near_miss() {
        let selection = Selection {
            services: vec!["wbe".parse().unwrap()],
            ..Selection::default()
        };
        let error = select(&fleet(), &selection).unwrap_err();
        assert_eq!(error.hints(), ["did you mean `web`?"]);
        let selection = Selection {
            host: Some("c".parse().unwrap()),
            ..web()
        };
        assert!(select(&fleet(), &selection).is_err());
        let selection = Selection {
            replica: Some(9),
            ..web()
        };
        let error = select(&fleet(), &selection).unwrap_err();
        assert_eq!(error.causes(), ["asked for replica 9, there are: 1, 2, 3"]);
    }
}
