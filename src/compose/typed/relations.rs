//! What relates a service to others: order, borrowed volumes.

use indexmap::IndexMap;
use serde_json::Value as Json;

use super::read::{flag, object, texts};
use crate::model::{Condition, Dependency, Lender, ServiceName, VolumesFrom};

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
