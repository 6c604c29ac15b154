//! Drops earlier items of a list that a later one redefines: the same variable, port, mount.

use std::collections::HashMap;

use super::diagnose::{Checked, Problem, all_right};
use super::mount;
use super::node::{List, Node, Value};
use super::path::Path;

/// Goes over a whole document.
pub fn run(document: &mut Node) -> Checked<()> {
    let mut problems = Vec::new();
    visit(document, &Path::ROOT, &mut problems);
    all_right(problems)
}

fn visit(node: &mut Node, path: &Path<'_>, problems: &mut Vec<Problem>) {
    match &mut node.value {
        Value::Map(map) => {
            for (key, entry) in map.iter_mut() {
                visit(&mut entry.node, &path.key(key), problems);
            }
        }
        Value::List(items) => {
            let Some(key) = path.with(rule) else { return };
            let mut places: HashMap<String, usize> = HashMap::new();
            let mut kept = List::with_capacity(items.len());
            for item in items.drain(..) {
                match key(&item) {
                    Ok(key) => {
                        if let Some(place) = places.get(&key) {
                            kept[*place] = item;
                        } else {
                            places.insert(key, kept.len());
                            kept.push(item);
                        }
                    }
                    Err(message) => {
                        problems.push(Problem::new(item.at, format!("{path}: {message}")));
                        kept.push(item);
                    }
                }
            }
            *items = kept;
        }
        _ => {}
    }
}

/// Whether items of a list are told apart by a key.
pub fn applies(path: &[&str]) -> bool {
    rule(path).is_some()
}

type Key = fn(&Node) -> Result<String, String>;

fn rule(path: &[&str]) -> Option<Key> {
    Some(match path {
        ["networks", _, "labels"] | ["networks", _, "ipam", "options"] => before_equals,
        ["services", _, rest @ ..] => match rest {
            [
                "annotations" | "cap_add" | "cap_drop" | "dns" | "dns_opt" | "dns_search"
                | "environment" | "labels" | "links" | "profiles" | "sysctls" | "tmpfs",
            ]
            | ["build", "additional_contexts" | "args" | "labels" | "tags"]
            | ["deploy", "labels"]
            | ["networks", _, "aliases" | "link_local_ips"] => before_equals,
            ["volumes"] => volume,
            ["devices"] => device,
            ["expose"] => expose,
            ["env_file"] => env_file,
            ["ports"] => port,
            ["configs"] => config,
            ["secrets"] => secret,
            _ => return None,
        },
        _ => return None,
    })
}

fn before_equals(node: &Node) -> Result<String, String> {
    let text = node
        .as_str()
        .ok_or_else(|| format!("must be a string, not {}", node.kind()))?;
    Ok(text.split_once('=').map_or(text, |(key, _)| key).to_owned())
}

fn volume(node: &Node) -> Result<String, String> {
    match &node.value {
        Value::Str(spec) => Ok(mount::parse(spec)?.target),
        Value::Map(_) => node
            .get("target")
            .and_then(Node::as_str)
            .map(str::to_owned)
            .ok_or_else(|| "the mount has no `target`".to_owned()),
        _ => Ok(String::new()),
    }
}

fn device(node: &Node) -> Result<String, String> {
    match &node.value {
        Value::Str(spec) => {
            let mut fields = spec.split(':');
            let source = fields.next().unwrap_or_default();
            Ok(fields.next().unwrap_or(source).to_owned())
        }
        Value::Map(_) => node
            .get("target")
            .and_then(Node::as_str)
            .map(str::to_owned)
            .ok_or_else(|| "the device has no `target`".to_owned()),
        _ => Ok(String::new()),
    }
}

fn expose(node: &Node) -> Result<String, String> {
    match &node.value {
        Value::Str(text) => Ok(text.to_string()),
        Value::Int(port) => Ok(port.to_string()),
        _ => Err(format!(
            "a port is a whole number or a string, not {}",
            node.kind()
        )),
    }
}

fn env_file(node: &Node) -> Result<String, String> {
    match &node.value {
        Value::Str(path) => Ok(path.to_string()),
        Value::Map(_) => node
            .get("path")
            .and_then(Node::as_str)
            .map(str::to_owned)
            .ok_or_else(|| "the env file has no `path`".to_owned()),
        _ => Ok(String::new()),
    }
}

fn port(node: &Node) -> Result<String, String> {
    let text = |key: &str| node.get(key).and_then(Node::scalar_text);
    match &node.value {
        Value::Str(spec) => Ok(spec.to_string()),
        Value::Map(_) => {
            let target = match (text("target"), node.get("target")) {
                (Some(target), _) => target,
                // The schema says that it is not of the right kind.
                (None, Some(_)) => return Ok(format!("{:?}", node.at)),
                (None, None) => return Err("the port has no `target`".to_owned()),
            };
            // A number is not the same as the text a short form gives, and no port not the same as
            // an empty one, as in Compose.
            let published = match node.get("published") {
                Some(published) => match published.as_str() {
                    Some(text) => text.to_owned(),
                    None => format!("number {}", text("published").unwrap_or_default()),
                },
                None => "none".to_owned(),
            };
            let host = text("host_ip").unwrap_or_else(|| "0.0.0.0".to_owned());
            let protocol = text("protocol").unwrap_or_else(|| "tcp".to_owned());
            Ok(format!("{host}:{published}:{target}/{protocol}"))
        }
        _ => Ok(node.scalar_text().unwrap_or_default()),
    }
}

fn config(node: &Node) -> Result<String, String> {
    file_mount(node, "")
}

fn secret(node: &Node) -> Result<String, String> {
    file_mount(node, "/run/secrets")
}

fn file_mount(node: &Node, folder: &str) -> Result<String, String> {
    match &node.value {
        Value::Str(name) => Ok(format!("{folder}/{name}")),
        Value::Map(_) => {
            if let Some(target) = node.get("target").and_then(Node::as_str) {
                return Ok(target.to_owned());
            }
            let source = node
                .get("source")
                .and_then(Node::as_str)
                .unwrap_or_default();
            Ok(format!("{folder}/{source}"))
        }
        _ => Err(format!(
            "must be a string or a mapping, not {}",
            node.kind()
        )),
    }
}
