//! What the model implies: the default network, names from keys, dependencies from references,
//! values from the environment.

use super::environment::{self, Variables};
use super::node::{Entry, Map, Node, Value};
use super::source::Span;

/// Completes the model of project `name`.
pub fn run(model: &mut Node, name: &str, environment: &Variables) {
    networks(model);
    if let Some(services) = model.get_mut("services").and_then(Node::as_map_mut) {
        for service in services.values_mut() {
            self::service(&mut service.node, environment);
        }
    }
    names(model, name);
}

fn made(value: Value) -> Entry {
    Entry::made(Node::new(value, Span::NOWHERE))
}

fn text(value: &str) -> Entry {
    made(Value::Str(value.into()))
}

/// A service without networks is on `default`, which exists only when something uses it.
fn networks(model: &mut Node) {
    let mut used = false;
    if let Some(services) = model.get_mut("services").and_then(Node::as_map_mut) {
        for service in services.values_mut() {
            let Some(map) = service.node.as_map_mut() else {
                continue;
            };
            if map.contains_key("provider") || map.contains_key("network_mode") {
                continue;
            }
            let written = map
                .get("networks")
                .and_then(|entry| entry.node.as_map())
                .filter(|networks| !networks.is_empty());
            if let Some(networks) = written {
                used |= networks.contains_key("default");
                continue;
            }
            used = true;
            let default = Map::from_iter([("default".to_owned(), made(Value::Null))]);
            map.insert("networks".to_owned(), made(Value::Map(default)));
        }
    }
    if !used {
        return;
    }
    if let Some(map) = model.as_map_mut() {
        let networks = map.or_insert_with("networks", || made(Value::Map(Map::new())));
        if let Some(networks) = networks.node.as_map_mut() {
            networks.or_insert_with("default", || made(Value::Null));
        }
    }
}

fn service(service: &mut Node, environment: &Variables) {
    let Some(map) = service.as_map_mut() else {
        return;
    };
    if let Some(policy) = map.get_mut("pull_policy")
        && policy.node.as_str() == Some("if_not_present")
    {
        policy.node.value = Value::Str("missing".into());
    }
    if let Some(build) = map
        .get_mut("build")
        .and_then(|entry| entry.node.as_map_mut())
    {
        build.or_insert_with("context", || text("."));
        if !build.contains_key("dockerfile_inline") {
            build.or_insert_with("dockerfile", || text("Dockerfile"));
        }
        if let Some(args) = build.get_mut("args") {
            environment::resolve(&mut args.node, environment, false);
        }
    }
    if let Some(entry) = map.get_mut("environment") {
        environment::resolve(&mut entry.node, environment, true);
    }
    if let Some(Value::List(mounts)) = map.get_mut("volumes").map(|entry| &mut entry.node.value) {
        for mount in mounts {
            if let Some(target) = mount.get_mut("target")
                && let Value::Str(path) = &mut target.value
                && !path.is_empty()
            {
                *path = super::paths::clean(path).into();
            }
        }
    }
    dependencies(map);
}

/// Links, shared namespaces and `volumes_from` imply an order.
fn dependencies(service: &mut Map) {
    let strings = |key: &str| -> Vec<String> {
        let list = service.get(key).and_then(|entry| entry.node.as_list());
        list.unwrap_or_default()
            .iter()
            .filter_map(|item| item.as_str().map(str::to_owned))
            .collect()
    };
    let mut implied: Vec<(String, bool)> = Vec::new();
    for link in strings("links") {
        let parts: Vec<&str> = link.split(':').collect();
        let name = if parts.len() == 2 {
            parts[0]
        } else {
            link.as_str()
        };
        implied.push((name.to_owned(), true));
    }
    for key in ["network_mode", "ipc", "pid", "uts", "cgroup"] {
        let mode = service.get(key).and_then(|entry| entry.node.as_str());
        if let Some(name) = mode.and_then(|mode| mode.strip_prefix("service:")) {
            implied.push((name.to_owned(), true));
        }
    }
    for from in strings("volumes_from") {
        if !from.starts_with("container:") {
            let name = from.split(':').next().unwrap_or_default();
            implied.push((name.to_owned(), false));
        }
    }
    if implied.is_empty() {
        return;
    }
    let depends_on = service.or_insert_with("depends_on", || made(Value::Map(Map::new())));
    let Some(depends_on) = depends_on.node.as_map_mut() else {
        return;
    };
    for (name, restart) in implied {
        depends_on.or_insert_with(name, || {
            made(Value::Map(Map::from_iter([
                ("condition".to_owned(), text("service_started")),
                ("restart".to_owned(), made(Value::Bool(restart))),
                ("required".to_owned(), made(Value::Bool(true))),
            ])))
        });
    }
}

/// A resource without a name is called `<project>_<key>`, an external one like its key.
fn names(model: &mut Node, project: &str) {
    for section in ["networks", "volumes", "configs", "secrets"] {
        let Some(map) = model.get_mut(section).and_then(Node::as_map_mut) else {
            continue;
        };
        for (key, entry) in map.iter_mut() {
            if entry.node.is_null() {
                entry.node.value = Value::Map(Map::new());
            }
            let external = entry
                .node
                .get("external")
                .is_some_and(|node| environment::truth(node) == Some(true));
            if let Some(resource) = entry.node.as_map_mut() {
                resource.or_insert_with("name", || {
                    if external {
                        text(key)
                    } else {
                        text(&format!("{project}_{key}"))
                    }
                });
            }
        }
    }
}
