//! What to write in place of what the schema refuses.

use super::service::SERVICE;
use super::shape::{Kind, Object, Shape};
use crate::compose::node::{Node, Value};

/// What other tools call it, and what Compose does.
const ELSEWHERE: [(&str, &str); 16] = [
    ("args", "command:` or `build.args:"),
    ("cmd", "command:"),
    ("cpu", "cpus:"),
    ("cpu_limit", "cpus:"),
    ("env", "environment:"),
    ("envFrom", "env_file:"),
    ("env_vars", "environment:"),
    ("limits", "deploy.resources.limits:"),
    ("memory", "mem_limit:"),
    ("memory_limit", "mem_limit:"),
    ("name", "container_name:"),
    ("replicas", "scale:` or `deploy.replicas:"),
    ("resources", "deploy.resources:"),
    ("restart_policy", "restart:` or `deploy.restart_policy:"),
    ("update_config", "deploy.update_config:"),
    ("volumeMounts", "volumes:"),
];

/// Where a key belongs that `object` does not know.
pub fn unknown(key: &str, object: &Object, path: &str) -> Option<String> {
    if key.starts_with("//") {
        return Some("a comment starts with `#`".to_owned());
    }
    let below = object.keys.iter().find(|(_, shape)| has(shape, key));
    let service = path.starts_with("services.") && path.matches('.').count() == 1;
    if service && let Some((_, meant)) = ELSEWHERE.iter().find(|(other, _)| *other == key) {
        return Some(format!("write `{meant}` for it"));
    }
    if let Some((parent, _)) = below
        && !path.is_empty()
    {
        return Some(format!("`{key}` stands below `{parent}:`"));
    }
    if !service && has(&SERVICE, key) {
        return Some(format!(
            "`{key}` is a key of a service: indent it as far as the service's other keys"
        ));
    }
    let options = ["options", "driver_opts"];
    let options = object
        .keys
        .iter()
        .find(|(known, _)| options.contains(known));
    options.map(|(known, _)| format!("what a driver takes stands below `{known}:`"))
}

fn has(shape: &Shape, key: &str) -> bool {
    match shape {
        Shape::Map(object) => object.keys.iter().any(|(known, _)| *known == key),
        Shape::Either(shapes) => shapes.iter().any(|shape| has(shape, key)),
        _ => false,
    }
}

/// What to write where a value of another kind stands.
pub fn kind(node: &Node, kinds: &[Kind], path: &str) -> Option<String> {
    let takes = |kind: Kind| kinds.contains(&kind);
    let parts = path.matches('.').count();
    let last = path.rsplit('.').next().unwrap_or_default();
    let service = parts == 1 && path.starts_with("services.");
    match &node.value {
        _ if service => Some(format!(
            "write the keys of `{last}` below it, like `image: …`"
        )),
        Value::List(_) if takes(Kind::Map) && parts == 0 => {
            Some("write the names without dashes before them, and a `:` after each".to_owned())
        }
        Value::Map(map) if takes(Kind::Str) && !takes(Kind::Map) => {
            let (key, _) = map.iter().next()?;
            let key = key.escape_debug();
            let pairs = ["environment", "labels", "args", "annotations", "sysctls"];
            pairs.contains(&last).then(|| {
                format!("write `- {key}=value`, or all of them without dashes: `{key}: value`")
            })
        }
        Value::Int(_) | Value::Big(_) | Value::Float(_) | Value::Bool(_) if takes(Kind::Str) => {
            let text = node.scalar_text()?;
            Some(if is_duration(last) {
                format!("give it a unit: `{text}s`")
            } else if takes(Kind::Bool) {
                "write `true` or `false`".to_owned()
            } else {
                format!("put it in quotes: `\"{text}\"`")
            })
        }
        Value::Str(_) | Value::Int(_) if takes(Kind::List) => {
            let text = node.scalar_text().filter(|text| text.len() <= 40)?;
            let text = text.escape_debug();
            Some(format!("write it as a list: `[\"{text}\"]`"))
        }
        _ => None,
    }
}

fn is_duration(key: &str) -> bool {
    let known = [
        "delay",
        "interval",
        "monitor",
        "start_interval",
        "start_period",
        "stop_grace_period",
        "timeout",
        "window",
    ];
    known.contains(&key)
}
