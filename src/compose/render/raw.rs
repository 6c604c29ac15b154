//! Values as they are.

use serde_json::{Map as Object, Value as Json};

use super::{BARE, Form, order, value};
use crate::compose::node::{Entry, Map, Node, Text, Value};
use crate::compose::path::Path;
use crate::compose::unique;

/// A tree as it is, keys sorted: what Compose prints when variables are not replaced.
/// `normalized`: names without a value were looked up.
pub fn tree(node: &Node, form: Form, normalized: bool) -> Json {
    at(node, form, normalized, &Path::ROOT)
}

/// The same of a value at `path`.
pub fn at(node: &Node, form: Form, normalized: bool, path: &Path<'_>) -> Json {
    match &node.value {
        Value::Null => Json::Null,
        Value::Bool(value) => Json::Bool(*value),
        Value::Int(value) => (*value).into(),
        Value::Big(value) => (*value).into(),
        Value::Float(value) if !value.is_finite() => {
            Json::String(format!("{BARE}{}", dotted(*value)))
        }
        // YAML tells `1.0` from `1` by its exponent only, JSON not at all.
        Value::Float(value) if form == Form::Json => value::number(*value),
        Value::Float(value) => Json::from(*value),
        Value::Time(text) if form == Form::Yaml => Json::String(format!("{BARE}{text}")),
        Value::Time(text) => Json::String(text.to_string()),
        Value::Str(text) => Json::String(text.to_string()),
        Value::List(items)
            if form == Form::Json
                && items.is_empty()
                && path.with(|keys| is_none(keys, normalized)) =>
        {
            Json::Null
        }
        Value::List(items) => {
            let item = |item| at(item, form, normalized, &path.item());
            Json::Array(items.iter().map(item).collect())
        }
        Value::Map(map) => {
            let entry = |(key, entry): (&Text, &Entry)| {
                let value = at(&entry.node, form, normalized, &path.key(key));
                (key.to_string(), value)
            };
            let entries = order::sorted(map, form);
            Json::Object(entries.into_iter().map(entry).collect())
        }
    }
}

/// To Compose an empty list is none, unless its items are told apart; looking up variables makes it
/// none again.
fn is_none(path: &[&str], normalized: bool) -> bool {
    let looked_up = matches!(
        path,
        ["services", _, "environment"] | ["services", _, "build", "args"]
    );
    normalized && looked_up || !unique::applies(path)
}

/// A number that is not finite, as YAML has it.
fn dotted(value: f64) -> &'static str {
    if value.is_nan() {
        ".nan"
    } else if value > 0.0 {
        ".inf"
    } else {
        "-.inf"
    }
}

/// Adds the extensions of `map` to `object`.
pub fn extensions(map: &Map, form: Form, object: &mut Object<String, Json>) {
    for (key, entry) in order::sorted(map, form) {
        if key.starts_with("x-") {
            object.insert(key.to_string(), tree(&entry.node, form, false));
        }
    }
}
