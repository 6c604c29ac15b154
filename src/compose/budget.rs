//! Keeps a project within memory: short text can stand for millions of values, by aliases, by
//! ranges of ports, by variables and by services that extend each other.

use super::diagnose::{Checked, fail};
use super::node::{Node, Value};
use super::ports;
use super::source::Span;

/// Most values of a project once everything is written out (64 bytes of text count as one): more
/// than all ports there are, in 200 MB.
pub const MOST_VALUES: usize = 420_000;
/// Most ports of all services together: every port once, and some.
const MOST_PORTS: usize = 70_000;

/// Most text that variables may make, in bytes: as much as that many values are.
pub const MOST_TEXT: usize = MOST_VALUES * 64;
/// Most variables of env files and of what they are laid over, weighed like values.
pub const MOST_VARIABLES: usize = 200_000;

/// Refuses ranges that together stand for too many ports, before they are written out.
pub fn ports(model: &Node) -> Checked<()> {
    let mut count = 0;
    let services = model.get("services").and_then(Node::as_map);
    for (name, entry) in services.into_iter().flatten() {
        let ports = entry.node.get("ports").and_then(Node::as_list);
        for port in ports.into_iter().flatten() {
            count += port.as_str().map_or(1, ports::count);
            if count > MOST_PORTS {
                return fail(
                    port.at,
                    format!(
                        "services.{name}.ports: with these the project has more than {MOST_PORTS} \
                         ports; write fewer, or `network_mode: host`"
                    ),
                );
            }
        }
    }
    Ok(())
}

/// Refuses a model that would not fit in memory in all its forms.
pub fn values(model: &Node) -> Checked<()> {
    if weight(model) <= MOST_VALUES {
        return Ok(());
    }
    too_many(model.at)
}

/// Gives up at the value that is one too many.
pub fn too_many<T>(at: Span) -> Checked<T> {
    fail(
        at,
        format!(
            "the project has more than {MOST_VALUES} values; split it into several projects with \
             names of their own"
        ),
    )
}

/// How much a variable counts against [`MOST_VARIABLES`].
pub fn variable(name: &str, value: &str) -> usize {
    1 + (name.len() + value.len()) / 64
}

/// How many values a node and those below it are.
pub fn weight(node: &Node) -> usize {
    1 + match &node.value {
        Value::Str(text) => text.len() / 64,
        Value::List(items) => items.iter().map(weight).sum(),
        Value::Map(map) => map
            .iter()
            .map(|(key, entry)| key.len() / 64 + weight(&entry.node))
            .sum(),
        _ => 0,
    }
}
