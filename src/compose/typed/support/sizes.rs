//! Sizes that Docker Compose reads as nothing.

use crate::compose::interpolate::warn;
use crate::compose::node::{Node, Value};

/// Keys that are sizes in bytes.
const SIZES: &[&str] = &[
    "mem_limit",
    "mem_reservation",
    "mem_swappiness",
    "memswap_limit",
    "shm_size",
];

/// A number with a fraction is no size: Docker Compose takes it for 0, so it limits nothing.
pub fn warn_of_fractions(service: &str, node: &Node, warnings: &mut Vec<String>) {
    for key in SIZES {
        if matches!(node.get(key).map(|node| &node.value), Some(Value::Float(_))) {
            let line = format!("services.{service}.{key}: a number with a fraction is ignored");
            warn(warnings, line);
        }
    }
}
