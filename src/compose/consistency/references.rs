//! What a service names: networks, other services, volumes, configs, secrets, models.

use super::Pass;
use crate::compose::diagnose::Problem;
use crate::compose::environment::truth;
use crate::compose::node::{Node, Value};
use crate::compose::source::Span;

impl Pass<'_> {
    pub(super) fn networks(&mut self, name: &str, service: &Node) {
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
            let mut problem = Problem::new(networks.at, message);
            if let Some(mode) = service.get("network_mode") {
                problem = problem.also(mode.at, "the other");
            }
            self.problems.push(problem.hint("remove one of them"));
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

    pub(super) fn dependencies(&mut self, name: &str, service: &Node) {
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
                let profiles = disabled.node.get("profiles").and_then(Node::as_list);
                let profile = profiles.and_then(|list| list.first()?.as_str());
                let hint = format!(
                    "activate it with `--profile {}`, or write `required: false` below it",
                    profile.unwrap_or("NAME").escape_debug()
                );
                let problem = Problem::new(entry.key_at, message).hint(hint);
                self.problems
                    .push(problem.also(disabled.key_at, "this service"));
                continue;
            }
            let place = match entry.key_at {
                Span::NOWHERE => mention(service, other),
                at => at,
            };
            // `network_mode` has been looked at.
            let mode = service.get("network_mode");
            if mode.is_none_or(|mode| mode.at != place) {
                let at = Node::new(Value::Null, place);
                self.unknown(&at, name, "service", "services", other);
            }
        }
    }

    pub(super) fn references(&mut self, name: &str, service: &Node) {
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
}

/// Where `service` names the service `other`, besides in its `depends_on`.
fn mention(service: &Node, other: &str) -> Span {
    let named = |node: &Node| {
        let text = node.as_str().unwrap_or_default();
        let text = text.strip_prefix("service:").unwrap_or(text);
        text.split(':').next() == Some(other)
    };
    for key in ["network_mode", "ipc", "pid", "uts", "cgroup"] {
        if let Some(node) = service.get(key).filter(|node| named(node)) {
            return node.at;
        }
    }
    let lists = ["links", "volumes_from"].map(|key| service.get(key).and_then(Node::as_list));
    let mut items = lists.into_iter().flatten().flatten();
    items
        .find(|item| named(item))
        .map_or(Span::NOWHERE, |item| item.at)
}
