//! `post_start:` and `pre_stop:`.

use serde_json::Value as Json;

use super::read::{flag, items, object, string, texts};
use crate::model::Hook;

/// Reads the hooks under `key` in order. One without a command runs nothing and is left out.
pub fn read(tree: &Json, key: &str) -> Vec<Hook> {
    items(&tree[key])
        .map(hook)
        .filter(|hook| !hook.command.is_empty())
        .collect()
}

fn hook(tree: &Json) -> Hook {
    Hook {
        command: texts(&tree["command"]),
        user: string(&tree["user"]),
        privileged: flag(&tree["privileged"]),
        working_dir: string(&tree["working_dir"]),
        environment: object(&tree["environment"])
            .map(|(name, value)| match value.as_str() {
                Some(value) => format!("{name}={value}"),
                None => name.clone(),
            })
            .collect(),
    }
}
