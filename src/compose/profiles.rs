//! Which services take part: profiles, the services asked for, and what those use.

use std::collections::{BTreeSet, VecDeque};

use super::diagnose::{Checked, Problem};
use super::environment::{Variables, truth};
use super::node::{Entry, Map, Node, Text};
use super::source::Span;

/// The active profiles: those that were `given`, or what `COMPOSE_PROFILES` lists.
pub fn active(given: &[String], environment: &Variables) -> Vec<String> {
    if !given.is_empty() {
        return given.to_vec();
    }
    let listed = environment
        .get("COMPOSE_PROFILES")
        .map_or("", String::as_str);
    listed
        .split(',')
        .map(str::trim)
        .filter(|profile| !profile.is_empty())
        .map(str::to_owned)
        .collect()
}

/// Every profile a service of `model` names, sorted.
pub fn names(model: &Node) -> Vec<String> {
    let services = model.get("services").and_then(Node::as_map);
    let mut names: Vec<String> = services
        .into_iter()
        .flatten()
        .flat_map(|(_, entry)| texts(&entry.node))
        .map(str::to_owned)
        .collect();
    names.sort();
    names.dedup();
    names
}

/// Takes the services out of `model` whose profiles are not active, and returns them.
pub fn disable(model: &mut Node, active: &[String]) -> Map {
    let mut disabled = Map::new();
    let Some(services) = model.get_mut("services").and_then(Node::as_map_mut) else {
        return disabled;
    };
    if services.values().all(|entry| enabled(&entry.node, active)) {
        return disabled;
    }
    for (name, entry) in std::mem::take(services) {
        let to = if enabled(&entry.node, active) {
            &mut *services
        } else {
            &mut disabled
        };
        to.insert(name, entry);
    }
    disabled
}

/// Naming a service activates its profiles, and with them every service that has one of them.
pub fn enable(model: &mut Node, disabled: &mut Map, active: &[String], wanted: &[String]) {
    let Some(services) = model.get_mut("services").and_then(Node::as_map_mut) else {
        return;
    };
    let mut active = active.to_vec();
    for name in wanted.iter().filter(|name| !services.contains_key(name)) {
        let profiles = disabled.get(name).map(|entry| texts(&entry.node));
        active.extend(profiles.into_iter().flatten().map(str::to_owned));
    }
    for (name, entry) in std::mem::take(disabled) {
        let to = if enabled(&entry.node, &active) {
            &mut *services
        } else {
            &mut *disabled
        };
        to.insert(name, entry);
    }
}

fn texts(service: &Node) -> impl Iterator<Item = &str> {
    let profiles = service.get("profiles").and_then(Node::as_list);
    profiles.unwrap_or_default().iter().filter_map(Node::as_str)
}

fn enabled(service: &Node, active: &[String]) -> bool {
    let none = service
        .get("profiles")
        .and_then(Node::as_list)
        .is_none_or(<[Node]>::is_empty);
    none || active.iter().any(|profile| profile == "*")
        || texts(service).any(|profile| active.iter().any(|one| one == profile))
}

/// Keeps the services asked for and those they depend on, and of what these depend on only the
/// services that are kept.
pub fn select(model: &mut Node, disabled: &Map, wanted: &[String]) -> Checked<()> {
    let Some(services) = model.get_mut("services").and_then(Node::as_map_mut) else {
        return Ok(());
    };
    let mut kept: BTreeSet<String> = BTreeSet::new();
    let mut queue: VecDeque<String> = wanted.iter().cloned().collect();
    while let Some(name) = queue.pop_front() {
        let Some(entry) = services.get(&name) else {
            if wanted.contains(&name) {
                let near = crate::error::near_miss(&name, services.keys().map(Text::as_str))
                    .map_or(String::new(), |near| format!("; did you mean `{near}`?"));
                let message = format!("there is no service `{}`{near}", name.escape_debug());
                let all: Vec<String> = services
                    .keys()
                    .take(8)
                    .map(|key| format!("`{key}`"))
                    .collect();
                let hint = format!("services are {}", all.join(", "));
                return Err(vec![Problem::nowhere(message).hint(hint)]);
            }
            continue;
        };
        if !kept.insert(name) {
            continue;
        }
        let depends_on = entry.node.get("depends_on").and_then(Node::as_map);
        for (name, dependency) in depends_on.into_iter().flatten() {
            if services.contains_key(name) {
                queue.push_back(name.to_string());
            } else if dependency.node.get("required").and_then(truth) != Some(false) {
                let why = if disabled.contains_key(name) {
                    ", whose profiles are not active"
                } else {
                    ", which does not exist"
                };
                let message = format!("a service that was asked for depends on `{name}`{why}");
                return Err(vec![Problem::new(dependency.key_at, message)]);
            }
        }
    }
    services.retain(|name, _| kept.contains(name.as_str()));
    for service in services.values_mut() {
        let depends_on = service.node.get_mut("depends_on");
        if let Some(depends_on) = depends_on.and_then(Node::as_map_mut) {
            depends_on.retain(|name, _| kept.contains(name.as_str()));
        }
    }
    Ok(())
}

/// Takes out networks, volumes, configs, secrets and models that no service uses, and returns them
/// by section.
pub fn drop_unused(model: &mut Node) -> Map {
    let mut unused = Map::new();
    for section in ["networks", "volumes", "configs", "secrets", "models"] {
        let used = used(model, section);
        let Some(map) = model.get_mut(section).and_then(Node::as_map_mut) else {
            continue;
        };
        let (kept, dropped) = std::mem::take(map)
            .into_iter()
            .partition(|(key, _)| used.contains(key.as_str()));
        *map = kept;
        let dropped = Entry::made(Node::mapping(dropped, Span::NOWHERE));
        unused.insert(section.to_owned(), dropped);
    }
    unused
}

fn used(model: &Node, section: &str) -> BTreeSet<String> {
    let mut used = BTreeSet::new();
    let services = model.get("services").and_then(Node::as_map);
    for service in services.into_iter().flatten().map(|(_, entry)| &entry.node) {
        if matches!(section, "networks" | "models") {
            let names = service.get(section).and_then(Node::as_map);
            used.extend(
                names
                    .into_iter()
                    .flatten()
                    .map(|(name, _)| name.to_string()),
            );
            continue;
        }
        let mut lists = vec![service.get(section)];
        if section == "secrets" {
            lists.push(service.find(&["build", "secrets"]));
        }
        for item in lists
            .into_iter()
            .flatten()
            .filter_map(Node::as_list)
            .flatten()
        {
            let kind = item.get("type").and_then(Node::as_str);
            if section == "volumes" && kind != Some("volume") {
                continue;
            }
            if let Some(source) = item.get("source").and_then(Node::as_str) {
                used.insert(source.to_owned());
            }
        }
    }
    used
}
