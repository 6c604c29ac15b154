//! The canonical model as Compose prints it: every value in its type, keys in Compose's order,
//! empty ones left out.
//!
//! In: the completed tree. Out: JSON values, for `--format json` and for YAML (which differ: JSON
//! always has `command`, `entrypoint`, `ipam` and the like, and leaves out extensions below the top).

mod apart;
mod fields;
mod order;
mod pieces;
mod value;

use serde_json::{Map as Object, Value as Json};

use super::diagnose::Problem;
use super::node::{Entry, Map, Node, Text, Value};
use super::path::Path;
use super::source::Span;
use super::unique;
use apart::EXTENSIONS;
pub use apart::set_apart;
pub use pieces::{Part, check, others, parts, raw_parts, service, ssh};

/// Which of the two printed forms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// `--format json`
    Json,
    /// `--format yaml`
    Yaml,
}

/// When a key is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Keep {
    /// When it is not empty, zero or false.
    Full,
    /// When it was written.
    Written,
    /// Always, as `null` when not written; in YAML as `Written`.
    Always,
    /// Always, as `{}`; in YAML when not empty.
    Object,
    /// Always in both forms.
    Both,
    /// When it is not zero, and always in YAML.
    YamlZero,
    /// When it is not empty, and only in YAML.
    OnlyYaml,
}

impl Keep {
    /// Whether it may be printed when it was not written.
    fn is_implied(self) -> bool {
        !matches!(self, Self::Full | Self::Written | Self::OnlyYaml)
    }
}

/// Before text that YAML writes without quotes though it looks like a string here: dates, numbers
/// that are not finite. A character that is none, kept by Unicode for use inside of programs.
pub const BARE: char = '\u{fdd0}';

/// The type of a value.
enum Type {
    /// Text; other scalars become text.
    Text,
    /// A boolean.
    Bool,
    /// A whole number.
    Int,
    /// A whole number that is written as one, not as text.
    Whole,
    /// A whole number from 0 on that is written as a number; fractions are cut.
    Natural,
    /// A number of 32 bits.
    Float,
    /// Bytes, printed as text.
    Bytes,
    /// A duration in Go's notation.
    Duration,
    /// Texts; one text is a list of one.
    Texts,
    /// `k: v`, values as text, none as empty text.
    Pairs,
    /// `k: v`, values as text, none as `null`.
    Variables,
    /// `k: v`, values that are text or whole numbers.
    Words,
    /// Texts and whole numbers.
    Groups,
    /// A command's words.
    Command,
    /// `healthcheck.test`.
    Test,
    /// `host=address`, sorted.
    Hosts,
    /// `default` or `id=path`.
    Ssh,
    /// Permission bits, printed in octal.
    Mode,
    /// How many devices; `all` is -1.
    Count,
    /// A number or a pair.
    Ulimit,
    /// A map of text to lists of text.
    Options,
    /// Keys of its own.
    Object(&'static [Field]),
    /// The same, without extensions in YAML either.
    Bare(&'static [Field]),
    /// A list.
    List(&'static Type),
    /// A mapping with free keys, whose values may be missing.
    Map(&'static Type),
    /// A mapping with free keys, where a missing value is an empty one.
    Filled(&'static Type),
}

/// A key of a mapping.
struct Field(&'static str, Type, Keep);

/// Whether a service's `key` is printed after its `other`.
pub fn follows(key: &str, other: &str) -> bool {
    let place = |key: &str| fields::SERVICE.iter().position(|field| field.0 == key);
    place(key) > place(other)
}

/// A tree as it is, keys sorted: what Compose prints when variables are not replaced.
/// `normalized`: names without a value were looked up.
pub fn raw(node: &Node, form: Form, normalized: bool) -> Json {
    raw_at(node, form, normalized, &Path::ROOT)
}

fn raw_at(node: &Node, form: Form, normalized: bool, path: &Path<'_>) -> Json {
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
            let item = |item| raw_at(item, form, normalized, &path.item());
            Json::Array(items.iter().map(item).collect())
        }
        Value::Map(map) => {
            let entry = |(key, entry): (&Text, &Entry)| {
                let value = raw_at(&entry.node, form, normalized, &path.key(key));
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

fn extensions(map: &Map, form: Form, object: &mut Object<String, Json>) {
    for (key, entry) in order::sorted(map, form) {
        if key.starts_with("x-") {
            object.insert(key.to_string(), raw(&entry.node, form, false));
        }
    }
}

struct Pass {
    form: Form,
    problems: Vec<Problem>,
}

impl Pass {
    fn new(form: Form) -> Self {
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
            extensions(map, self.form, &mut object);
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
    fn entry(
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
