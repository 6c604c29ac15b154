//! Services that wait for each other.

use std::collections::BTreeSet;

use super::Pass;
use crate::compose::diagnose::Problem;
use crate::compose::node::{Map, Node};
use crate::compose::source::Span;

impl Pass<'_> {
    pub(super) fn cycles(&mut self, services: &Map) {
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
                    let at = at.unwrap_or(Span::NOWHERE);
                    let hint = "take one of them out of a `depends_on:`, or out of the `links:` and modes \
                                that imply one";
                    self.problems.push(Problem::new(at, message).hint(hint));
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
