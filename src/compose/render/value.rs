//! One value in its type.

use std::collections::BTreeMap;

use serde_json::Value as Json;

use super::Type;
use super::apart::{EXTENSIONS, go_text};
use crate::compose::cast;
use crate::compose::node::{Node, Value};
use crate::compose::{shell, units};

/// `node` as `kind`, or why it is not one.
pub fn scalar(node: &Node, kind: &Type) -> Result<Json, String> {
    match kind {
        Type::Text => text(node).map(Json::String),
        Type::Bool => cast(node, cast::Type::Bool),
        Type::Int => cast(node, cast::Type::Int),
        Type::Natural => match &node.value {
            Value::Int(value) if *value >= 0 => Ok(Json::from(*value)),
            Value::Float(value) if *value >= 0.0 && value.is_finite() => Ok(number(value.trunc())),
            _ => Err(format!("must be a number from 0 on, not {}", node.kind())),
        },
        Type::Whole | Type::Ulimit => match &node.value {
            Value::Int(value) => Ok(Json::from(*value)),
            _ => Err(format!("must be a whole number, not {}", node.kind())),
        },
        Type::Float => float(node),
        Type::Bytes => bytes(node),
        Type::Duration => {
            let nanoseconds = units::nanoseconds(&text(node)?)?;
            Ok(Json::String(units::duration_text(nanoseconds)))
        }
        Type::Texts => texts(node).map(|items| items.into_iter().map(Json::String).collect()),
        Type::Words => words(node),
        Type::Groups => {
            let items = node.as_list().unwrap_or_default();
            match items
                .iter()
                .find(|item| matches!(item.value, Value::Float(_)))
            {
                Some(_) => Err("a group is a name or a whole number".to_owned()),
                None => Ok(texts(node)?.into()),
            }
        }
        Type::Pairs => Ok(pairs(node)?
            .into_iter()
            .map(|(key, value)| (key, Json::String(value.unwrap_or_default())))
            .collect()),
        Type::Variables => Ok(pairs(node)?
            .into_iter()
            .map(|(key, value)| (key, value.map_or(Json::Null, Json::String)))
            .collect()),
        Type::Command => command(node),
        Type::Test => match &node.value {
            Value::Str(line) => Ok(Json::from(vec!["CMD-SHELL", line.as_str()])),
            _ => Ok(Json::from(texts(node)?)),
        },
        Type::Hosts => hosts(node).map(Json::from),
        Type::Ssh => ssh(node).map(Json::from),
        Type::Mode => mode(node),
        Type::Count => match node.as_str() {
            Some(word) if word.eq_ignore_ascii_case("all") => Ok(Json::from(-1)),
            _ => cast(node, cast::Type::Int)
                .map_err(|_| "a count is a whole number or `all`".to_owned()),
        },
        Type::Options => {
            let map = node.as_map().ok_or("must be a mapping")?;
            map.iter()
                .map(|(key, entry)| match key.as_str() {
                    EXTENSIONS => Ok((key.to_string(), Json::from(vec![go_text(&entry.node)]))),
                    _ => Ok((key.to_string(), Json::from(texts(&entry.node)?))),
                })
                .collect::<Result<_, String>>()
                .map(Json::Object)
        }
        Type::Object(_) | Type::Bare(_) | Type::List(_) | Type::Map(_) | Type::Filled(_) => {
            Err("must be a single value".to_owned())
        }
    }
}

/// A float the way Compose prints it: whole ones without a fraction.
pub fn number(value: f64) -> Json {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "checked to be whole and small"
    )]
    if value.fract() == 0.0 && value.abs() < 1e15 {
        return Json::from(value as i64);
    }
    Json::from(value)
}

fn text(node: &Node) -> Result<String, String> {
    node.scalar_text()
        .ok_or_else(|| format!("must be a string, not {}", node.kind()))
}

fn cast(node: &Node, to: cast::Type) -> Result<Json, String> {
    let value = match &node.value {
        Value::Str(text) => cast::text(text, to)?.0,
        other => other.clone(),
    };
    match (to, value) {
        (cast::Type::Bool, Value::Bool(value)) => Ok(Json::Bool(value)),
        (cast::Type::Int, Value::Int(value)) => Ok(Json::from(value)),
        (cast::Type::Int, Value::Float(value)) if value.is_finite() => Ok(number(value.trunc())),
        (_, _) => Err(format!("the type does not fit: {}", node.kind())),
    }
}

/// Compose holds these in 32 bits and prints the shortest decimal that reads back the same.
fn float(node: &Node) -> Result<Json, String> {
    let text = text(node)?;
    let value: f32 = text
        .parse()
        .map_err(|_| format!("{text:?} is not a number"))?;
    let shortest: f64 = value.to_string().parse().unwrap_or_default();
    Ok(number(shortest))
}

fn bytes(node: &Node) -> Result<Json, String> {
    let bytes = match &node.value {
        Value::Int(bytes) => *bytes,
        // Compose takes no fractions here and drops the key; `typed::support` says so.
        Value::Float(_) => 0,
        _ => units::bytes(&text(node)?)?,
    };
    Ok(if bytes == 0 {
        Json::Null
    } else {
        Json::String(bytes.to_string())
    })
}

fn texts(node: &Node) -> Result<Vec<String>, String> {
    match &node.value {
        Value::List(items) => items.iter().map(text).collect(),
        Value::Null => Ok(Vec::new()),
        _ => Ok(vec![text(node)?]),
    }
}

/// Pairs of a mapping or of `k=v` items, by key.
fn pairs(node: &Node) -> Result<BTreeMap<String, Option<String>>, String> {
    match &node.value {
        Value::Map(map) => map
            .iter()
            .map(|(key, entry)| match &entry.node.value {
                Value::Null => Ok((key.to_string(), None)),
                Value::Map(_) if key == EXTENSIONS => {
                    Ok((key.to_string(), Some(go_text(&entry.node))))
                }
                _ => Ok((key.to_string(), Some(text(&entry.node)?))),
            })
            .collect(),
        Value::List(items) => items
            .iter()
            .map(|item| {
                let text = text(item)?;
                Ok(match text.split_once('=') {
                    Some((key, value)) => (key.to_owned(), Some(value.to_owned())),
                    None => (text, None),
                })
            })
            .collect(),
        _ => Err(format!("must be a mapping or a list, not {}", node.kind())),
    }
}

/// Values that are text already.
fn words(node: &Node) -> Result<Json, String> {
    let map = node.as_map().ok_or("must be a mapping")?;
    map.iter()
        .map(|(key, entry)| match &entry.node.value {
            Value::Str(text) => Ok((key.to_string(), Json::from(text.as_str()))),
            Value::Int(number) => Ok((key.to_string(), Json::from(number.to_string()))),
            Value::Null => Ok((key.to_string(), Json::from(""))),
            _ => Err(format!(
                "`{}` must be a string, not {}; put it in quotes",
                key.escape_debug(),
                entry.node.kind()
            )),
        })
        .collect::<Result<_, String>>()
        .map(Json::Object)
}

fn command(node: &Node) -> Result<Json, String> {
    match &node.value {
        Value::Str(line) => Ok(Json::from(shell::split(line)?.0)),
        _ => Ok(Json::from(texts(node)?)),
    }
}

fn hosts(node: &Node) -> Result<Vec<String>, String> {
    let mut hosts = Vec::new();
    match &node.value {
        Value::Map(map) => {
            for (host, entry) in map {
                for address in texts(&entry.node)? {
                    hosts.push((host.to_string(), address));
                }
            }
        }
        _ => {
            for item in texts(node)? {
                let (host, address) = item
                    .split_once('=')
                    .or_else(|| item.split_once(':'))
                    .ok_or_else(|| format!("{item:?} is not `host=address`"))?;
                hosts.push((host.to_owned(), address.to_owned()));
            }
        }
    }
    let mut lines: Vec<String> = hosts
        .into_iter()
        .map(|(host, address)| {
            let address = address
                .strip_prefix('[')
                .and_then(|inner| inner.strip_suffix(']'))
                .unwrap_or(&address);
            format!("{host}={address}")
        })
        .collect();
    lines.sort();
    Ok(lines)
}

/// `default` and `id=path`, by id.
pub fn ssh(node: &Node) -> Result<Vec<String>, String> {
    Ok(pairs(node)?
        .into_iter()
        .map(|(id, path)| match path {
            Some(path) if !path.is_empty() => format!("{id}={path}"),
            _ => id,
        })
        .collect())
}

fn mode(node: &Node) -> Result<Json, String> {
    let bits = if let Value::Int(bits) = &node.value {
        *bits
    } else {
        let text = text(node)?;
        i64::from_str_radix(&text, 8).map_err(|_| format!("{text:?} is not an octal mode"))?
    };
    Ok(Json::String(format!("0{bits:o}")))
}
