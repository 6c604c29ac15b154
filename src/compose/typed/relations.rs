//! What relates a service to others: order, borrowed volumes.

use indexmap::IndexMap;
use serde_json::Value as Json;

use super::read::{flag, number, object, string, texts};
use crate::model::{
    Condition, Constraint, Dependency, Lender, Mode, Placement, ServiceName, VolumesFrom,
};

/// `depends_on:`, with what other keys imply.
pub fn depends_on(tree: &Json) -> IndexMap<ServiceName, Dependency> {
    object(&tree["depends_on"])
        .filter_map(|(key, tree)| {
            let condition = match tree["condition"].as_str() {
                Some("service_healthy") => Condition::ServiceHealthy,
                Some("service_completed_successfully") => Condition::ServiceCompletedSuccessfully,
                _ => Condition::ServiceStarted,
            };
            let dependency = Dependency {
                condition,
                required: flag(&tree["required"]),
                restart: flag(&tree["restart"]),
            };
            Some((key.parse().ok()?, dependency))
        })
        .collect()
}

/// `volumes_from:`, `service[:ro]` or `container:name[:ro]`.
pub fn volumes_from(tree: &Json) -> Vec<VolumesFrom> {
    texts(&tree["volumes_from"])
        .iter()
        .filter_map(|text| {
            let (container, text) = match text.strip_prefix("container:") {
                Some(name) => (true, name),
                None => (false, text.as_str()),
            };
            let (name, mode) = text.split_once(':').unwrap_or((text, "rw"));
            let from = if container {
                Lender::Container(name.to_owned())
            } else {
                Lender::Service(name.parse().ok()?)
            };
            Some(VolumesFrom {
                from,
                read_only: mode.split(',').any(|word| word == "ro"),
            })
        })
        .collect()
}

/// `links` and `external_links` in the engine's form, `name:alias`.
pub fn links(tree: &Json) -> Vec<String> {
    let mut links = texts(&tree["links"]);
    links.extend(texts(&tree["external_links"]));
    for link in &mut links {
        if !link.contains(':') {
            *link = format!("{link}:{link}");
        }
    }
    links
}

/// `deploy.mode`.
pub fn mode(tree: &Json) -> Mode {
    match tree["deploy"]["mode"].as_str() {
        Some("global") => Mode::Global,
        Some("global-job") => Mode::GlobalJob,
        Some("replicated-job") => Mode::ReplicatedJob,
        _ => Mode::Replicated,
    }
}

/// Whether a container that exits with 0 has done its work: who means it writes `restart: "no"`.
pub fn may_end(tree: &Json) -> bool {
    match tree["deploy"]["restart_policy"]["condition"].as_str() {
        Some(condition) => condition == "none",
        None => tree["restart"].as_str() == Some("no"),
    }
}

/// `deploy.placement`, below what `x-placement` says.
pub fn placement(mut placement: Placement, tree: &Json) -> Placement {
    let written = &tree["deploy"]["placement"];
    let most = number(&written["max_replicas_per_node"]).and_then(|most| u32::try_from(most).ok());
    placement.max_per_host = placement.max_per_host.or(most.filter(|most| *most > 0));
    placement.constraints = texts(&written["constraints"])
        .iter()
        .filter_map(|text| constraint(text))
        .collect();
    placement
}

/// Whether hosts have what this constraint asks for: their names and labels.
pub fn is_known_constraint(text: &str) -> bool {
    constraint(text).is_some()
}

/// `node.hostname==a`, `node.labels.zone != b`.
fn constraint(text: &str) -> Option<Constraint> {
    let (key, equal, value) = match (text.split_once("=="), text.split_once("!=")) {
        (Some((key, value)), _) => (key, true, value),
        (None, Some((key, value))) => (key, false, value),
        (None, None) => return None,
    };
    let label = match key.trim() {
        "node.hostname" => None,
        key => Some(key.strip_prefix("node.labels.")?.to_owned()),
    };
    Some(Constraint {
        label,
        equal,
        value: value.trim().to_owned(),
    })
}

/// `pull_policy`.
pub fn pull_policy(tree: &Json) -> Option<String> {
    string(&tree["pull_policy"])
}
