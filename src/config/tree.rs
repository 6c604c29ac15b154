//! A configuration tree that remembers where each part was written.

use serde_json::Value;

/// A place in a source text, counted from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Position {
    /// Line.
    pub line: usize,
    /// Column in characters.
    pub column: usize,
}

/// A value and where it stands; values from Lua have no place.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Node {
    pub at: Option<Position>,
    pub tree: Tree,
}

/// What a value is.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Tree {
    Null,
    Bool(bool),
    Integer(i64),
    Float(f64),
    Text(String),
    List(Vec<Node>),
    Map(Vec<Entry>),
}

/// One key of a map with its value.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Entry {
    pub key: String,
    pub at: Option<Position>,
    pub node: Node,
}

impl Node {
    /// What a person calls this kind of value.
    pub fn kind(&self) -> &'static str {
        match self.tree {
            Tree::Null => "nothing",
            Tree::Bool(_) => "true or false",
            Tree::Integer(_) | Tree::Float(_) => "a number",
            Tree::Text(_) => "text",
            Tree::List(_) => "a list",
            Tree::Map(_) => "a map",
        }
    }
}

impl From<Value> for Node {
    fn from(value: Value) -> Self {
        let tree = match value {
            Value::Null => Tree::Null,
            Value::Bool(value) => Tree::Bool(value),
            Value::Number(number) => match number.as_i64() {
                Some(integer) => Tree::Integer(integer),
                // Lua has one number type: 22 arrives as 22.0.
                None => whole(number.as_f64().unwrap_or(f64::NAN)),
            },
            Value::String(text) => Tree::Text(text),
            Value::Array(items) => Tree::List(items.into_iter().map(Self::from).collect()),
            Value::Object(map) => Tree::Map(
                map.into_iter()
                    .map(|(key, value)| Entry {
                        key,
                        at: None,
                        node: Self::from(value),
                    })
                    .collect(),
            ),
        };
        Self { at: None, tree }
    }
}

fn whole(number: f64) -> Tree {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    if number.fract() == 0.0 && number.abs() < EXACT {
        #[expect(clippy::cast_possible_truncation, reason = "whole and below 2^53")]
        return Tree::Integer(number as i64);
    }
    Tree::Float(number)
}
