//! Writes YAML the way Compose does: two spaces, lists indented, the same choice of quotes.

use serde_json::{Number, Value as Json};

use super::node::Value;
use super::render::BARE;
use super::scalar;

/// `value` as a block document.
pub fn write(value: &Json) -> String {
    let mut out = String::new();
    match value {
        Json::Object(map) if !map.is_empty() => object(map, 0, &mut out),
        other => {
            inline(other, 0, &mut out);
            out.push('\n');
        }
    }
    out
}

fn pad(indent: usize, out: &mut String) {
    out.extend(std::iter::repeat_n(' ', indent));
}

/// The entries of a mapping, each on its lines. The first one starts where the cursor is when
/// `out` does not end a line, which is how a mapping inside a list starts.
fn object(map: &serde_json::Map<String, Json>, indent: usize, out: &mut String) {
    for (key, value) in map {
        entry(key, value, indent, out);
    }
}

/// One entry of a mapping on its lines.
pub fn entry(key: &str, value: &Json, indent: usize, out: &mut String) {
    self::key(key, indent, out);
    nested(value, indent, out);
}

/// A key and its colon.
pub fn key(key: &str, indent: usize, out: &mut String) {
    if out.is_empty() || out.ends_with('\n') {
        pad(indent, out);
    }
    // A key of more than 128 bytes cannot stand on the line of its value.
    if key.len() > 128 {
        out.push_str("? ");
        text(key, true, indent, out);
        out.push('\n');
        pad(indent, out);
    } else {
        text(key, true, indent, out);
    }
    out.push(':');
}

fn nested(value: &Json, indent: usize, out: &mut String) {
    match value {
        Json::Object(map) if !map.is_empty() => {
            out.push('\n');
            object(map, indent + 2, out);
        }
        Json::Array(items) if !items.is_empty() => {
            out.push('\n');
            list(items, indent + 2, out);
        }
        other => {
            out.push(' ');
            inline(other, indent, out);
            out.push('\n');
        }
    }
}

fn list(items: &[Json], indent: usize, out: &mut String) {
    for item in items {
        if out.ends_with('\n') {
            pad(indent, out);
        }
        out.push_str("- ");
        match item {
            Json::Object(map) if !map.is_empty() => object(map, indent + 2, out),
            Json::Array(items) if !items.is_empty() => list(items, indent + 2, out),
            other => {
                inline(other, indent, out);
                out.push('\n');
            }
        }
    }
}

fn inline(value: &Json, indent: usize, out: &mut String) {
    match value {
        Json::Null => out.push_str("null"),
        Json::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
        Json::Number(number) => out.push_str(&shortest(number)),
        Json::String(value) => match value.strip_prefix(BARE) {
            Some(bare) => out.push_str(bare),
            None => text(value, false, indent, out),
        },
        Json::Array(_) => out.push_str("[]"),
        Json::Object(_) => out.push_str("{}"),
    }
}

/// The shortest decimal, with an exponent from a million on.
fn shortest(number: &Number) -> String {
    if number.is_i64() || number.is_u64() {
        return number.to_string();
    }
    let value = number.as_f64().unwrap_or_default();
    let scientific = format!("{value:e}");
    match scientific.split_once('e') {
        Some((digits, exponent)) => match exponent.parse::<i32>() {
            Ok(power) if power >= 6 => format!("{digits}e+{power:02}"),
            Ok(power) if power < -4 => format!("{digits}e-{:02}", -power),
            _ => format!("{value}"),
        },
        None => format!("{value}"),
    }
}

/// How a string can be written.
struct Shape {
    plain: bool,
    single: bool,
    literal: bool,
}

fn text(value: &str, key: bool, indent: usize, out: &mut String) {
    let shape = shape(value);
    if value.contains('\n') && !key && shape.literal {
        return literal(value, indent, out);
    }
    let means_text = matches!(scalar::plain(value), Value::Str(_));
    let wants_plain = means_text && !is_old_bool(value) && !is_base_60(value);
    if value.contains('\n') || !wants_plain {
        double(value, out);
    } else if shape.plain {
        out.push_str(value);
    } else if shape.single {
        out.push('\'');
        out.push_str(&value.replace('\'', "''"));
        out.push('\'');
    } else {
        double(value, out);
    }
}

/// Words that YAML 1.1 took for booleans.
fn is_old_bool(value: &str) -> bool {
    matches!(
        value,
        "y" | "Y"
            | "yes"
            | "Yes"
            | "YES"
            | "on"
            | "On"
            | "ON"
            | "n"
            | "N"
            | "no"
            | "No"
            | "NO"
            | "off"
            | "Off"
            | "OFF"
    )
}

/// `1:30`, which YAML 1.1 took for a number of base 60.
fn is_base_60(value: &str) -> bool {
    let digits = value.strip_prefix(['-', '+']).unwrap_or(value);
    let (digits, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let mut parts = digits.split(':');
    let first = parts.next().unwrap_or_default();
    let rest: Vec<&str> = parts.collect();
    let number = |text: &str| text.bytes().all(|b| b.is_ascii_digit() || b == b'_');
    first.starts_with(|c: char| c.is_ascii_digit())
        && number(first)
        && number(fraction)
        && !rest.is_empty()
        && rest.iter().all(|part| {
            let bytes = part.as_bytes();
            match bytes {
                [unit] => unit.is_ascii_digit(),
                [ten, unit] => (b'0'..=b'5').contains(ten) && unit.is_ascii_digit(),
                _ => false,
            }
        })
}

fn shape(value: &str) -> Shape {
    let blank = |c: Option<char>| c.is_none_or(|c| matches!(c, ' ' | '\t' | '\n' | '\r'));
    let mut before = None;
    let mut chars = value.chars().peekable();
    let mut indicators = value.starts_with("---") || value.starts_with("...");
    let (mut special, mut breaks, mut tabs) = (false, false, false);
    let (mut space_then_break, mut break_then_space) = (false, false);
    while let Some(c) = chars.next() {
        let first = before.is_none();
        let after = chars.peek().copied();
        indicators |= match c {
            '#' => blank(before),
            ',' | '[' | ']' | '{' | '}' | '&' | '*' | '!' | '|' | '>' | '\'' | '"' | '%' | '@'
            | '`' => first,
            '?' | '-' => first && blank(after),
            ':' => blank(after),
            _ => false,
        };
        match c {
            '\n' | '\u{2028}' | '\u{2029}' => {
                breaks = true;
                space_then_break |= before == Some(' ');
            }
            ' ' => break_then_space |= before == Some('\n'),
            '\t' => tabs = true,
            c if !printable(c) => special = true,
            _ => {}
        }
        before = Some(c);
    }
    let edges = value.starts_with([' ', '\n']) || value.ends_with([' ', '\n']);
    let trailing_space = value.ends_with(' ');
    Shape {
        plain: !indicators && !special && !breaks && !tabs && !edges && !value.is_empty(),
        single: !special && !tabs && !space_then_break && !break_then_space,
        literal: !special && !trailing_space && !space_then_break,
    }
}

/// What the library Compose writes YAML with takes for printable: nothing beyond 16 bits.
fn printable(c: char) -> bool {
    matches!(c, '\n' | ' '..='~' | '\u{a0}'..='\u{d7ff}' | '\u{e000}'..='\u{fffd}')
        && c != '\u{feff}'
}

fn literal(value: &str, indent: usize, out: &mut String) {
    out.push('|');
    if value.starts_with([' ', '\n']) {
        out.push('2');
    }
    let body = value.trim_end_matches('\n');
    match value.len() - body.len() {
        0 => out.push('-'),
        1 if !body.is_empty() => {}
        _ => out.push('+'),
    }
    let lines = value.strip_suffix('\n').unwrap_or(value);
    for line in lines.split('\n') {
        out.push('\n');
        if !line.is_empty() {
            pad(indent + 2, out);
            out.push_str(line);
        }
    }
}

fn double(value: &str, out: &mut String) {
    use std::fmt::Write as _;
    out.push('"');
    for c in value.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            '\r' => out.push_str("\\r"),
            '\0' => out.push_str("\\0"),
            '\u{7}' => out.push_str("\\a"),
            '\u{8}' => out.push_str("\\b"),
            '\u{b}' => out.push_str("\\v"),
            '\u{c}' => out.push_str("\\f"),
            '\u{1b}' => out.push_str("\\e"),
            '\u{85}' => out.push_str("\\N"),
            '\u{2028}' => out.push_str("\\L"),
            '\u{2029}' => out.push_str("\\P"),
            c if !printable(c) => {
                // Writing to a String cannot fail.
                let _ = match u32::from(c) {
                    code @ 0..=0xff => write!(out, "\\x{code:02X}"),
                    code @ 0..=0xffff => write!(out, "\\u{code:04X}"),
                    code => write!(out, "\\U{code:08X}"),
                };
            }
            c => out.push(c),
        }
    }
    out.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn shown(value: &str) -> String {
        let mut out = String::new();
        text(value, false, 0, &mut out);
        out
    }

    #[test]
    fn quotes_only_where_needed() {
        for (value, wanted) in [
            ("abc", "abc"),
            ("1.1.1.1", "1.1.1.1"),
            ("80:80", "80:80"),
            ("1:30", "\"1:30\""),
            ("8", "\"8\""),
            ("true", "\"true\""),
            ("y", "\"y\""),
            ("", "\"\""),
            ("a: b", "'a: b'"),
            ("- a", "'- a'"),
            ("it's", "it's"),
            ("'x", "'''x'"),
            ("#x", "'#x'"),
            ("a\tb", "\"a\\tb\""),
            ("{x}", "'{x}'"),
            (" x", "' x'"),
        ] {
            assert_eq!(shown(value), wanted, "{value}");
        }
    }

    #[test]
    fn lines_keep_their_ends() {
        assert_eq!(shown("a\nb"), "|-\n  a\n  b");
        assert_eq!(shown("a\nb\n"), "|\n  a\n  b");
        assert_eq!(shown("a\n\n"), "|+\n  a\n");
    }

    #[test]
    fn what_is_written_reads_back() {
        let value =
            json!({"a": [{"b": 1, "c": ["x", []]}, [1, "2"]], "d": {}, "e": null, "f": 0.5});
        let text = write(&value);
        let read: Json = serde_saphyr::from_str(&text).unwrap();
        assert_eq!(read, value, "{text}");
    }
}
