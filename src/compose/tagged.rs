//! A scalar by its quotes and its tag.

use granit_parser::Tag;

use super::diagnose::{Checked, fail};
use super::node::Value;
use super::scalar;
use super::source::Span;

/// The value that `text` at `at` stands for.
pub fn value(text: &str, quoted: bool, tag: Option<&Tag>, at: Span) -> Checked<Value> {
    let refuse = |what: &str| fail(at, format!("{text:?} is not {what}"));
    let Some(tag) = tag else {
        return Ok(if quoted {
            Value::Str(text.into())
        } else {
            scalar::plain(text)
        });
    };
    let core = match tag.parts() {
        ("tag:yaml.org,2002:", suffix) => Some(suffix),
        _ => None,
    };
    match core {
        Some("str") => Ok(Value::Str(text.into())),
        Some("binary") => match base64(text) {
            Some(text) => Ok(Value::Str(text.into())),
            None => refuse("base64 of valid UTF-8"),
        },
        Some("null") => match scalar::plain(text) {
            Value::Null => Ok(Value::Null),
            _ => refuse("null"),
        },
        Some("bool") => match scalar::plain(text) {
            value @ Value::Bool(_) => Ok(value),
            _ => refuse("a boolean"),
        },
        Some("int") => match scalar::number(text) {
            Some(value @ (Value::Int(_) | Value::Big(_))) => Ok(value),
            _ => refuse("a whole number"),
        },
        #[expect(clippy::cast_precision_loss, reason = "what `!!float` asks for")]
        Some("float") => match scalar::plain(text) {
            Value::Int(value) => Ok(Value::Float(value as f64)),
            Value::Big(value) => Ok(Value::Float(value as f64)),
            value @ Value::Float(_) => Ok(value),
            _ => refuse("a number"),
        },
        _ if quoted => Ok(Value::Str(text.into())),
        _ => Ok(scalar::plain(text)),
    }
}

/// Decodes standard base64, white space ignored.
fn base64(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3);
    let (mut buffer, mut bits) = (0_u32, 0_u32);
    for byte in text.bytes().filter(|byte| !byte.is_ascii_whitespace()) {
        let sextet = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            b'=' => continue,
            _ => return None,
        };
        buffer = (buffer << 6) | u32::from(sextet);
        bits += 6;
        if bits >= 8 {
            bits -= 8;
            bytes.push(u8::try_from((buffer >> bits) & 0xff).unwrap_or_default());
        }
    }
    String::from_utf8(bytes).ok()
}
