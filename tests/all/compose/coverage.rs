//! Whether the cases of `tests/compose` touch every key of the Compose schema: `keys.txt` there
//! lists them.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::cases;

/// The keys below one key, and the kinds of value seen at it.
#[derive(Default)]
struct Key {
    below: BTreeMap<String, Key>,
    kinds: BTreeSet<String>,
    seen: BTreeSet<&'static str>,
}

impl Key {
    /// `services.*.ports[].target`, as its steps.
    fn add(&mut self, path: &str, kinds: &str) {
        let mut key = self;
        for step in path.replace("[]", ".[]").split('.') {
            key = key.below.entry(step.to_owned()).or_default();
        }
        key.kinds = kinds.split_whitespace().map(str::to_owned).collect();
    }

    fn see(&mut self, value: &Value) {
        self.seen.insert(kind(value));
        match value {
            Value::Object(map) => {
                for (name, value) in map {
                    let step = if self.below.contains_key(name) {
                        name
                    } else if name.starts_with("x-") && self.below.contains_key("x-*") {
                        "x-*"
                    } else {
                        "*"
                    };
                    if let Some(key) = self.below.get_mut(step) {
                        key.see(value);
                    }
                }
            }
            Value::Array(items) => {
                if let Some(key) = self.below.get_mut("[]") {
                    for item in items {
                        key.see(item);
                    }
                }
            }
            _ => {}
        }
    }

    fn missing(&self, path: &str, found: &mut Vec<String>) {
        for kind in &self.kinds {
            let seen = match kind.as_str() {
                "any" => !self.seen.is_empty(),
                "number" => self.seen.contains("number") || self.seen.contains("integer"),
                kind => self.seen.contains(kind),
            };
            if !seen {
                found.push(format!("{path} {kind}"));
            }
        }
        for (step, key) in &self.below {
            let dot = if path.is_empty() || step == "[]" {
                ""
            } else {
                "."
            };
            key.missing(&format!("{path}{dot}{step}"), found);
        }
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

/// Compose files at any depth of a case.
fn documents(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let golden = path.ends_with("expected.yml");
        if path.is_dir() {
            documents(&path, found);
        } else if !golden
            && path
                .extension()
                .is_some_and(|end| end == "yml" || end == "yaml")
        {
            found.push(path);
        }
    }
}

#[test]
fn every_key_of_the_schema_is_in_some_case() {
    let mut schema = Key::default();
    for line in fs::read_to_string(cases::root().join("keys.txt"))
        .unwrap()
        .lines()
    {
        if let Some((path, kinds)) = line.split_once(' ').filter(|_| !line.starts_with('#')) {
            schema.add(path, kinds);
        }
    }
    let mut paths = Vec::new();
    for folder in cases::folders() {
        documents(&folder, &mut paths);
    }
    for path in paths {
        // Not all of them are meant to be readable.
        let text = fs::read_to_string(path).unwrap_or_default();
        if let Ok(document) = serde_saphyr::from_str::<Value>(&text) {
            schema.see(&document);
        }
    }
    let mut missing = Vec::new();
    schema.missing("", &mut missing);
    assert!(
        missing.is_empty(),
        "{} keys are in no case:\n{}",
        missing.len(),
        missing.join("\n")
    );
}
