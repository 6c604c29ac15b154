//! What a `build:` names, and what excludes what in it.

use super::Pass;
use crate::compose::node::Node;

impl Pass<'_> {
    pub(super) fn build(&mut self, name: &str, service: &Node, build: &Node) {
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
}
