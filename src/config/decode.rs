//! Strict decoding of a tree: unknown keys, wrong types, and every mistake with its place.

use std::cell::RefCell;

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};

use super::tree::{Entry, Node, Position, Tree};
use crate::error::{Error, near_miss};

/// One mistake.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Problem {
    pub at: Option<Position>,
    pub message: String,
    /// `did you mean …`, or what to write instead.
    pub hint: Option<String>,
}

/// Collects the mistakes of one file, so that all are shown at once.
#[derive(Debug, Default)]
pub(super) struct Problems(RefCell<Vec<Problem>>);

impl Problems {
    pub fn add(&self, at: Option<Position>, message: impl Into<String>) {
        self.push(Problem {
            at,
            message: message.into(),
            hint: None,
        });
    }

    pub fn add_with_hint(
        &self,
        at: Option<Position>,
        message: impl Into<String>,
        hint: impl Into<String>,
    ) {
        self.push(Problem {
            at,
            message: message.into(),
            hint: Some(hint.into()),
        });
    }

    pub fn push(&self, problem: Problem) {
        self.0.borrow_mut().push(problem);
    }

    /// An error that shows every mistake in `file`, whose text is `source` when it has one.
    pub fn into_error(self, file: &str, source: Option<&str>) -> Option<Error> {
        let mut problems = self.0.into_inner();
        if problems.is_empty() {
            return None;
        }
        problems.sort_by_key(|problem| problem.at.map(|at| (at.line, at.column)));
        let shown: Vec<String> = problems
            .iter()
            .map(|problem| show(problem, file, source))
            .collect();
        let message = match problems.len() {
            1 => shown.concat(),
            count => format!("`{file}` has {count} mistakes\n{}", shown.join("\n")),
        };
        Some(Error::user(message))
    }
}

/// `file:line:column: message`, and the line itself with a mark under the place.
fn show(problem: &Problem, file: &str, source: Option<&str>) -> String {
    let hint = problem.hint.as_deref();
    let said = match hint {
        Some(hint) => format!("{}; {hint}", problem.message),
        None => problem.message.clone(),
    };
    let Some(at) = problem.at else {
        return format!("{file}: {said}");
    };
    let head = format!("{file}:{}:{}: {said}", at.line, at.column);
    let Some(line) = source.and_then(|text| text.lines().nth(at.line - 1)) else {
        return head;
    };
    let start = line
        .char_indices()
        .nth(at.column.saturating_sub(1))
        .map_or(line.len(), |(index, _)| index);
    let end = line[start..]
        .find(|c: char| c == ':' || c == ',' || c.is_whitespace())
        .map_or(line.len(), |length| start + length.max(1));
    let snippet = Snippet::source(line)
        .line_start(at.line)
        .annotation(AnnotationKind::Primary.span(start..end.min(line.len()).max(start)));
    let shown = Renderer::plain().render(&[Group::with_level(Level::ERROR).element(snippet)]);
    format!("{head}\n{}", shown.trim_end())
}

/// The keys of one map, checked against the keys it may have.
pub(super) struct Fields<'a> {
    entries: &'a [Entry],
    /// Where the map stands.
    pub at: Option<Position>,
    /// `hosts[0]`, empty at the top.
    path: String,
    pub problems: &'a Problems,
}

impl<'a> Fields<'a> {
    /// Reads `node` as a map that may have `known` keys; `x-` keys are left to the user.
    pub fn of(
        node: &'a Node,
        path: impl Into<String>,
        known: &[&str],
        problems: &'a Problems,
    ) -> Self {
        let path = path.into();
        let entries: &[Entry] = match &node.tree {
            Tree::Map(entries) => entries,
            Tree::Null => &[],
            // An empty Lua table is a list as much as a map.
            Tree::List(items) if items.is_empty() && node.at.is_none() => &[],
            _ => {
                let what = if path.is_empty() {
                    "the file".to_owned()
                } else {
                    format!("`{path}`")
                };
                problems.add(node.at, format!("{what} is {}, not a map", node.kind()));
                &[]
            }
        };
        for entry in entries {
            if known.contains(&entry.key.as_str()) || entry.key.starts_with("x-") {
                continue;
            }
            let place = if path.is_empty() {
                String::new()
            } else {
                format!(" in `{path}`")
            };
            let hint = match near_miss(&entry.key, known.iter().copied()) {
                Some(key) => format!("did you mean `{key}`?"),
                None => format!("known keys: {}", known.join(", ")),
            };
            problems.add_with_hint(
                entry.at,
                format!("unknown key {:?}{place}", entry.key),
                hint,
            );
        }
        Self {
            entries,
            at: node.at,
            path,
            problems,
        }
    }

    /// `hosts[0].addr`.
    pub fn path(&self, key: &str) -> String {
        if self.path.is_empty() {
            key.to_owned()
        } else {
            format!("{}.{key}", self.path)
        }
    }

    /// The value of `key`, unless it is absent or empty.
    pub fn get(&self, key: &str) -> Option<&'a Node> {
        self.entries
            .iter()
            .find(|entry| entry.key == key)
            .map(|entry| &entry.node)
            .filter(|node| node.tree != Tree::Null)
    }

    /// A text and its place.
    pub fn text(&self, key: &str) -> Option<(&'a str, Option<Position>)> {
        let node = self.get(key)?;
        self.expect_text(node, &self.path(key))
            .map(|text| (text, node.at))
    }

    fn expect_text(&self, node: &'a Node, path: &str) -> Option<&'a str> {
        match &node.tree {
            Tree::Text(text) if text.trim().is_empty() => {
                self.problems.add(node.at, format!("`{path}` is empty"));
                None
            }
            Tree::Text(text) => Some(text),
            Tree::Bool(_) | Tree::Integer(_) | Tree::Float(_) => {
                self.problems.add_with_hint(
                    node.at,
                    format!("`{path}` is {}, not text", node.kind()),
                    "put it in quotes",
                );
                None
            }
            _ => {
                self.problems
                    .add(node.at, format!("`{path}` is {}, not text", node.kind()));
                None
            }
        }
    }

    /// A whole number within `from..=to`.
    pub fn number(&self, key: &str, from: u32, to: u32) -> Option<u32> {
        let node = self.get(key)?;
        let path = self.path(key);
        let Tree::Integer(number) = node.tree else {
            self.problems.add(
                node.at,
                format!("`{path}` is {}, not a whole number", node.kind()),
            );
            return None;
        };
        let number = u32::try_from(number)
            .ok()
            .filter(|number| (from..=to).contains(number));
        if number.is_none() {
            self.problems
                .add(node.at, format!("`{path}` must be from {from} to {to}"));
        }
        number
    }

    /// `true` or `false`.
    pub fn flag(&self, key: &str) -> Option<bool> {
        let node = self.get(key)?;
        let Tree::Bool(flag) = node.tree else {
            self.problems.add(
                node.at,
                format!("`{}` is {}, not true or false", self.path(key), node.kind()),
            );
            return None;
        };
        Some(flag)
    }

    /// A number of bytes, written as one or like `20GB`; at least 1.
    pub fn bytes(&self, key: &str) -> Option<u64> {
        let node = self.get(key)?;
        let bytes = match &node.tree {
            Tree::Integer(number) => u64::try_from(*number).ok(),
            Tree::Text(text) => super::words::bytes(text),
            _ => None,
        };
        let bytes = bytes.filter(|bytes| *bytes > 0);
        if bytes.is_none() {
            self.problems.add_with_hint(
                node.at,
                format!("`{}` is not a number of bytes", self.path(key)),
                "write a number, or one with kB, MB, GB or TB, like \"20GB\"",
            );
        }
        bytes
    }

    /// One of `words`.
    pub fn choice<T: Copy>(&self, key: &str, words: &[(&str, T)]) -> Option<T> {
        let (text, at) = self.text(key)?;
        self.choose(text, at, &self.path(key), words)
    }

    /// The meaning of `text` among `words`.
    pub fn choose<T: Copy>(
        &self,
        text: &str,
        at: Option<Position>,
        path: &str,
        words: &[(&str, T)],
    ) -> Option<T> {
        let found = words.iter().find(|(word, _)| *word == text);
        if found.is_none() {
            let all: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
            let hint = match near_miss(text, all.iter().copied()) {
                Some(word) => format!("did you mean `{word}`?"),
                None => format!("it is one of: {}", all.join(", ")),
            };
            self.problems
                .add_with_hint(at, format!("`{path}` cannot be {text:?}"), hint);
        }
        found.map(|(_, value)| *value)
    }

    /// A list; a single value is not a list.
    pub fn list(&self, key: &str) -> Option<&'a [Node]> {
        let node = self.get(key)?;
        match &node.tree {
            Tree::List(items) => Some(items),
            Tree::Map(entries) if entries.is_empty() && node.at.is_none() => Some(&[]),
            _ => {
                self.problems.add_with_hint(
                    node.at,
                    format!("`{}` is {}, not a list", self.path(key), node.kind()),
                    "write `- ` before each item",
                );
                None
            }
        }
    }

    /// A list of texts with their places.
    pub fn texts(&self, key: &str) -> Option<Vec<(&'a str, Option<Position>)>> {
        let items = self.list(key)?;
        Some(
            items
                .iter()
                .enumerate()
                .filter_map(|(index, item)| {
                    let path = format!("{}[{index}]", self.path(key));
                    self.expect_text(item, &path).map(|text| (text, item.at))
                })
                .collect(),
        )
    }
}
