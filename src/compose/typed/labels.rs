//! The labels Docker Compose writes on containers that say where they come from. Not part of what
//! decides whether a container is kept: the same project may lie in another folder tomorrow.

use std::collections::BTreeMap;

use serde_json::Value as Json;

use super::Input;
use super::read::object;
use crate::compose::hash;

/// The labels of one service's containers.
pub fn read(tree: &Json, input: &Input<'_>) -> BTreeMap<String, String> {
    if input.check_only {
        // They are made of copies of the service, which may be large.
        return BTreeMap::new();
    }
    let dependencies: Vec<String> = object(&tree["depends_on"])
        .map(|(service, how)| {
            let condition = how["condition"].as_str().unwrap_or_default();
            let restart = how["restart"].as_bool().unwrap_or_default();
            format!("{service}:{condition}:{restart}")
        })
        .collect();
    let files: Vec<String> = input
        .files
        .iter()
        .map(|file| file.display().to_string())
        .collect();
    let platform = input.environment.get("DOCKER_DEFAULT_PLATFORM");
    let config_hash = tree.as_object().map_or_else(String::new, |service| {
        hash::service(service, platform.map(String::as_str))
    });
    [
        ("config-hash", config_hash),
        ("depends_on", dependencies.join(",")),
        ("project.config_files", files.join(",")),
        ("project.working_dir", input.folder.display().to_string()),
    ]
    .into_iter()
    .map(|(name, value)| (format!("com.docker.compose.{name}"), value))
    .collect()
}
