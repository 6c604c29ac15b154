//! YAML text to a [`Node`]: the only place that knows the YAML crate.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::{Location, Options, Spanned, UserMessageFormatter};

use super::decode::Problem;
use super::tree::{Entry, Node, Position, Tree};
use crate::error::{Error, Result};

/// Aliases save a few lines in a context; anything that unfolds further is a mistake or an attack.
const MOST_REPLAYED: usize = 20_000;

/// Our own files nest four levels; what is far deeper would only fill the stack.
const DEEPEST: usize = 64;

/// Parses one document. An empty one is [`Tree::Null`].
pub(super) fn parse(text: &str) -> Result<Node, Problem> {
    // `strict_booleans`: `on` and `yes` stay text, as everywhere in Compose files.
    let options = serde_saphyr::options! {
        strict_booleans: true,
        with_snippet: false,
        budget: serde_saphyr::budget! { max_depth: DEEPEST },
        alias_limits: serde_saphyr::alias_limits! { max_total_replayed_events: MOST_REPLAYED },
    };
    read(text, options).map_err(|error| Problem {
        at: error.location().and_then(position),
        message: say(&error),
        hint: None,
    })
}

fn read(text: &str, options: Options) -> Result<Node, serde_saphyr::Error> {
    serde_saphyr::from_str_with_options::<Option<Spanned<Raw>>>(text, options).map(|document| {
        document.map_or(
            Node {
                at: None,
                tree: Tree::Null,
            },
            node,
        )
    })
}

/// A JSON tree as YAML text.
///
/// # Errors
/// The tree cannot be written as YAML.
pub fn to_yaml(value: &serde_json::Value) -> Result<String> {
    serde_saphyr::to_string(value).map_err(|error| Error::user("cannot print as YAML").cause(error))
}

/// The crate's message for users, except where it can be said better.
fn say(error: &serde_saphyr::Error) -> String {
    match error.without_snippet() {
        serde_saphyr::Error::DuplicateMappingKey { key: Some(key), .. } => {
            format!("key {key:?} is written twice")
        }
        error => strip_place(&error.render_with_formatter(&UserMessageFormatter)),
    }
}

/// The crate's messages end in ` at line 3, column 5`; the snippet says that already.
fn strip_place(message: &str) -> String {
    match message.rfind(" at line ") {
        Some(end) => message[..end].to_owned(),
        None => message.to_owned(),
    }
}

fn position(location: Location) -> Option<Position> {
    let line = usize::try_from(location.line()).ok()?;
    let column = usize::try_from(location.column()).ok()?;
    (line > 0).then_some(Position { line, column })
}

fn node(spanned: Spanned<Raw>) -> Node {
    Node {
        at: position(spanned.referenced),
        tree: spanned.value.0,
    }
}

struct Raw(Tree);

impl<'de> Deserialize<'de> for Raw {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(RawVisitor)
    }
}

struct RawVisitor;

impl<'de> Visitor<'de> for RawVisitor {
    type Value = Raw;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a YAML value")
    }

    fn visit_unit<E>(self) -> Result<Raw, E> {
        Ok(Raw(Tree::Null))
    }

    fn visit_none<E>(self) -> Result<Raw, E> {
        Ok(Raw(Tree::Null))
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Raw, D::Error> {
        Raw::deserialize(deserializer)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Raw, E> {
        Ok(Raw(Tree::Bool(value)))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Raw, E> {
        Ok(Raw(Tree::Integer(value)))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Raw, E> {
        Ok(Raw(i64::try_from(value).map_or_else(
            |_| Tree::Text(value.to_string()),
            Tree::Integer,
        )))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Raw, E> {
        Ok(Raw(Tree::Float(value)))
    }

    fn visit_str<E>(self, value: &str) -> Result<Raw, E> {
        Ok(Raw(Tree::Text(value.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Raw, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element::<Spanned<Raw>>()? {
            list.push(node(item));
        }
        Ok(Raw(Tree::List(list)))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Raw, A::Error> {
        let mut entries = Vec::new();
        while let Some(key) = map.next_key::<Spanned<String>>()? {
            entries.push(Entry {
                at: position(key.referenced),
                key: key.value,
                node: node(map.next_value()?),
            });
        }
        Ok(Raw(Tree::Map(entries)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(text: &str) -> Vec<(String, Position, Tree)> {
        let Tree::Map(entries) = parse(text).unwrap().tree else {
            panic!("not a map");
        };
        entries
            .into_iter()
            .map(|entry| (entry.key, entry.at.unwrap(), entry.node.tree))
            .collect()
    }

    #[test]
    fn keys_and_values_know_their_place() {
        let keys = keys("a: 1\nb:\n  - on\n  - true\nc:\n");
        let place = |line, column| Position { line, column };
        assert_eq!(keys[0], ("a".into(), place(1, 1), Tree::Integer(1)));
        assert_eq!(keys[1].1, place(2, 1));
        let Tree::List(items) = &keys[1].2 else {
            panic!("not a list");
        };
        assert_eq!(items[0].tree, Tree::Text("on".into()));
        assert_eq!(items[0].at, Some(place(3, 5)));
        assert_eq!(items[1].tree, Tree::Bool(true));
        assert_eq!(keys[2].2, Tree::Null);
    }

    #[test]
    fn an_empty_document_is_nothing() {
        assert_eq!(parse("").unwrap().tree, Tree::Null);
        assert_eq!(parse("# only a comment\n").unwrap().tree, Tree::Null);
    }

    #[test]
    fn broken_yaml_says_where() {
        for (text, line) in [
            ("a: [1, 2\nb: 3\n", 2),
            ("a: 1\na: 2\n", 2),
            ("a:\n\t- 1\n", 2),
        ] {
            let problem = parse(text).unwrap_err();
            assert_eq!(
                problem.at.map(|at| at.line),
                Some(line),
                "{text:?}: {problem:?}"
            );
            assert!(!problem.message.contains(" at line "), "{problem:?}");
        }
    }

    #[test]
    fn a_byte_order_mark_is_no_mistake() {
        assert_eq!(keys("\u{feff}a: 1\n")[0].0, "a");
    }

    #[test]
    fn an_alias_bomb_is_refused() {
        let lines: Vec<String> = (1..10)
            .map(|level| {
                let before = format!("*a{}, ", level - 1).repeat(9);
                format!("a{level}: &a{level} [{before}]\n")
            })
            .collect();
        let text = format!("a0: &a0 [x, x, x, x]\n{}", lines.concat());
        assert!(parse(&text).is_err());
    }
}
