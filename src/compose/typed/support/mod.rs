//! What webpods does with every key of a Compose file, in one table: carries it out, carries it out
//! in another way than Docker Compose, or says that it does not. Nothing is ignored silently.
//!
//! In: the completed model. Out: a warning or a problem for every key that is not carried out, and
//! the page `docs/compose.md`.

mod build;
mod deploy;
mod page;
mod service;
mod sizes;
mod together;
mod top;
mod within;

use std::fmt::Write as _;

pub use page::page;

use super::super::diagnose::Problem;
use super::super::interpolate::warn;
use super::super::node::Node;

/// A key by its path below the table's own, and what is done with it. `*` is any name, `[]` an item
/// of a list. What is below a key shares its row, unless it has one of its own.
pub struct Row(&'static str, Does);

/// What is done with a key.
pub enum Does {
    /// What Docker Compose does: the field of the Engine API it becomes, or where it acts.
    Carries(&'static str),
    /// The same end by another way, since hosts may be other machines.
    Differs(&'static str),
    /// Nothing; a warning names it. Why, and what to do instead.
    Warns(&'static str),
    /// A warning when this holds for the value.
    WarnsIf(fn(&Node) -> bool, &'static str),
    /// The file is refused. Why, and what to do instead.
    Refuses(&'static str),
}

/// Rows that belong together.
pub struct Table {
    /// The heading on the page.
    title: &'static str,
    /// The path that all rows begin with, ending in a dot, or nothing.
    prefix: &'static str,
    rows: &'static [Row],
}

/// Every table, in the order of the page.
static TABLES: [&Table; 8] = [
    &service::TABLE,
    &within::TABLE,
    &within::NETWORKS,
    &within::VOLUMES,
    &deploy::TABLE,
    &build::TABLE,
    &top::TABLE,
    &top::RESOURCES,
];

/// Adds a warning or a problem for every key of the document that is not carried out.
pub fn check(document: &Node, warnings: &mut Vec<String>, problems: &mut Vec<Problem>) {
    for table in TABLES {
        let prefix: Vec<&str> = table.prefix.split_terminator('.').collect();
        visit(document, &prefix, &mut String::new(), &mut |below, at| {
            for Row(path, does) in table.rows {
                let path: Vec<&str> = path.split('.').collect();
                visit(below, &path, &mut at.to_owned(), &mut |node, at| {
                    does.judge(node, at, warnings, problems);
                });
            }
        });
    }
    let services = document.get("services").and_then(Node::as_map);
    for (name, entry) in services.into_iter().flatten() {
        sizes::warn_of_fractions(name, &entry.node, warnings);
        together::warn_of_pairs(name, &entry.node, warnings);
    }
}

impl Does {
    fn judge(
        &self,
        node: &Node,
        at: &str,
        warnings: &mut Vec<String>,
        problems: &mut Vec<Problem>,
    ) {
        if node.is_null() {
            return;
        }
        match self {
            Self::Warns(advice) => warn(warnings, format!("{at}: not carried out; {advice}")),
            Self::WarnsIf(holds, advice) if holds(node) => {
                warn(warnings, format!("{at}: {advice}{}", shown(node)));
            }
            Self::Refuses(advice) => {
                problems.push(Problem::new(node.at, format!("{at}: refused; {advice}")));
            }
            Self::Carries(_) | Self::Differs(_) | Self::WarnsIf(..) => {}
        }
    }
}

/// The value that a condition holds for, when it is a short text.
fn shown(node: &Node) -> String {
    let text = node.as_str().filter(|text| text.len() < 40);
    text.map_or_else(String::new, |text| format!(" (it is {text:?})"))
}

/// Calls `found` with every node at `path` below `node`. `at` is where `node` is.
fn visit(node: &Node, path: &[&str], at: &mut String, found: &mut dyn FnMut(&Node, &str)) {
    let Some((first, rest)) = path.split_first() else {
        return found(node, at);
    };
    let (key, list) = match first.strip_suffix("[]") {
        Some(key) => (key, true),
        None => (*first, false),
    };
    let mut below = |name: &str, node: &Node| {
        let end = at.len();
        if end > 0 {
            at.push('.');
        }
        at.push_str(name);
        let items = if list { node.as_list() } else { None };
        match items {
            None if list => {}
            None => visit(node, rest, at, found),
            Some(items) => {
                for (index, item) in items.iter().enumerate() {
                    let end = at.len();
                    // Writing to a String cannot fail.
                    let _ = write!(at, "[{index}]");
                    visit(item, rest, at, found);
                    at.truncate(end);
                }
            }
        }
        at.truncate(end);
    };
    if key == "*" {
        for (name, entry) in node.as_map().into_iter().flatten() {
            below(name, &entry.node);
        }
    } else if let Some(node) = node.get(key) {
        below(key, node);
    }
}

#[cfg(test)]
mod tests;
