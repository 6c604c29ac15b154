//! Values in the types of their keys.

use serde_json::{Map as Object, Value as Json};

use super::apart::EXTENSIONS;
use super::{Field, Form, Keep, Type, fields, order, raw, value};
use crate::compose::diagnose::Problem;
use crate::compose::node::{Map, Node, Value};
use crate::compose::source::Span;

/// One go over a value and what is in it.
pub struct Pass {
    form: Form,
    /// What does not have the type of its key.
    pub problems: Vec<Problem>,
}

impl Pass {
    /// Over nothing yet.
    pub fn new(form: Form) -> Self {
        Self {
            form,
            problems: Vec::new(),
        }
    }

    fn object(
        &mut self,
        node: &Node,
        fields: &[Field],
        path: &mut Vec<String>,
    ) -> Object<String, Json> {
        // Not more room than it takes: there may be thousands of them.
        let implied = fields.iter().filter(|field| field.2.is_implied()).count();
        let written = node.as_map().map_or(0, Map::len);
        let mut object = Object::with_capacity(written.min(fields.len()) + implied);
        for Field(key, kind, keep) in fields {
            path.push((*key).to_owned());
            let written = node.get(key).filter(|node| !node.is_null());
            let value = written.and_then(|node| self.value(node, kind, path));
            path.pop();
            let json = self.form == Form::Json;
            let value = match (keep, value) {
                (Keep::OnlyYaml, _) if json => None,
                (Keep::Full, Some(Json::String(text)))
                    if text == "0s" && matches!(kind, Type::Duration) =>
                {
                    None
                }
                (Keep::Full | Keep::OnlyYaml, Some(value)) => (!is_empty(&value)).then_some(value),
                (Keep::Object, Some(value)) => (json || !is_empty(&value)).then_some(value),
                (Keep::Both, Some(Json::Null) | None) => Some(zero(kind)),
                (_, Some(value)) => Some(value),
                (Keep::Object, None) if json => Some(self.nothing(kind, path)),
                (Keep::Always, None) if json => Some(Json::Null),
                (Keep::YamlZero, value) if !json => Some(value.unwrap_or_else(|| zero(kind))),
                (Keep::YamlZero, value) => value.filter(|value| !is_empty(value)),
                (_, None) => None,
            };
            if let Some(value) = value {
                object.insert(self.shown(key, path), value);
            }
        }
        object
    }

    /// What JSON has where a mapping was not written.
    fn nothing(&mut self, kind: &Type, path: &mut Vec<String>) -> Json {
        match kind {
            Type::Object(fields) => {
                self.nested(&Node::new(Value::Null, Span::NOWHERE), fields, path)
            }
            _ => Json::Object(Object::new()),
        }
    }

    /// The devices of `blkio_config` are the one place whose JSON keys are capitalised.
    fn shown(&self, key: &str, path: &[String]) -> String {
        let device = path.len() == 4 && path[2] == "blkio_config";
        match (self.form, device, key) {
            (Form::Json, true, "path") => "Path".to_owned(),
            (Form::Json, true, "weight") => "Weight".to_owned(),
            (Form::Json, true, "rate") => "Rate".to_owned(),
            _ => key.to_owned(),
        }
    }

    /// An object that is not the top: with its extensions in YAML.
    fn nested(&mut self, node: &Node, fields: &[Field], path: &mut Vec<String>) -> Json {
        let mut object = self.object(node, fields, path);
        if self.form == Form::Yaml
            && let Some(map) = node.as_map()
        {
            raw::extensions(map, self.form, &mut object);
        }
        Json::Object(object)
    }

    fn value(&mut self, node: &Node, kind: &Type, path: &mut Vec<String>) -> Option<Json> {
        let result = match kind {
            Type::Object(fields) => return Some(self.nested(node, fields, path)),
            Type::Bare(fields) => return Some(Json::Object(self.object(node, fields, path))),
            Type::List(kind) => return Some(self.list(node, kind, path)),
            Type::Map(kind) => return Some(self.map(node, kind, false, path)),
            Type::Filled(kind) => return Some(self.map(node, kind, true, path)),
            Type::Ulimit => return self.ulimit(node, path),
            kind => value::scalar(node, kind),
        };
        match result {
            Ok(Json::Array(items)) if matches!(kind, Type::Ssh) && self.form == Form::Yaml => {
                let keys = items.iter().filter_map(Json::as_str);
                Some(
                    keys.map(|key| Json::from(key.replacen('=', ": ", 1)))
                        .collect(),
                )
            }
            Ok(Json::Object(map)) => {
                let mut entries: Vec<(String, Json)> = map.into_iter().collect();
                order::sort_entries(&mut entries, self.form);
                Some(Json::Object(entries.into_iter().collect()))
            }
            // Compose takes 0 for "not one number" and prints the pair.
            Ok(Json::Number(zero)) if matches!(kind, Type::Ulimit) && zero.as_i64() == Some(0) => {
                let pair = [("soft", 0), ("hard", 0)];
                let yaml = self.form == Form::Yaml;
                let pair = pair.into_iter().filter(|_| yaml);
                Some(Json::Object(
                    pair.map(|(key, zero)| (key.to_owned(), zero.into()))
                        .collect(),
                ))
            }
            Ok(value) => Some(value),
            Err(message) => {
                let message = format!("{}: {message}", path.join("."));
                self.problems.push(Problem::new(node.at, message));
                None
            }
        }
    }

    /// One limit, or a pair; none at all is a pair of zeros, which JSON leaves out.
    fn ulimit(&mut self, node: &Node, path: &mut Vec<String>) -> Option<Json> {
        if node.as_map().is_some() {
            return Some(Json::Object(self.object(node, fields::ULIMIT, path)));
        }
        match value::scalar(node, &Type::Whole) {
            Ok(limit) if limit == 0 => Some(self.set_apart(&Type::Ulimit)),
            Ok(limit) => Some(limit),
            Err(message) => {
                let message = format!("{}: {message}", path.join("."));
                self.problems.push(Problem::new(node.at, message));
                None
            }
        }
    }

    fn list(&mut self, node: &Node, kind: &Type, path: &mut Vec<String>) -> Json {
        let items = node.as_list().unwrap_or_default();
        Json::Array(
            items
                .iter()
                .filter_map(|item| self.value(item, kind, path))
                .collect(),
        )
    }

    /// What is left of extensions where mappings are expected.
    fn set_apart(&self, kind: &Type) -> Json {
        match (kind, self.form) {
            (Type::Ulimit, Form::Yaml) => serde_json::json!({"soft": 0, "hard": 0}),
            _ => Json::Object(Object::new()),
        }
    }

    fn map(&mut self, node: &Node, kind: &Type, filled: bool, path: &mut Vec<String>) -> Json {
        let mut object = Object::new();
        let Some(map) = node.as_map() else {
            return Json::Object(object);
        };
        for (key, entry) in order::sorted(map, self.form) {
            if let Some(value) = self.entry(key, &entry.node, kind, filled, path) {
                object.insert(key.to_string(), value);
            }
        }
        Json::Object(object)
    }

    /// The value under a free key; `filled`: a missing one is an empty one.
    pub fn entry(
        &mut self,
        key: &str,
        node: &Node,
        kind: &Type,
        filled: bool,
        path: &mut Vec<String>,
    ) -> Option<Json> {
        path.push(key.to_owned());
        let value = if key == EXTENSIONS {
            Some(self.set_apart(kind))
        } else if node.is_null() && filled {
            Some(self.nothing(kind, path))
        } else if node.is_null() {
            Some(Json::Null)
        } else {
            self.value(node, kind, path)
        };
        path.pop();
        value
    }
}

/// What a key that is always printed has when it was not written.
fn zero(kind: &Type) -> Json {
    match kind {
        Type::Text => Json::from(""),
        Type::Map(_) => Json::Object(Object::new()),
        Type::Bytes => Json::from("0"),
        Type::Int | Type::Whole => Json::from(0),
        _ => Json::Bool(false),
    }
}

fn is_empty(value: &Json) -> bool {
    match value {
        Json::Null | Json::Bool(false) => true,
        Json::Bool(true) => false,
        Json::Number(number) => number.as_f64() == Some(0.0),
        Json::String(text) => text.is_empty(),
        Json::Array(items) => items.is_empty(),
        Json::Object(map) => map.is_empty(),
    }
}
