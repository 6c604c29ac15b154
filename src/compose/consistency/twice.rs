//! What is said in two places, and what only one may have.

use super::Pass;
use crate::compose::diagnose::Problem;
use crate::compose::node::{Entry, Map, Node, Value};
use crate::compose::units;

/// `scale` is also what `deploy.replicas` says, when there is a `deploy`.
pub fn align(model: &mut Node) {
    let Some(services) = model.get_mut("services").and_then(Node::as_map_mut) else {
        return;
    };
    for service in services.values_mut() {
        let scale = service.node.get("scale").cloned();
        let deploy = service.node.get_mut("deploy").and_then(Node::as_map_mut);
        if let (Some(scale), Some(deploy)) = (scale, deploy) {
            deploy.or_insert_with("replicas", || Entry::made(scale));
        }
    }
}

/// A key, the path that says the same, and how both are compared.
type Twice = (
    &'static str,
    &'static [&'static str],
    fn(&Node) -> Option<i64>,
);

impl Pass<'_> {
    /// The same thing said in two places must be the same.
    pub(super) fn twice(&mut self, name: &str, service: &Node) {
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
                let problem = Problem::new(one.at, message)
                    .also(at, "the other")
                    .hint("write the same in both, or leave one of them out");
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
            let problem = Problem::new(container.at, message)
                .hint("leave out `container_name`, or run one replica");
            let problem = match replicas {
                Some(replicas) => problem.also(replicas.at, "the number of replicas"),
                None => problem,
            };
            self.problems.push(problem);
        }
    }

    pub(super) fn containers(&mut self, services: &Map) {
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
                let problem = Problem::new(node.at, message)
                    .also(other.at, "the other")
                    .hint("give one of them another name, or leave `container_name` out");
                self.problems.push(problem);
            }
            taken.push((container, node));
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
