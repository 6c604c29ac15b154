//! Short forms to long forms, after a document passed the schema.

use super::diagnose::{Checked, Problem, all_right, fail};
use super::mount;
use super::node::{Entry, List, Map, Node, Value};
use super::path::Path;
use super::ports;
use super::source::Span;

/// Rewrites `document` in place. `templates`: variables were not replaced, so a short form that
/// does not parse is kept as it is.
pub fn run(document: &mut Node, templates: bool) -> Checked<()> {
    let mut problems = Vec::new();
    visit(document, &Path::ROOT, templates, &mut problems);
    all_right(problems)
}

type Faults = Vec<Problem>;

fn visit(node: &mut Node, path: &Path<'_>, templates: bool, problems: &mut Faults) {
    let result = path.with(|keys| rewrite(node, keys));
    // Compose keeps what does not parse when it may hold a variable, but for limits.
    let kept = templates && !path.with(|keys| matches!(keys, [.., "ulimits", _]));
    if let Err(found) = result
        && !kept
    {
        problems.extend(found.into_iter().map(|mut problem| {
            problem.message = format!("{path}: {}", problem.message);
            problem
        }));
    }
    match &mut node.value {
        Value::Map(map) => {
            for (key, entry) in map.iter_mut() {
                visit(&mut entry.node, &path.key(key), templates, problems);
            }
        }
        Value::List(items) => {
            for item in items {
                visit(item, &path.item(), templates, problems);
            }
        }
        _ => {}
    }
}

fn rewrite(node: &mut Node, path: &[&str]) -> Checked<()> {
    match path {
        ["volumes" | "networks" | "secrets" | "configs", _] => external(node)?,
        ["services", _, rest @ ..] => match rest {
            ["build"] => wrap(node, "context"),
            ["build", "provenance" | "sbom"] => attestation(node),
            ["extends"] => wrap(node, "service"),
            ["build", "secrets", _] | ["secrets" | "configs", _] => wrap(node, "source"),
            ["build", "additional_contexts"] => contexts(node)?,
            ["build", "ssh"] => ssh(node)?,
            ["ulimits", _] | ["build", "ulimits", _] => ulimit(node)?,
            ["depends_on"] => depends_on(node),
            ["env_file"] => env_files(node),
            ["label_file" | "dns"] | ["develop", "watch", _, "ignore" | "include"] => listed(node),
            ["gpus"] => gpus(node),
            ["networks" | "models"] => names(node),
            ["volumes", _] => volume(node)?,
            ["devices", _] => device(node),
            ["ports"] => port_list(node)?,
            _ => {}
        },
        _ => {}
    }
    Ok(())
}

/// `name` as `{key: name}`.
fn wrap(node: &mut Node, key: &str) {
    if node.as_str().is_some() {
        let inner = node.clone();
        node.value = Value::Map(Map::from_iter([(key.to_owned(), Entry::made(inner))]));
    }
}

/// One string as a list.
fn listed(node: &mut Node) {
    if node.as_str().is_some() {
        let inner = node.clone();
        node.value = Value::List([inner].into());
    }
}

/// `[k=v]` as `{k: v}`.
fn contexts(node: &mut Node) -> Checked<()> {
    if let Value::Map(map) = &node.value {
        let other = map.values().filter(|entry| entry.node.as_str().is_none());
        let wrong = other.map(|entry| {
            let message = format!("a context is a string, not {}", entry.node.kind());
            Problem::new(entry.node.at, message)
        });
        return all_right(wrong.collect());
    }
    let Value::List(items) = &node.value else {
        return Ok(());
    };
    let mut map = Map::new();
    let mut problems = Vec::new();
    for item in items {
        let at = item.at;
        let text = item.as_str().unwrap_or_default();
        match text.split_once('=') {
            Some((key, value)) => {
                map.insert(key.to_owned(), entry(at, Node::string(value, at)));
            }
            None => problems.push(Problem::new(at, format!("{text:?} is not `name=context`"))),
        }
    }
    all_right(problems)?;
    node.value = Value::Map(map);
    Ok(())
}

/// `[default, id=path]` as `{default: , id: path}`.
fn ssh(node: &mut Node) -> Checked<()> {
    let Value::List(items) = &node.value else {
        return Ok(());
    };
    let mut map = Map::new();
    for item in items {
        let at = item.at;
        let text = item.as_str().unwrap_or_default();
        match text.split_once('=') {
            Some((id, path)) => map.insert(id.to_owned(), entry(at, Node::string(path, at))),
            None if text == "default" => {
                map.insert(text.to_owned(), entry(at, Node::new(Value::Null, at)))
            }
            None => {
                let message = format!("{text:?} is neither `default` nor `id=path`");
                return fail(at, message);
            }
        };
    }
    node.value = Value::Map(map);
    Ok(())
}

/// A limit is a number or a pair of them.
fn ulimit(node: &Node) -> Checked<()> {
    match &node.value {
        Value::Int(_) | Value::Map(_) => Ok(()),
        _ => {
            let message = format!("a limit is a whole number, not {}", node.kind());
            fail(node.at, message)
        }
    }
}

fn entry(key_at: Span, node: Node) -> Entry {
    Entry { key_at, node }
}

/// A list of names as a mapping without values.
fn names(node: &mut Node) {
    let Value::List(items) = &mut node.value else {
        return;
    };
    let mut map = Map::new();
    for item in std::mem::take(items) {
        let at = item.at;
        if let Value::Str(name) = item.value {
            map.insert(name, entry(at, Node::new(Value::Null, at)));
        }
    }
    node.value = Value::Map(map);
}

fn depends_on(node: &mut Node) {
    if node.as_list().is_some() {
        names(node);
    }
    let Some(map) = node.as_map_mut() else { return };
    for entry in map.values_mut() {
        let at = entry.node.at;
        if entry.node.is_null() {
            let condition = Entry::made(Node::string("service_started", at));
            entry.node.value = Value::Map(Map::from_iter([("condition".to_owned(), condition)]));
        }
        if let Some(dependency) = entry.node.as_map_mut() {
            // Only a service that is extended comes here without one: the schema wants it.
            dependency.or_insert_with("condition", || {
                Entry::made(Node::string("service_started", at))
            });
            dependency.or_insert_with("required", || Entry::made(Node::new(Value::Bool(true), at)));
        }
    }
}

fn env_files(node: &mut Node) {
    listed(node);
    let Value::List(items) = &mut node.value else {
        return;
    };
    for item in items {
        let at = item.at;
        wrap(item, "path");
        if let Some(map) = item.as_map_mut() {
            map.or_insert_with("required", || Entry::made(Node::new(Value::Bool(true), at)));
        }
    }
}

fn gpus(node: &mut Node) {
    let at = node.at;
    if node.as_str() == Some("all") {
        let count = Entry::made(Node::string("all", at));
        let all = Node::mapping(Map::from_iter([("count".to_owned(), count)]), at);
        node.value = Value::List([all].into());
    }
}

fn volume(node: &mut Node) -> Checked<()> {
    let at = node.at;
    if let Value::Str(spec) = &node.value {
        let short = spec.len() <= 2;
        let mount = mount::parse(spec).or_else(|message| fail(at, message))?;
        node.value = Value::Map(long_volume(&mount, short, at));
    }
    Ok(())
}

fn long_volume(mount: &mount::Mount, short: bool, at: Span) -> Map {
    let string = |text: &str| Entry::made(Node::string(text, at));
    let yes = || Entry::made(Node::new(Value::Bool(true), at));
    let mut map = Map::new();
    let kind = if mount.is_bind() { "bind" } else { "volume" };
    map.insert("type".to_owned(), string(kind));
    if let Some(source) = &mount.source {
        map.insert("source".to_owned(), string(source));
    }
    map.insert(
        "target".to_owned(),
        string(&super::paths::clean(&mount.target)),
    );
    if mount.read_only {
        map.insert("read_only".to_owned(), yes());
    }
    let mut bind = Map::new();
    if let Some(selinux) = &mount.selinux {
        bind.insert("selinux".to_owned(), string(selinux));
    }
    if let Some(propagation) = &mount.propagation {
        bind.insert("propagation".to_owned(), string(propagation));
    }
    if mount.is_bind() {
        bind.insert("create_host_path".to_owned(), yes());
    }
    let mut volume = Map::new();
    if mount.nocopy {
        volume.insert("nocopy".to_owned(), yes());
    }
    if mount.is_bind() || !bind.is_empty() {
        map.insert("bind".to_owned(), Entry::made(Node::mapping(bind, at)));
    }
    if !volume.is_empty() || !mount.is_bind() && !short {
        map.insert("volume".to_owned(), Entry::made(Node::mapping(volume, at)));
    }
    map
}

/// What says whether, or how, an image is attested is text.
fn attestation(node: &mut Node) {
    if let Some(wanted) = node.as_bool() {
        node.value = Value::Str(wanted.to_string().into());
    }
}

fn device(node: &mut Node) {
    let at = node.at;
    let Value::Str(spec) = &node.value else {
        return;
    };
    let mut fields = spec.splitn(3, ':');
    let source = fields.next().unwrap_or_default();
    let target = fields.next().unwrap_or(source);
    let permissions = fields.next().unwrap_or("rwm");
    let field = |key: &str, text: &str| (key.to_owned(), Entry::made(Node::string(text, at)));
    node.value = Value::Map(Map::from_iter([
        field("source", source),
        field("target", target),
        field("permissions", permissions),
    ]));
}

fn port_list(node: &mut Node) -> Checked<()> {
    let Value::List(items) = &node.value else {
        return Ok(());
    };
    let mut long = List::with_capacity(items.len());
    let mut problems = Vec::new();
    for item in items {
        let at = item.at;
        let spec = match &item.value {
            Value::Str(spec) => spec.clone(),
            Value::Int(port) => port.to_string().into(),
            Value::Map(_) => {
                let mut item = item.clone();
                for (key, value) in [("protocol", "tcp"), ("mode", "ingress")] {
                    if let Some(map) = item.as_map_mut() {
                        map.or_insert_with(key, || Entry::made(Node::string(value, at)));
                    }
                }
                long.push(item);
                continue;
            }
            _ => {
                problems.push(Problem::new(
                    at,
                    format!("a port cannot be {}", item.kind()),
                ));
                continue;
            }
        };
        match ports::parse(&spec) {
            Ok(ports) => long.extend(ports.iter().map(|port| long_port(port, at))),
            Err(message) => problems.push(Problem::new(at, message)),
        }
    }
    all_right(problems)?;
    node.value = Value::List(long);
    Ok(())
}

fn long_port(port: &ports::Port, at: Span) -> Node {
    let mut map = Map::new();
    let mut add = |key: &str, value: Value| {
        map.insert(key.to_owned(), Entry::made(Node::new(value, at)));
    };
    add("mode", Value::Str("ingress".into()));
    if let Some(ip) = &port.host_ip {
        add("host_ip", Value::Str(ip.as_str().into()));
    }
    add("target", Value::Int(i64::from(port.target)));
    if let Some(published) = &port.published {
        add("published", Value::Str(published.as_str().into()));
    }
    add("protocol", Value::Str(port.protocol.as_str().into()));
    Node::mapping(map, at)
}

/// `external: {name: x}`, the old way, as `external: true` and `name: x`.
fn external(node: &mut Node) -> Checked<()> {
    let Some(map) = node.as_map_mut() else {
        return Ok(());
    };
    let Some(entry) = map.get_mut("external") else {
        return Ok(());
    };
    let at = entry.node.at;
    let Some(old) = entry.node.as_map() else {
        return Ok(());
    };
    let name = old.get("name").map(|entry| entry.node.clone());
    entry.node.value = Value::Bool(true);
    if let Some(name) = name {
        if let Some(other) = map.get("name") {
            if other.node != name {
                let message = "`name` and `external.name` differ; use only `name`";
                return Err(vec![
                    Problem::new(at, message).also(other.node.at, "the other name"),
                ]);
            }
        } else {
            map.insert("name".to_owned(), Entry::made(name));
        }
    }
    Ok(())
}
