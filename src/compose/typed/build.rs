//! `build:` of a service.

use serde_json::Value as Json;

use super::pairs;
use super::read::{flag, object, string, texts};
use crate::model::Build;

/// Reads it; none when the service has none.
pub fn read(tree: &Json) -> Option<Build> {
    tree.as_object()?;
    Some(Build {
        context: string(&tree["context"]).unwrap_or_else(|| ".".to_owned()),
        dockerfile: string(&tree["dockerfile"]),
        dockerfile_inline: string(&tree["dockerfile_inline"]),
        args: object(&tree["args"])
            .map(|(key, value)| (key.clone(), value.as_str().map(str::to_owned)))
            .collect(),
        target: string(&tree["target"]),
        labels: pairs(&tree["labels"]),
        network: string(&tree["network"]),
        tags: texts(&tree["tags"]),
        pull: flag(&tree["pull"]),
        no_cache: flag(&tree["no_cache"]),
        cache_from: texts(&tree["cache_from"]),
        platforms: texts(&tree["platforms"]),
        extra_hosts: texts(&tree["extra_hosts"])
            .iter()
            .map(|host| host.replacen('=', ":", 1))
            .collect(),
    })
}
