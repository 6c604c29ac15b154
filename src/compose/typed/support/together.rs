//! Keys that have no effect beside another one, as in Docker Compose; there nobody says so.

use crate::compose::interpolate::warn;
use crate::compose::node::Node;

/// Adds a line for every such pair in a service.
pub fn warn_of_pairs(service: &str, node: &Node, warnings: &mut Vec<String>) {
    let written = |node: &Node, key: &str| node.get(key).is_some_and(|node| !node.is_null());
    if written(node, "mac_address") && written(node, "network_mode") {
        let line = format!("services.{service}.mac_address: no effect beside `network_mode`");
        warn(warnings, line);
    }
    let volumes = node.get("volumes").and_then(Node::as_list);
    for (index, volume) in volumes.into_iter().flatten().enumerate() {
        let Some(bind) = volume.get("bind").filter(|bind| written(bind, "selinux")) else {
            continue;
        };
        let made = bind.get("create_host_path").and_then(Node::as_bool);
        let beside = if made != Some(true) {
            "without `create_host_path`"
        } else if written(bind, "propagation") {
            "beside `propagation`"
        } else if written(bind, "recursive") {
            "beside `recursive`"
        } else {
            continue;
        };
        let line = format!("services.{service}.volumes[{index}].bind.selinux: no effect {beside}");
        warn(warnings, line);
    }
}
