//! Rules between parts of the model: what refers to what, what excludes what.

use std::collections::BTreeSet;

use super::diagnose::{Checked, Problem};
use super::environment::truth;
use super::node::{Map, Node, Value};
use super::units;

/// Checks a normalised model; `disabled` services exist but take no part.
pub fn run(model: &Node, disabled: &Map) -> Checked<()> {
    let mut pass = Pass {
        model,
        disabled,
        problems: Vec::new(),
    };
    if let Some(services) = model.get("services").and_then(Node::as_map) {
        for (name, entry) in services {
            pass.service(name, &entry.node);
        }
        pass.cycles(services);
    }
    pass.secrets();
    if pass.problems.is_empty() {
        Ok(())
    } else {
        Err(pass.problems)
    }
}

/// No two services that take part have one container name.
pub fn container_names(model: &Node) -> Checked<()> {
    let mut pass = Pass {
        model,
        disabled: &Map::new(),
        problems: Vec::new(),
    };
    if let Some(services) = model.get("services").and_then(Node::as_map) {
        pass.containers(services);
    }
    if pass.problems.is_empty() {
        Ok(())
    } else {
        Err(pass.problems)
    }
}

/// `scale` is also what `deploy.replicas` says, when there is a `deploy`.
pub fn align(model: &mut Node) {
    let Some(services) = model.get_mut("services").and_then(Node::as_map_mut) else {
        return;
    };
    for service in services.values_mut() {
        let scale = service.node.get("scale").cloned();
        let deploy = service.node.get_mut("deploy").and_then(Node::as_map_mut);
        if let (Some(scale), Some(deploy)) = (scale, deploy) {
            deploy
                .entry("replicas".to_owned())
                .or_insert_with(|| super::node::Entry::made(scale));
        }
    }
}

/// A key, the path that says the same, and how both are compared.
type Twice = (
    &'static str,
    &'static [&'static str],
    fn(&Node) -> Option<i64>,
);

struct Pass<'a> {
    model: &'a Node,
    disabled: &'a Map,
    problems: Vec<Problem>,
}

impl Pass<'_> {
    fn say(&mut self, node: &Node, message: String) {
        self.problems.push(Problem::new(node.at, message));
    }

    fn has(&self, section: &str, key: &str) -> bool {
        self.model
            .get(section)
            .and_then(|map| map.get(key))
            .is_some()
    }

    fn unknown(&mut self, at: &Node, service: &str, kind: &str, section: &str, key: &str) {
        let keys = self.model.get(section).and_then(Node::as_map);
        let near = keys
            .and_then(|keys| crate::error::near_miss(key, keys.keys().map(String::as_str)))
            .map_or(String::new(), |near| format!("; did you mean `{near}`?"));
        let key = key.escape_debug();
        let message = format!("services.{service}: there is no {kind} `{key}`{near}");
        let hint = format!("add `{key}` to the top-level `{section}:`");
        self.problems.push(Problem::new(at.at, message).hint(hint));
    }

    fn service(&mut self, name: &str, service: &Node) {
        let text = |key: &str| service.get(key).and_then(Node::as_str);
        let has_image = text("image").is_some_and(|image| !image.is_empty());
        if !has_image && service.get("build").is_none() && service.get("provider").is_none() {
            let message = format!("services.{name}: neither `image` nor `build` says what to run");
            self.say(service, message);
        }
        if let Some(build) = service.get("build") {
            self.build(name, service, build);
        }
        self.networks(name, service);
        self.health(name, service);
        self.dependencies(name, service);
        self.references(name, service);
        self.twice(name, service);
        self.develop(name, service);
    }

    /// A secret that is not external comes from somewhere.
    fn secrets(&mut self) {
        let secrets = self.model.get("secrets").and_then(Node::as_map);
        for (name, entry) in secrets.into_iter().flatten() {
            let says = |key: &str| entry.node.get(key).and_then(Node::as_str);
            let external = entry.node.get("external").and_then(truth) == Some(true);
            let source = says("file").or_else(|| says("environment"));
            if !external && source.is_none_or(str::is_empty) {
                let message = format!("secrets.{name}: neither `file` nor `environment` is set");
                self.problems.push(Problem::new(entry.key_at, message));
            }
        }
    }

    fn build(&mut self, name: &str, service: &Node, build: &Node) {
        if build.get("dockerfile").is_some()
            && let Some(inline) = build.get("dockerfile_inline")
        {
            let message = format!(
                "services.{name}.build: `dockerfile` and `dockerfile_inline` exclude each other"
            );
            self.say(inline, message);
        }
        let platform = service
            .get("platform")
            .and_then(Node::as_str)
            .unwrap_or_default();
        if let Some(platforms) = build.get("platforms").and_then(Node::as_list)
            && !platform.is_empty()
            && !platforms.is_empty()
            && !platforms.iter().any(|one| one.as_str() == Some(platform))
        {
            let message = format!("services.{name}: `build.platforms` does not have `{platform}`");
            self.say(service, message);
        }
        for secret in build
            .get("secrets")
            .and_then(Node::as_list)
            .unwrap_or_default()
        {
            let source = secret
                .get("source")
                .and_then(Node::as_str)
                .unwrap_or_default();
            if !self.has("secrets", source) {
                self.unknown(secret, name, "secret", "secrets", source);
            }
        }
        let contexts = build.get("additional_contexts").and_then(Node::as_map);
        for (_, entry) in contexts.into_iter().flatten() {
            if let Some(other) = entry
                .node
                .as_str()
                .and_then(|text| text.strip_prefix("service:"))
                && !self.has("services", other)
                && !self.disabled.contains_key(other)
            {
                self.unknown(&entry.node, name, "service", "services", other);
            } else if let Some(other) = entry
                .node
                .as_str()
                .and_then(|text| text.strip_prefix("service:"))
                && let Some(service) = self.model.find(&["services", other])
                && service.get("build").is_none()
            {
                let message = format!(
                    "services.{name}.build: `{other}` has no `build:` and cannot be a context"
                );
                self.say(&entry.node, message);
            }
        }
    }

    fn networks(&mut self, name: &str, service: &Node) {
        let networks = service.get("networks").and_then(Node::as_map);
        let mode = service
            .get("network_mode")
            .and_then(Node::as_str)
            .unwrap_or_default();
        if !mode.is_empty()
            && let Some(networks) = service.get("networks")
            && networks.as_map().is_some_and(|map| !map.is_empty())
        {
            let message =
                format!("services.{name}: `network_mode` and `networks` exclude each other");
            self.say(networks, message);
        }
        for (key, entry) in networks.into_iter().flatten() {
            if !self.has("networks", key) {
                let at = Node::new(Value::Null, entry.key_at);
                self.unknown(&at, name, "network", "networks", key);
            }
        }
        if let Some(other) = mode.strip_prefix("service:")
            && !self.has("services", other)
            && let Some(node) = service.get("network_mode")
        {
            self.unknown(node, name, "service", "services", other);
        }
    }

    fn health(&mut self, name: &str, service: &Node) {
        let test = service.find(&["healthcheck", "test"]);
        if let Some(test) = test
            && let Some(first) = test.as_list().and_then(<[Node]>::first)
            && !matches!(first.as_str(), Some("CMD" | "CMD-SHELL" | "NONE"))
        {
            let message = format!(
                "services.{name}.healthcheck.test: a list starts with `CMD`, `CMD-SHELL` or `NONE`"
            );
            self.say(test, message);
        }
    }

    fn dependencies(&mut self, name: &str, service: &Node) {
        let depends_on = service.get("depends_on").and_then(Node::as_map);
        for (other, entry) in depends_on.into_iter().flatten() {
            if self.has("services", other) {
                continue;
            }
            if let Some(disabled) = self.disabled.get(other) {
                if entry.node.get("required").and_then(truth) == Some(false) {
                    continue;
                }
                let message =
                    format!("services.{name}: depends on `{other}`, whose profiles are not active");
                let hint = "activate it with `--profile`, or write `required: false`";
                let problem = Problem::new(entry.key_at, message).hint(hint);
                self.problems
                    .push(problem.also(disabled.key_at, "this service"));
                continue;
            }
            let at = Node::new(Value::Null, entry.key_at);
            self.unknown(&at, name, "service", "services", other);
        }
    }

    fn references(&mut self, name: &str, service: &Node) {
        for volume in service
            .get("volumes")
            .and_then(Node::as_list)
            .unwrap_or_default()
        {
            let source = volume
                .get("source")
                .and_then(Node::as_str)
                .unwrap_or_default();
            let kind = volume.get("type").and_then(Node::as_str);
            if kind == Some("volume") && !source.is_empty() && !self.has("volumes", source) {
                self.unknown(volume, name, "volume", "volumes", source);
            }
        }
        for (section, kind) in [("configs", "config"), ("secrets", "secret")] {
            for item in service
                .get(section)
                .and_then(Node::as_list)
                .unwrap_or_default()
            {
                let source = item
                    .get("source")
                    .and_then(Node::as_str)
                    .unwrap_or_default();
                if !self.has(section, source) {
                    self.unknown(item, name, kind, section, source);
                }
            }
        }
        let models = service.get("models").and_then(Node::as_map);
        for (key, entry) in models.into_iter().flatten() {
            if !self.has("models", key) {
                let at = Node::new(Value::Null, entry.key_at);
                self.unknown(&at, name, "model", "models", key);
            }
        }
    }

    /// The same thing said in two places must be the same.
    fn twice(&mut self, name: &str, service: &Node) {
        let pairs: [Twice; 5] = [
            ("scale", &["deploy", "replicas"], whole),
            ("cpus", &["deploy", "resources", "limits", "cpus"], cpus),
            (
                "mem_limit",
                &["deploy", "resources", "limits", "memory"],
                size,
            ),
            (
                "mem_reservation",
                &["deploy", "resources", "reservations", "memory"],
                size,
            ),
            (
                "pids_limit",
                &["deploy", "resources", "limits", "pids"],
                whole,
            ),
        ];
        for (key, other, read) in pairs {
            let Some(one) = service.get(key) else {
                continue;
            };
            // A part of `deploy:` that is there says something about each of its keys.
            let (_, part) = other.split_last().unwrap_or((&"", &[]));
            let Some(part) = service.find(part) else {
                continue;
            };
            let two = service.find(other);
            let differ = match (read(one), two) {
                (Some(a), Some(two)) => read(two).is_some_and(|b| a != b),
                (Some(_), None) => key != "scale",
                (None, _) => false,
            };
            if differ && (key == "scale" || read(one) != Some(0)) {
                let place = other.join(".");
                let message = match two {
                    Some(_) => format!("services.{name}: `{key}` and `{place}` differ"),
                    None => format!(
                        "services.{name}: `{key}` needs the same value in `{place}`, because that \
                         section is there"
                    ),
                };
                let at = two.unwrap_or(part).at;
                let problem = Problem::new(one.at, message).also(at, "the other");
                self.problems.push(problem);
            }
        }
        for place in [&["scale"][..], &["deploy", "replicas"]] {
            if let Some(node) = service.find(place)
                && whole(node).is_some_and(|count| count < 0)
            {
                let message = format!("services.{name}.{}: must be 0 or more", place.join("."));
                self.say(node, message);
            }
        }
        let replicas = service
            .get("scale")
            .or_else(|| service.find(&["deploy", "replicas"]));
        if let Some(container) = service.get("container_name")
            && container.as_str().is_some_and(|text| !text.is_empty())
            && replicas.and_then(whole).is_some_and(|count| count > 1)
        {
            let message =
                format!("services.{name}: more than one replica cannot share a `container_name`");
            self.say(container, message);
        }
    }

    fn containers(&mut self, services: &Map) {
        let mut taken: Vec<(&str, &Node)> = Vec::new();
        for (name, entry) in services {
            let Some(node) = entry.node.get("container_name") else {
                continue;
            };
            let Some(container) = node.as_str().filter(|text| !text.is_empty()) else {
                continue;
            };
            if let Some((_, other)) = taken.iter().find(|(known, _)| *known == container) {
                let message =
                    format!("services.{name}: another service has this `container_name` too");
                let problem = Problem::new(node.at, message).also(other.at, "the other");
                self.problems.push(problem);
            }
            taken.push((container, node));
        }
    }

    fn develop(&mut self, name: &str, service: &Node) {
        let watches = service.find(&["develop", "watch"]).and_then(Node::as_list);
        for watch in watches.unwrap_or_default() {
            let text = |key: &str| watch.get(key).and_then(Node::as_str).unwrap_or_default();
            let action = text("action");
            if action.starts_with("sync") && text("target").is_empty() {
                let message = format!("services.{name}.develop.watch: `{action}` needs a `target`");
                self.say(watch, message);
            }
        }
    }

    fn cycles(&mut self, services: &Map) {
        let mut done: BTreeSet<&str> = BTreeSet::new();
        for start in services.keys() {
            // A depth-first walk with its own stack: projects may have thousands of services.
            let mut stack: Vec<(&str, Vec<&str>)> = Vec::new();
            let next = |name: &str| -> Vec<&str> {
                let depends_on = services
                    .get(name)
                    .and_then(|entry| entry.node.get("depends_on"))
                    .and_then(Node::as_map);
                depends_on
                    .into_iter()
                    .flatten()
                    .map(|(name, _)| name.as_str())
                    .collect()
            };
            if done.contains(start.as_str()) {
                continue;
            }
            stack.push((start, next(start)));
            while let Some((name, rest)) = stack.last_mut() {
                let Some(other) = rest.pop() else {
                    done.insert(name);
                    stack.pop();
                    continue;
                };
                if let Some(at) = stack.iter().position(|(name, _)| *name == other) {
                    let mut circle: Vec<&str> = stack[at..].iter().map(|(name, _)| *name).collect();
                    circle.push(other);
                    let message = format!(
                        "services depend on each other in a circle: {}",
                        circle.join(" → ")
                    );
                    let at = services.get(other).map(|entry| entry.key_at);
                    let at = at.unwrap_or(super::source::Span::NOWHERE);
                    self.problems.push(Problem::new(at, message));
                    return;
                }
                if services.contains_key(other) && !done.contains(other) {
                    let next = next(other);
                    stack.push((other, next));
                }
            }
        }
    }
}

fn whole(node: &Node) -> Option<i64> {
    node.scalar_text()?.parse().ok()
}

/// A number of CPUs in the 32 bits that Compose holds it in, as their bits.
fn cpus(node: &Node) -> Option<i64> {
    let value: f32 = node.scalar_text()?.parse().ok()?;
    Some(i64::from(value.abs().to_bits()))
}

fn size(node: &Node) -> Option<i64> {
    match &node.value {
        Value::Int(bytes) => Some(*bytes),
        _ => units::bytes(&node.scalar_text()?).ok(),
    }
}
