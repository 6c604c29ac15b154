//! The inventory of a context (spec §3.3, §5.2).

use std::collections::BTreeMap;

use super::decode::Fields;
use super::tree::{Node, Tree};
use super::words;
use crate::model::{Host, HostName};

/// The host name that means this machine's own engine.
const LOCAL: &str = "local";

const KEYS: [&str; 6] = ["name", "addr", "mesh_ip", "user", "port", "labels"];

/// Decodes `hosts`. None when a mistake leaves no inventory.
pub(super) fn decode(context: &Fields<'_>) -> Option<Vec<Host>> {
    let problems = context.problems;
    let example = "write `hosts:` with `- name: web-1` and `addr: 203.0.113.10` below it";
    if context.get("hosts").is_none() {
        problems.add_with_hint(context.at, "the context has no `hosts`", example);
        return None;
    }
    let items = context.list("hosts")?;
    if items.is_empty() {
        let at = context.get("hosts").and_then(|node| node.at);
        problems.add_with_hint(at, "`hosts` is empty", example);
    }
    let mut hosts: Vec<Host> = Vec::new();
    for (index, node) in items.iter().enumerate() {
        let Some(host) = decode_host(node, index, context) else {
            continue;
        };
        if hosts.iter().any(|other| other.name == host.name) {
            problems.add(node.at, format!("host `{}` is listed twice", host.name));
        }
        hosts.push(host);
    }
    Some(hosts)
}

fn decode_host(node: &Node, index: usize, context: &Fields<'_>) -> Option<Host> {
    let problems = context.problems;
    let path = format!("hosts[{index}]");
    let host = Fields::of(node, path.clone(), &KEYS, problems);
    if !matches!(&node.tree, Tree::Map(_)) {
        return None;
    }
    if host.get("name").is_none() {
        problems.add(node.at, format!("`{path}` has no `name`"));
    }
    let name = host.text("name").and_then(|(text, at)| {
        text.parse::<HostName>()
            .map_err(|error| problems.add(at, error.to_string()))
            .ok()
    });
    let local = name.as_ref().is_some_and(|name| name.as_str() == LOCAL);
    let addr = decode_addr(&host, &path, local);
    let user = host.checked("user", words::check_user);
    let port = host.port("port");
    if local && (user.is_some() || port.is_some()) {
        problems.add(
            node.at,
            "host `local` is this machine; it has no `user` and no `port`",
        );
    }
    let mesh_ip = host.checked("mesh_ip", words::check_mesh_ip);
    let labels = decode_labels(&host);
    Some(Host {
        name: name?,
        addr: addr?,
        mesh_ip,
        user,
        port,
        labels,
        local,
    })
}

fn decode_addr(host: &Fields<'_>, path: &str, local: bool) -> Option<String> {
    match (local, host.get("addr")) {
        (true, Some(node)) => {
            host.problems.add_with_hint(
                node.at,
                "host `local` is this machine and takes no `addr`",
                "give the host another name to reach it over ssh",
            );
            None
        }
        (true, None) => Some("127.0.0.1".to_owned()),
        (false, None) => {
            host.problems
                .add(host.at, format!("`{path}` has no `addr`, its ssh address"));
            None
        }
        (false, Some(_)) => host.checked("addr", words::check_addr),
    }
}

/// Labels are text; whole numbers and booleans are taken as they are written.
fn decode_labels(host: &Fields<'_>) -> BTreeMap<String, String> {
    let mut labels = BTreeMap::new();
    let Some(node) = host.get("labels") else {
        return labels;
    };
    let path = host.path("labels");
    let entries = match &node.tree {
        Tree::Map(entries) => entries.as_slice(),
        Tree::List(items) if items.is_empty() => &[],
        _ => {
            host.problems.add_with_hint(
                node.at,
                format!("`{path}` is {}, not a map", node.kind()),
                "write it like { zone: a }",
            );
            &[]
        }
    };
    for entry in entries {
        let value = match &entry.node.tree {
            Tree::Text(text) => text.clone(),
            Tree::Integer(number) => number.to_string(),
            Tree::Bool(value) => value.to_string(),
            Tree::Null => String::new(),
            Tree::Float(_) | Tree::List(_) | Tree::Map(_) => {
                let kind = entry.node.kind();
                host.problems.add_with_hint(
                    entry.node.at,
                    format!("`{path}.{}` is {kind}, not text", entry.key),
                    "put it in quotes",
                );
                continue;
            }
        };
        labels.insert(entry.key.clone(), value);
    }
    labels
}
