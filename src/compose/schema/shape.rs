//! The small language the schema is written in.

use crate::compose::node::Value;

/// What a value may be.
pub enum Shape {
    /// A scalar of one of these kinds, or a list or mapping whatever is in it.
    One(&'static [Kind]),
    /// One of these strings.
    Word(&'static [&'static str]),
    /// A string that satisfies a rule, and the rule in words.
    Text(&'static str, fn(&str) -> bool),
    /// A whole number between these, or any string (it is cast later).
    Range(i64, i64),
    /// A list.
    List {
        /// Each item.
        item: &'static Shape,
        /// No item twice.
        unique: bool,
    },
    /// A mapping.
    Map(Object),
    /// The first shape of the value's own kind.
    Either(&'static [&'static Shape]),
}

/// What a free key must look like.
pub type Rule = fn(&str) -> bool;

/// What a mapping may hold.
pub struct Object {
    /// Known keys.
    pub keys: &'static [(&'static str, &'static Shape)],
    /// Keys that must be there.
    pub required: &'static [&'static str],
    /// Other keys that satisfy a rule.
    pub others: Option<(Rule, &'static Shape)>,
    /// `x-` keys.
    pub extensions: bool,
    /// Any other key.
    pub open: bool,
    /// `null` in place of the mapping.
    pub null: bool,
}

impl Object {
    /// Known keys and `x-` keys.
    pub const fn new(keys: &'static [(&'static str, &'static Shape)]) -> Self {
        Self {
            keys,
            required: &[],
            others: None,
            extensions: true,
            open: false,
            null: false,
        }
    }

    /// Keys that satisfy `valid`, nothing else.
    pub const fn of(valid: Rule, shape: &'static Shape) -> Self {
        Self {
            keys: &[],
            required: &[],
            others: Some((valid, shape)),
            extensions: false,
            open: false,
            null: false,
        }
    }

    /// With keys that must be there.
    pub const fn requires(self, required: &'static [&'static str]) -> Self {
        Self { required, ..self }
    }

    /// Without `x-` keys.
    pub const fn closed(self) -> Self {
        Self {
            extensions: false,
            ..self
        }
    }

    /// Also with keys no rule names.
    pub const fn open(self) -> Self {
        Self { open: true, ..self }
    }

    /// Or `null`.
    pub const fn or_null(self) -> Self {
        Self { null: true, ..self }
    }
}

/// A kind of value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Text.
    Str,
    /// `true` or `false`.
    Bool,
    /// A whole number; `1.0` is one.
    Int,
    /// Any number.
    Number,
    /// `null`.
    Null,
    /// A list.
    List,
    /// A mapping.
    Map,
}

impl Kind {
    /// Whether `value` is of this kind.
    pub fn accepts(self, value: &Value) -> bool {
        match value {
            Value::Null => self == Self::Null,
            Value::Bool(_) => self == Self::Bool,
            Value::Int(_) | Value::Big(_) => matches!(self, Self::Int | Self::Number),
            Value::Float(value) => {
                self == Self::Number || self == Self::Int && value.fract() == 0.0
            }
            Value::Str(_) => self == Self::Str,
            Value::List(_) => self == Self::List,
            Value::Map(_) => self == Self::Map,
            Value::Time(_) => false,
        }
    }

    /// For messages.
    pub fn name(self) -> &'static str {
        match self {
            Self::Str => "a string",
            Self::Bool => "a boolean",
            Self::Int => "a whole number",
            Self::Number => "a number",
            Self::Null => "nothing",
            Self::List => "a list",
            Self::Map => "a mapping",
        }
    }
}

impl Shape {
    /// The kinds of value this shape may be.
    pub fn kinds(&self) -> &[Kind] {
        match self {
            Self::One(kinds) => kinds,
            Self::Word(_) | Self::Text(..) => &[Kind::Str],
            Self::Range(..) => &[Kind::Int, Kind::Str],
            Self::List { .. } => &[Kind::List],
            Self::Map(object) if object.null => &[Kind::Map, Kind::Null],
            Self::Map(_) => &[Kind::Map],
            // Nested alternatives: both levels are tried in order.
            Self::Either(_) => &[
                Kind::Str,
                Kind::Bool,
                Kind::Number,
                Kind::Null,
                Kind::List,
                Kind::Map,
            ],
        }
    }
}

/// `^[a-zA-Z0-9._-]+$`, the keys of services, networks, volumes and the like.
pub const NAMES: Rule = |key| {
    !key.is_empty()
        && key
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'))
};

/// Any key but an empty one.
pub const NOT_EMPTY: Rule = |key| !key.is_empty();

/// `^[a-z]+$`
pub const LOWER: Rule = |key| !key.is_empty() && key.bytes().all(|b| b.is_ascii_lowercase());

/// A string.
pub static STR: Shape = Shape::One(&[Kind::Str]);
/// A boolean or text that is cast to one.
pub static BOOL: Shape = Shape::One(&[Kind::Bool, Kind::Str]);
/// `true` or `false` only.
pub static STRICT_BOOL: Shape = Shape::One(&[Kind::Bool]);
/// A whole number or text that is cast to one.
pub static INT: Shape = Shape::One(&[Kind::Int, Kind::Str]);
/// A whole number only.
pub static STRICT_INT: Shape = Shape::One(&[Kind::Int]);
/// A number or text that is cast to one.
pub static NUMBER: Shape = Shape::One(&[Kind::Number, Kind::Str]);
/// A number only.
pub static STRICT_NUMBER: Shape = Shape::One(&[Kind::Number]);
/// A string or nothing.
pub static STR_OR_NULL: Shape = Shape::One(&[Kind::Str, Kind::Null]);
/// Strings.
pub static STRINGS: Shape = Shape::List {
    item: &STR,
    unique: false,
};
/// Different strings.
pub static UNIQUE_STRINGS: Shape = Shape::List {
    item: &STR,
    unique: true,
};
/// A string, or different strings.
pub static STRING_OR_LIST: Shape = Shape::Either(&[&STR, &UNIQUE_STRINGS]);
static SCALAR_OR_NULL: Shape = Shape::One(&[Kind::Str, Kind::Number, Kind::Bool, Kind::Null]);
static DICT: Shape = Shape::Map(Object::of(NOT_EMPTY, &SCALAR_OR_NULL));
/// `{k: v}` or `[k=v]`.
pub static LIST_OR_DICT: Shape = Shape::Either(&[&DICT, &UNIQUE_STRINGS]);
/// Options of a driver.
pub static DRIVER_OPTS: Shape = Shape::Map(Object::of(NOT_EMPTY, &NUMBER).open());
static STR_OR_LIST_ANY: Shape = Shape::Either(&[&STR, &STRINGS]);
static HOSTS_DICT: Shape = Shape::Map(Object::of(NOT_EMPTY, &STR_OR_LIST_ANY));
/// `extra_hosts:`.
pub static EXTRA_HOSTS: Shape = Shape::Either(&[&HOSTS_DICT, &UNIQUE_STRINGS]);
/// `command:` and `entrypoint:`.
pub static COMMAND: Shape = Shape::Either(&[&STR_OR_NULL, &STRINGS]);
