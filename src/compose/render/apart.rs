//! `x-…` keys among free keys. Compose takes every such key for an extension, also where a person
//! may choose the keys, like in `labels:`, and keeps them together under one key of its own.

use super::fields::TOP;
use super::{Field, Form, Type, order};
use crate::compose::node::{Entry, Map, Node, Value};
use crate::compose::source::Span;

/// The key under which they end up.
pub const EXTENSIONS: &str = "#extensions";

/// Mappings whose keys are names, never extensions.
const NAMED: [&str; 6] = [
    "services",
    "networks",
    "volumes",
    "secrets",
    "configs",
    "depends_on",
];

/// Sets the extensions among free keys apart, in place.
pub fn set_apart(model: &mut Node) {
    fields(model, TOP, true);
}

fn fields(node: &mut Node, fields: &[Field], top: bool) {
    for Field(key, kind, _) in fields {
        // A service's `networks:` and `volumes:` are no sections.
        let named = NAMED.contains(key) && (top || *key == "depends_on");
        if let Some(node) = node.get_mut(key) {
            visit(node, kind, named);
        }
    }
}

fn visit(node: &mut Node, kind: &Type, named: bool) {
    match kind {
        Type::Object(keys) | Type::Bare(keys) => fields(node, keys, false),
        Type::List(kind) => {
            if let Value::List(items) = &mut node.value {
                for item in items {
                    visit(item, kind, false);
                }
            }
        }
        Type::Map(kind) | Type::Filled(kind) => {
            if !named {
                collect(node);
            }
            for (key, entry) in node.as_map_mut().into_iter().flatten() {
                if key != EXTENSIONS {
                    visit(&mut entry.node, kind, false);
                }
            }
        }
        Type::Pairs | Type::Words | Type::Variables | Type::Hosts | Type::Ssh | Type::Options => {
            collect(node);
        }
        _ => {}
    }
}

fn collect(node: &mut Node) {
    let at = node.at;
    let Some(map) = node.as_map_mut() else { return };
    if !map.keys().any(|key| key.starts_with("x-")) {
        return;
    }
    let mut extensions = Map::new();
    for (key, entry) in std::mem::take(map) {
        let to = if key.starts_with("x-") {
            &mut extensions
        } else {
            &mut *map
        };
        to.insert(key, entry);
    }
    let node = Node::mapping(extensions, at);
    let key_at = Span::NOWHERE;
    map.insert(EXTENSIONS.to_owned(), Entry { key_at, node });
}

/// A value as Go's `%v` has it, which is how Compose makes text of the extensions.
pub fn go_text(node: &Node) -> String {
    match &node.value {
        Value::Null => "<nil>".to_owned(),
        Value::List(items) => {
            let items: Vec<String> = items.iter().map(go_text).collect();
            format!("[{}]", items.join(" "))
        }
        Value::Map(map) => {
            let pairs: Vec<String> = order::sorted(map, Form::Json)
                .into_iter()
                .map(|(key, entry)| format!("{key}:{}", go_text(&entry.node)))
                .collect();
            format!("map[{}]", pairs.join(" "))
        }
        _ => node.scalar_text().unwrap_or_default(),
    }
}
