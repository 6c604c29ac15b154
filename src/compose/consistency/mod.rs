//! Rules between parts of the model: what refers to what, what excludes what.
//!
//! In: the normalised model, and the services that exist but take no part. Out: nothing, or every
//! rule that is broken with its place.

mod build;
mod cycles;
mod references;
mod twice;

use super::diagnose::{Checked, Problem, all_right};
use super::environment::truth;
use super::node::{Entry, Map, Node, Text};
use super::problems::Problems;
pub use twice::align;

/// Checks a normalised model; `disabled` services exist but take no part. What is missing only
/// because of a problem in `earlier` is not told.
pub fn run(model: &Node, disabled: &Map, earlier: &Problems) -> Checked<()> {
    let mut pass = Pass {
        model,
        disabled,
        earlier,
        problems: Vec::new(),
    };
    if let Some(services) = model.get("services").and_then(Node::as_map) {
        for (name, entry) in services {
            pass.service(name, entry);
        }
        pass.cycles(services);
    }
    pass.secrets();
    all_right(pass.problems)
}

/// No two services that take part have one container name.
pub fn container_names(model: &Node) -> Checked<()> {
    let mut pass = Pass {
        model,
        disabled: &Map::new(),
        earlier: &Problems::default(),
        problems: Vec::new(),
    };
    if let Some(services) = model.get("services").and_then(Node::as_map) {
        pass.containers(services);
    }
    all_right(pass.problems)
}

struct Pass<'a> {
    model: &'a Node,
    disabled: &'a Map,
    earlier: &'a Problems,
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
        let written = self.model.get(section).filter(|node| !node.is_null());
        let keys = written.and_then(Node::as_map);
        // A section that is no mapping, or a file that could not be read, may well have it.
        if self.earlier.incomplete || written.is_some() && keys.is_none() {
            return;
        }
        // Every name is compared with every other: only for what is shown, and some.
        let near = keys
            .filter(|_| self.problems.len() < 100)
            .and_then(|keys| crate::error::near_miss(key, keys.keys().map(Text::as_str)))
            .map_or(String::new(), |near| format!("; did you mean `{near}`?"));
        let key = key.escape_debug();
        let message = format!("services.{service}: there is no {kind} `{key}`{near}");
        let path = if section == "volumes" {
            format!("; a folder of the host is `./{key}`")
        } else {
            String::new()
        };
        let hint =
            format!("add `{key}` to the top-level `{section}:`, or correct the name here{path}");
        self.problems.push(Problem::new(at.at, message).hint(hint));
    }

    fn service(&mut self, name: &str, entry: &Entry) {
        let service = &entry.node;
        self.runs_something(name, entry);
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

    fn runs_something(&mut self, name: &str, entry: &Entry) {
        let service = &entry.node;
        // The schema has said that it is no mapping.
        if service.as_map().is_none() && !self.earlier.is_empty() {
            return;
        }
        let image = service.get("image");
        let has_image = image.is_some_and(|image| image.as_str() != Some(""));
        // What it extends could not be read, and may have one.
        let extends = !self.earlier.is_empty() && service.get("extends").is_some();
        let others = ["build", "provider"];
        if has_image || extends || others.iter().any(|key| service.get(key).is_some()) {
            return;
        }
        let message = format!("services.{name}: neither `image` nor `build` says what to run");
        let at = match service.as_map() {
            Some(map) if map.is_empty() => service.at,
            _ => entry.key_at,
        };
        let problem = Problem::new(at, message).hint(format!(
            "add `image: …` or `build: .` to `{name}`; if a file that is laid over this one adds \
             to a service, the names must be the same"
        ));
        self.problems.push(problem);
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
                self.problems.push(Problem::new(entry.node.at, message));
            }
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
}
