//! Two sides of one project, brought to a form in which what is the same is equal.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde_json::{Map, Value, json};

use super::compose::Made;
use crate::support::{NAME, Project};

/// A value that is not the same on both sides.
pub struct Difference {
    path: Vec<String>,
    theirs: Option<Value>,
    ours: Option<Value>,
}

impl Difference {
    /// Whether the path fits a pattern of `listed.rs`, or goes on below one.
    pub fn is_at(&self, pattern: &[&str]) -> bool {
        let fits = |part: &String, pattern: &&str| match pattern.strip_suffix('*') {
            Some(start) => part.starts_with(start),
            None => part == pattern,
        };
        self.path.len() >= pattern.len() && pattern.iter().zip(&self.path).all(|(a, b)| fits(b, a))
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let side = |value: &Option<Value>| {
            value
                .as_ref()
                .map_or("nothing".to_owned(), ToString::to_string)
        };
        write!(
            f,
            "{}: Compose {}, webpods {}",
            self.path.join(" "),
            side(&self.theirs),
            side(&self.ours)
        )
    }
}

/// Everything that differs. `text` is the Compose file: addresses that it does not name were chosen
/// by the engine.
pub fn differences(project: &Project, text: &str, theirs: Made, ours: Made) -> Vec<Difference> {
    let flat = |made: Made| {
        let mut leaves = BTreeMap::new();
        for (kind, list) in made {
            for (name, value) in list {
                let value = canonical(project, text, value);
                flatten(&value, &mut vec![kind.to_owned(), name], &mut leaves);
            }
        }
        leaves
    };
    let (theirs, ours) = (flat(theirs), flat(ours));
    let paths: BTreeSet<_> = theirs.keys().chain(ours.keys()).collect();
    paths
        .into_iter()
        .filter(|path| theirs.get(*path) != ours.get(*path))
        .map(|path| Difference {
            path: path.clone(),
            theirs: theirs.get(path).cloned(),
            ours: ours.get(path).cloned(),
        })
        .collect()
}

/// Nothing, an empty list and an empty text are the same to the engine.
fn flatten(value: &Value, path: &mut Vec<String>, leaves: &mut BTreeMap<Vec<String>, Value>) {
    let below = |key: String, value: &Value, path: &mut Vec<String>, leaves: &mut _| {
        path.push(key);
        flatten(value, path, leaves);
        path.pop();
    };
    match value {
        Value::Null => {}
        Value::String(text) if text.is_empty() => {}
        Value::Object(map) => {
            for (key, value) in map {
                below(key.clone(), value, path, leaves);
            }
        }
        Value::Array(items) => {
            for (index, value) in items.iter().enumerate() {
                below(index.to_string(), value, path, leaves);
            }
        }
        value => drop(leaves.insert(path.clone(), value.clone())),
    }
}

fn canonical(project: &Project, text: &str, mut value: Value) -> Value {
    // Docker Compose's own maps give these lists another order in every run.
    keyed(&mut value, "/Config/Env", |item| before(item, '='));
    keyed(&mut value, "/HostConfig/Binds", |item| {
        item.as_str()?.split(':').nth(1).map(str::to_owned)
    });
    keyed(&mut value, "/HostConfig/Mounts", |item| {
        field(item, "Target")
    });
    keyed(&mut value, "/HostConfig/Ulimits", |item| {
        field(item, "Name")
    });
    keyed(&mut value, "/HostConfig/ExtraHosts", |item| {
        before(item, '\0')
    });
    keyed(&mut value, "/Mounts", |item| field(item, "Destination"));
    let networks = value.pointer_mut("/NetworkSettings/Networks");
    for network in networks
        .and_then(Value::as_object_mut)
        .into_iter()
        .flatten()
    {
        keyed(network.1, "/DNSNames", |item| before(item, '\0'));
    }
    let exposed = value.pointer_mut("/Config/ExposedPorts");
    for (_, port) in exposed.and_then(Value::as_object_mut).into_iter().flatten() {
        *port = json!(true);
    }
    // The file's own are in `PortBindings`; these may be of its choice.
    let ports = value.pointer_mut("/NetworkSettings/Ports");
    for (_, bindings) in ports.and_then(Value::as_object_mut).into_iter().flatten() {
        for binding in bindings.as_array_mut().into_iter().flatten() {
            binding["HostPort"] = Value::Null;
        }
    }
    let id = field(&value, "Id").filter(|_| value.get("HostConfig").is_some());
    same_names(project, id.as_deref(), text, "", &mut value);
    if id.is_some() {
        for key in [
            "Id",
            "HostnamePath",
            "HostsPath",
            "LogPath",
            "ResolvConfPath",
            "GraphDriver",
        ] {
            value[key] = Value::Null;
        }
    }
    value
}

/// The list at `pointer` as a mapping.
fn keyed(value: &mut Value, pointer: &str, key: impl Fn(&Value) -> Option<String>) {
    let Some(list) = value.pointer_mut(pointer) else {
        return;
    };
    let Some(items) = list.as_array() else { return };
    let map: Map<String, Value> = items
        .iter()
        .map(|item| (key(item).unwrap_or_else(|| item.to_string()), item.clone()))
        .collect();
    *list = json!(map);
}

fn before(item: &Value, end: char) -> Option<String> {
    item.as_str()?.split(end).next().map(str::to_owned)
}

fn field(item: &Value, name: &str) -> Option<String> {
    item[name].as_str().map(str::to_owned)
}

/// Keys of addresses that the engine gives when the file does not.
const CHOSEN: [&str; 7] = [
    "Gateway",
    "GlobalIPv6Address",
    "IPAddress",
    "IPv6Gateway",
    "LinkLocalIPv6Address",
    "MacAddress",
    "Subnet",
];

/// Takes out of texts and keys what can only differ: webpods' prefix of names, the container's
/// identifier, names of anonymous volumes, addresses that the file does not name.
fn same_names(project: &Project, id: Option<&str>, text: &str, key: &str, value: &mut Value) {
    let rename = |old: &str| {
        let mut new = old
            .replace(
                &format!("{NAME}--{}--", project.name),
                &format!("{}_", project.name),
            )
            .replace(&format!("{NAME}-{}", project.name), &project.name);
        if let Some(id) = id {
            new = new.replace(id, "<id>").replace(&id[..12], "<id>");
        }
        new
    };
    match value {
        Value::String(chosen)
            if CHOSEN.contains(&key) && !chosen.is_empty() && !text.contains(chosen.as_str()) =>
        {
            "<the engine's>".clone_into(chosen);
        }
        // How wide the engine's own networks are depends on how many there are, and whether a health
        // check is on its way changes from moment to moment.
        value if matches!(key, "IPPrefixLen" | "ExecIDs") => *value = Value::Null,
        Value::String(old) => {
            let new = rename(old);
            let anonymous =
                |part: &str| part.len() == 64 && part.bytes().all(|byte| byte.is_ascii_hexdigit());
            let volume = matches!(key, "Name" | "Source") && new.split('/').any(anonymous);
            *old = if volume {
                "<anonymous>".to_owned()
            } else {
                new
            };
        }
        Value::Array(items) => {
            for item in items {
                same_names(project, id, text, key, item);
            }
        }
        Value::Object(map) => {
            let entries = std::mem::take(map);
            for (key, mut value) in entries {
                let key = rename(&key);
                same_names(project, id, text, &key, &mut value);
                map.insert(key, value);
            }
        }
        _ => {}
    }
}
