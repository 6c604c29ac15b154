//! Checks a document against the Compose schema and says all that is wrong with it: unknown keys
//! with the near miss, wrong types, missing keys, duplicates.
//!
//! In: the tree merged so far. Out: nothing, or every problem with its place.

mod advice;
mod deploy;
mod service;
mod shape;
mod top;
mod volumes;

use std::collections::HashSet;

pub use shape::Shape;
use shape::{Kind, NAMES, Object};
pub use top::DOCUMENT;

use super::diagnose::{Checked, Problem, all_right, tell};
use super::node::{Map, Node, Value};
use super::path::Path;
use super::source::Span;
use crate::error::near_miss;

/// Checks a whole document.
pub fn check(document: &Node) -> Checked<()> {
    let mut problems = Vec::new();
    visit(document, &DOCUMENT, &Path::ROOT, &mut problems);
    all_right(problems)
}

fn visit(node: &Node, shape: &Shape, path: &Path<'_>, problems: &mut Vec<Problem>) {
    match shape {
        Shape::One(kinds) => {
            if !kinds.iter().any(|kind| kind.accepts(&node.value)) {
                wrong(node, kinds, path, problems);
            }
        }
        Shape::Word(words) => match node.as_str() {
            Some(text) if words.contains(&text) => {}
            Some(text) => {
                let mut message = format!("{path}: {text:?} is not one of {}", list(words));
                if let Some(near) = near_miss(text, words.iter().copied()) {
                    message = format!("{message}; did you mean `{near}`?");
                }
                tell(problems, Problem::new(node.at, message));
            }
            None => wrong(node, &[Kind::Str], path, problems),
        },
        Shape::Text(rule, valid) => match node.as_str() {
            Some(text) if valid(text) => {}
            Some(text) => {
                tell(
                    problems,
                    Problem::new(node.at, format!("{path}: {text:?} is not {rule}")),
                );
            }
            None => wrong(node, &[Kind::Str], path, problems),
        },
        Shape::Range(lowest, highest) => match &node.value {
            Value::Str(_) => {}
            Value::Int(value) if (*lowest..=*highest).contains(value) => {}
            Value::Int(_) => {
                let message = format!("{path}: must be between {lowest} and {highest}");
                tell(problems, Problem::new(node.at, message));
            }
            #[expect(
                clippy::cast_precision_loss,
                reason = "bounds far below 2^53, or the biggest"
            )]
            Value::Float(value) if *value < *lowest as f64 || *value > *highest as f64 => {
                let message = format!("{path}: must be between {lowest} and {highest}");
                tell(problems, Problem::new(node.at, message));
            }
            value if Kind::Int.accepts(value) => {}
            _ => wrong(node, &[Kind::Int, Kind::Str], path, problems),
        },
        Shape::List { item, unique } => match &node.value {
            Value::List(items) => {
                for each in items {
                    visit(each, item, &path.item(), problems);
                }
                if *unique {
                    duplicates(items, path, problems);
                }
            }
            _ => wrong(node, &[Kind::List], path, problems),
        },
        Shape::Map(object) => match &node.value {
            Value::Map(map) => visit_map(node, map, object, path, problems),
            Value::Null if object.null => {}
            _ => wrong(node, &[Kind::Map], path, problems),
        },
        Shape::Either(shapes) => either(node, shapes, path, problems),
    }
}

fn visit_map(
    node: &Node,
    map: &Map,
    object: &Object,
    path: &Path<'_>,
    problems: &mut Vec<Problem>,
) {
    for (key, entry) in map {
        let at = path.key(key);
        if let Some((_, shape)) = object.keys.iter().find(|(name, _)| name == key) {
            visit(&entry.node, shape, &at, problems);
        } else if let Some((valid, shape)) = object.others
            && valid(key)
        {
            visit(&entry.node, shape, &at, problems);
        } else if !(object.open || object.extensions && key.starts_with("x-")) {
            tell(problems, unknown(key, entry.key_at, object, path));
        }
    }
    for key in object.required {
        if !map.contains_key(key) {
            let problem = Problem::new(node.at, format!("{path}: `{key}` is missing"));
            tell(problems, problem.leaves_the_rest());
        }
    }
}

fn unknown(key: &str, at: Span, object: &Object, path: &Path<'_>) -> Problem {
    let place = path.to_string();
    let colon = if place.is_empty() { "" } else { ": " };
    if object.keys.is_empty() {
        let rule = if object
            .others
            .is_some_and(|(valid, _)| std::ptr::fn_addr_eq(valid, NAMES))
        {
            "; use letters, digits, `.`, `_` and `-`"
        } else {
            ""
        };
        return Problem::new(
            at,
            format!("{place}{colon}{key:?} is not a valid name{rule}"),
        );
    }
    let mut message = format!("{place}{colon}unknown key `{}`", key.escape_debug());
    let meant = near_miss(key, object.keys.iter().map(|(name, _)| *name));
    if let Some(near) = meant {
        message = format!("{message}; did you mean `{near}`?");
    }
    let mut problem = Problem::new(at, message);
    problem.meant = meant;
    let advice = advice::unknown(key, object, &place).filter(|_| meant.is_none());
    match advice {
        Some(advice) => problem.hint(advice),
        None if object.extensions => problem,
        None => problem.hint(format!("the keys here are {}", list_keys(object))),
    }
}

/// Tries each shape. The problems of the one that has the value's own kind are the useful ones.
fn either(node: &Node, shapes: &[&Shape], path: &Path<'_>, problems: &mut Vec<Problem>) {
    let mut kinds = Vec::new();
    for shape in shapes {
        if shape.kinds().iter().any(|kind| kind.accepts(&node.value)) {
            let mut found = Vec::new();
            visit(node, shape, path, &mut found);
            if found.is_empty() {
                return;
            }
            problems.append(&mut found);
            return;
        }
        kinds.extend_from_slice(shape.kinds());
    }
    wrong(node, &kinds, path, problems);
}

fn wrong(node: &Node, kinds: &[Kind], path: &Path<'_>, problems: &mut Vec<Problem>) {
    let mut names: Vec<&str> = kinds.iter().map(|kind| kind.name()).collect();
    names.dedup();
    let one = match names.split_last() {
        Some((last, [])) => (*last).to_owned(),
        Some((last, rest)) => format!("{} or {last}", rest.join(", ")),
        None => String::new(),
    };
    let path = path.to_string();
    let message = format!("{path}: must be {one}, not {}", node.kind());
    let mut problem = Problem::new(node.at, message);
    problem.hint = advice::kind(node, kinds, &path);
    tell(problems, problem);
}

fn duplicates(items: &[Node], path: &Path<'_>, problems: &mut Vec<Problem>) {
    let mut seen: HashSet<&str> = HashSet::new();
    for (index, item) in items.iter().enumerate() {
        let repeated = match &item.value {
            Value::Str(text) => !seen.insert(text),
            _ => items[..index].contains(item),
        };
        if repeated {
            tell(
                problems,
                Problem::new(item.at, format!("{path}: this item is repeated")),
            );
        }
    }
}

fn list(words: &[&str]) -> String {
    words
        .iter()
        .map(|word| format!("`{word}`"))
        .collect::<Vec<_>>()
        .join(", ")
}

fn list_keys(object: &Object) -> String {
    let keys: Vec<&str> = object.keys.iter().map(|(key, _)| *key).collect();
    list(&keys)
}
