//! Rules about one resource that the schema cannot express.

use super::diagnose::{Checked, Problem, all_right};
use super::node::Node;

/// Checks the merged model.
pub fn run(model: &Node) -> Checked<()> {
    let mut problems = Vec::new();
    each(model, "volumes", |path, node| {
        external(path, node, &mut problems);
    });
    each(model, "configs", |path, node| {
        one_source(
            path,
            node,
            &["file", "environment", "content"],
            &mut problems,
        );
    });
    each(model, "secrets", |path, node| {
        one_source(path, node, &["file", "environment"], &mut problems);
    });
    each(model, "services", |path, node| {
        let watches = node.find(&["develop", "watch"]).and_then(Node::as_list);
        for watch in watches.unwrap_or_default() {
            if watch.get("path").and_then(Node::as_str) == Some("") {
                let message = format!("{path}.develop.watch.path: must not be empty");
                problems.push(Problem::new(watch.at, message));
            }
        }
        for port in list(node, "ports") {
            let ip = port.get("host_ip").and_then(Node::as_str);
            if let Some(ip) = ip.filter(|ip| ip.parse::<std::net::IpAddr>().is_err()) {
                let message = format!("{path}.ports: {ip:?} is not an IP address");
                problems.push(Problem::new(port.at, message));
            }
        }
        let requests = [
            node.get("gpus"),
            node.find(&["deploy", "resources", "reservations", "devices"]),
        ];
        for request in requests
            .into_iter()
            .flatten()
            .filter_map(Node::as_list)
            .flatten()
        {
            if request.get("count").is_some() && request.get("device_ids").is_some() {
                let message = format!("{path}: `count` and `device_ids` exclude each other");
                problems.push(Problem::new(request.at, message));
            }
        }
    });
    all_right(problems)
}

/// Checks what must have a path before paths are made absolute.
pub fn paths(model: &Node) -> Checked<()> {
    let mut problems = Vec::new();
    each(model, "services", |path, node| {
        for volume in list(node, "volumes") {
            let kind = volume.get("type").and_then(Node::as_str);
            if kind == Some("bind") && volume.get("source").is_none() {
                let message = format!("{path}.volumes: a bind mount needs a `source`");
                problems.push(Problem::new(volume.at, message));
            }
        }
    });
    all_right(problems)
}

fn list<'a>(node: &'a Node, key: &str) -> &'a [Node] {
    node.get(key).and_then(Node::as_list).unwrap_or_default()
}

fn each(model: &Node, section: &str, mut check: impl FnMut(&str, &Node)) {
    let Some(map) = model.get(section).and_then(Node::as_map) else {
        return;
    };
    for (name, entry) in map {
        check(&format!("{section}.{name}"), &entry.node);
    }
}

/// An external resource has a name and nothing else of its own.
fn external(path: &str, node: &Node, problems: &mut Vec<Problem>) {
    if let Some(external) = node.get("external")
        && external.as_str().is_some()
    {
        let message = format!("{path}.external: must be a boolean, not a string");
        problems.push(Problem::new(external.at, message));
    }
    if node.get("external").and_then(Node::as_bool) != Some(true) {
        return;
    }
    for (key, entry) in node.as_map().into_iter().flatten() {
        if key != "name" && key != "external" && !key.starts_with("x-") {
            let message = format!("{path}: `{key}` and `external` exclude each other");
            let problem = Problem::new(entry.key_at, message)
                .hint("what is external is made by others: only its `name` can be given");
            let external = node.get("external").map(|node| node.at);
            problems.push(match external {
                Some(at) => problem.also(at, "external here"),
                None => problem,
            });
        }
    }
}

fn one_source(path: &str, node: &Node, keys: &[&str], problems: &mut Vec<Problem>) {
    let written: Vec<&str> = keys
        .iter()
        .copied()
        .filter(|key| node.get(key).is_some())
        .collect();
    match written.as_slice() {
        [] => {
            if node.get("driver").is_none() && node.get("external").is_none() {
                let message = format!("{path}: nothing says what is in it");
                let hint = format!("set {}, or write `external: true`", either(keys, "or"));
                problems.push(Problem::new(node.at, message).hint(hint));
            }
        }
        [_] => {}
        several => {
            let message = format!("{path}: {} exclude each other", either(several, "and"));
            let mut places = several.iter().filter_map(|key| Some(node.get(key)?.at));
            let at = places.next().unwrap_or(node.at);
            let problem = Problem::new(at, message).hint("leave one of them");
            problems.push(places.fold(problem, |problem, at| problem.also(at, "the other")));
        }
    }
}

fn either(keys: &[&str], last: &str) -> String {
    let shown: Vec<String> = keys.iter().map(|key| format!("`{key}`")).collect();
    match shown.split_last() {
        Some((end, rest)) if !rest.is_empty() => format!("{} {last} {end}", rest.join(", ")),
        _ => shown.concat(),
    }
}
