//! The tree that every pass works on: YAML values that remember where they were written.

use smol_str::SmolStr;
use thin_vec::ThinVec;

pub use super::map::Map;
use super::source::Span;

/// Text of a file. Short ones, which nearly all are, take no memory of their own, and copies of long
/// ones share it.
pub type Text = SmolStr;

/// The items of a sequence.
pub type List = ThinVec<Node>;

// A large project has a hundred thousand of them.
const _: () = assert!(size_of::<Node>() == 32);

/// A value and its place.
#[derive(Debug, Clone)]
pub struct Node {
    /// What it is.
    pub value: Value,
    /// Where it was written.
    pub at: Span,
    /// What a tag asks the merge to do with it.
    pub mark: Mark,
}

/// Compose's own tags.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mark {
    /// Merge as usual.
    None,
    /// `!reset`: remove what earlier files say here.
    Reset,
    /// `!override`: replace what earlier files say here.
    Override,
}

/// A value of the tree, as YAML 1.1's common core has them.
#[derive(Debug, Clone)]
pub enum Value {
    /// `null`, `~` or nothing.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A whole number above the range of `Int`.
    Big(u64),
    /// Any other number.
    Float(f64),
    /// A date or time in RFC 3339; no key of Compose takes one, only extensions hold them.
    Time(Box<str>),
    /// Text.
    Str(Text),
    /// A sequence.
    List(List),
    /// A mapping with unique keys.
    Map(Map),
}

/// A mapping's value and the place of its key.
#[derive(Debug, Clone)]
pub struct Entry {
    /// Where the key was written.
    pub key_at: Span,
    /// The value.
    pub node: Node,
}

impl Node {
    /// `value` written at `at`.
    pub fn new(value: Value, at: Span) -> Self {
        Self {
            value,
            at,
            mark: Mark::None,
        }
    }

    /// Text at `at`.
    pub fn string(text: impl Into<Text>, at: Span) -> Self {
        Self::new(Value::Str(text.into()), at)
    }

    /// A mapping at `at`.
    pub fn mapping(map: Map, at: Span) -> Self {
        Self::new(Value::Map(map), at)
    }

    /// The text, when it is one.
    pub fn as_str(&self) -> Option<&str> {
        match &self.value {
            Value::Str(text) => Some(text),
            _ => None,
        }
    }

    /// The mapping, when it is one.
    pub fn as_map(&self) -> Option<&Map> {
        match &self.value {
            Value::Map(map) => Some(map),
            _ => None,
        }
    }

    /// The mapping, when it is one.
    pub fn as_map_mut(&mut self) -> Option<&mut Map> {
        match &mut self.value {
            Value::Map(map) => Some(map),
            _ => None,
        }
    }

    /// The items, when it is a list.
    pub fn as_list(&self) -> Option<&[Node]> {
        match &self.value {
            Value::List(items) => Some(items),
            _ => None,
        }
    }

    /// The boolean, when it is one.
    pub fn as_bool(&self) -> Option<bool> {
        match self.value {
            Value::Bool(value) => Some(value),
            _ => None,
        }
    }

    /// The value under `key`, when this is a mapping that has it.
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.as_map()?.get(key).map(|entry| &entry.node)
    }

    /// The value under `key`, when this is a mapping that has it.
    pub fn get_mut(&mut self, key: &str) -> Option<&mut Node> {
        self.as_map_mut()?.get_mut(key).map(|entry| &mut entry.node)
    }

    /// The value at the end of `keys`.
    pub fn find(&self, keys: &[&str]) -> Option<&Node> {
        keys.iter().try_fold(self, |node, key| node.get(key))
    }

    /// True for `null`.
    pub fn is_null(&self) -> bool {
        matches!(self.value, Value::Null)
    }

    /// What kind of value this is, for messages.
    pub fn kind(&self) -> &'static str {
        match self.value {
            Value::Null => "nothing",
            Value::Bool(_) => "a boolean",
            Value::Int(_) | Value::Big(_) | Value::Float(_) => "a number",
            Value::Time(_) => "a date",
            Value::Str(_) => "a string",
            Value::List(_) => "a list",
            Value::Map(_) => "a mapping",
        }
    }

    /// How a scalar reads as text: whole floats without a fraction, booleans as words.
    pub fn scalar_text(&self) -> Option<String> {
        Some(match &self.value {
            Value::Bool(value) => value.to_string(),
            Value::Int(value) => value.to_string(),
            Value::Big(value) => value.to_string(),
            Value::Float(value) => float_text(*value),
            Value::Str(text) => text.to_string(),
            Value::Time(text) => text.to_string(),
            Value::Null | Value::List(_) | Value::Map(_) => return None,
        })
    }
}

impl Entry {
    /// An entry that no file contains, except perhaps its value.
    pub fn made(node: Node) -> Self {
        Self {
            key_at: Span::NOWHERE,
            node,
        }
    }
}

/// Same value, wherever it was written and in whatever order its keys are.
impl PartialEq for Node {
    fn eq(&self, other: &Self) -> bool {
        match (&self.value, &other.value) {
            (Value::Null, Value::Null) => true,
            (Value::Bool(a), Value::Bool(b)) => a == b,
            (Value::Int(a), Value::Int(b)) => a == b,
            (Value::Big(a), Value::Big(b)) => a == b,
            (Value::Float(a), Value::Float(b)) => a.to_bits() == b.to_bits(),
            (Value::Str(a), Value::Str(b)) => a == b,
            (Value::Time(a), Value::Time(b)) => a == b,
            (Value::List(a), Value::List(b)) => a == b,
            (Value::Map(a), Value::Map(b)) => {
                a.len() == b.len()
                    && a.iter()
                        .all(|(key, entry)| b.get(key).is_some_and(|e| e.node == entry.node))
            }
            _ => false,
        }
    }
}

/// The shortest decimal that reads back as `value`, with an exponent from a million on, as Compose
/// prints numbers it turns into text.
pub fn float_text(value: f64) -> String {
    if value.is_nan() {
        return "NaN".to_owned();
    }
    if value.is_infinite() {
        return if value > 0.0 { "+Inf" } else { "-Inf" }.to_owned();
    }
    let text = format!("{value:e}");
    let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let power: i32 = exponent.parse().unwrap_or_default();
    if value != 0.0 && !(-4..6).contains(&power) {
        let (sign, exponent) = match exponent.strip_prefix('-') {
            Some(rest) => ('-', rest),
            None => ('+', exponent),
        };
        return format!("{digits}e{sign}{exponent:0>2}");
    }
    format!("{value}")
}
