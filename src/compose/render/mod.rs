//! The canonical model as Compose prints it: every value in its type, keys in Compose's order,
//! empty ones left out.
//!
//! In: the completed tree. Out: JSON values, for `--format json` and for YAML (which differ: JSON
//! always has `command`, `entrypoint`, `ipam` and the like, and leaves out extensions below the top).

mod apart;
mod fields;
mod order;
mod pass;
mod pieces;
mod raw;
mod value;

pub use apart::set_apart;
pub use pieces::{Part, check, others, parts, raw_parts, service, ssh};

/// Which of the two printed forms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// `--format json`
    Json,
    /// `--format yaml`
    Yaml,
}

/// When a key is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Keep {
    /// When it is not empty, zero or false.
    Full,
    /// When it was written.
    Written,
    /// Always, as `null` when not written; in YAML as `Written`.
    Always,
    /// Always, as `{}`; in YAML when not empty.
    Object,
    /// Always in both forms.
    Both,
    /// When it is not zero, and always in YAML.
    YamlZero,
    /// When it is not empty, and only in YAML.
    OnlyYaml,
}

impl Keep {
    /// Whether it may be printed when it was not written.
    fn is_implied(self) -> bool {
        !matches!(self, Self::Full | Self::Written | Self::OnlyYaml)
    }
}

/// Before text that YAML writes without quotes though it looks like a string here: dates, numbers
/// that are not finite. A character that is none, kept by Unicode for use inside of programs.
pub const BARE: char = '\u{fdd0}';

/// The type of a value.
enum Type {
    /// Text; other scalars become text.
    Text,
    /// A boolean.
    Bool,
    /// A whole number.
    Int,
    /// A whole number that is written as one, not as text.
    Whole,
    /// A whole number from 0 on that is written as a number; fractions are cut.
    Natural,
    /// A number of 32 bits.
    Float,
    /// Bytes, printed as text.
    Bytes,
    /// A duration in Go's notation.
    Duration,
    /// Texts; one text is a list of one.
    Texts,
    /// `k: v`, values as text, none as empty text.
    Pairs,
    /// `k: v`, values as text, none as `null`.
    Variables,
    /// `k: v`, values that are text or whole numbers.
    Words,
    /// Texts and whole numbers.
    Groups,
    /// A command's words.
    Command,
    /// `healthcheck.test`.
    Test,
    /// `host=address`, sorted.
    Hosts,
    /// `default` or `id=path`.
    Ssh,
    /// Permission bits, printed in octal.
    Mode,
    /// How many devices; `all` is -1.
    Count,
    /// A number or a pair.
    Ulimit,
    /// A map of text to lists of text.
    Options,
    /// Keys of its own.
    Object(&'static [Field]),
    /// The same, without extensions in YAML either.
    Bare(&'static [Field]),
    /// A list.
    List(&'static Type),
    /// A mapping with free keys, whose values may be missing.
    Map(&'static Type),
    /// A mapping with free keys, where a missing value is an empty one.
    Filled(&'static Type),
}

/// A key of a mapping.
struct Field(&'static str, Type, Keep);

/// Whether a service's `key` is printed after its `other`.
pub fn follows(key: &str, other: &str) -> bool {
    let place = |key: &str| fields::SERVICE.iter().position(|field| field.0 == key);
    place(key) > place(other)
}
