//! What a complete model says that a person may leave out.

use super::node::{Entry, Map, Node, Value};
use super::path::Path;

/// Fills in defaults, in place.
pub fn run(model: &mut Node) {
    visit(model, &Path::ROOT);
}

fn visit(node: &mut Node, path: &Path<'_>) {
    path.with(|keys| fill(node, keys));
    match &mut node.value {
        Value::Map(map) => {
            for (key, entry) in map.iter_mut() {
                visit(&mut entry.node, &path.key(key));
            }
        }
        Value::List(items) => {
            for item in items {
                visit(item, &path.item());
            }
        }
        _ => {}
    }
}

fn fill(node: &mut Node, path: &[&str]) {
    let at = node.at;
    let Some(map) = node.as_map_mut() else { return };
    let set = |map: &mut Map, key: &str, value: Value| {
        map.or_insert_with(key.to_owned(), || Entry::made(Node::new(value, at)));
    };
    match path {
        ["services", _, "build"] => set(map, "context", Value::Str(".".into())),
        ["services", _, "secrets", _] => {
            let source = map.get("source").and_then(|entry| entry.node.as_str());
            if let Some(source) = source {
                let target = format!("/run/secrets/{source}");
                set(map, "target", Value::Str(target.into()));
            }
        }
        ["services", _, "ports", _] => {
            set(map, "protocol", Value::Str("tcp".into()));
            set(map, "mode", Value::Str("ingress".into()));
        }
        ["services", _, "gpus", _]
        | [
            "services",
            _,
            "deploy",
            "resources",
            "reservations",
            "devices",
            _,
        ] if !map.contains_key("count") && !map.contains_key("device_ids") => {
            set(map, "count", Value::Str("all".into()));
        }
        _ => {}
    }
}
