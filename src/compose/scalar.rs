//! What a plain scalar means, as the YAML library of Compose reads it: `yes` and `on` stay text,
//! `0777`, `0o777`, `0b11` and `1_000` are numbers, dates become RFC 3339.

use super::node::Value;

/// The value of an untagged plain scalar.
pub fn plain(text: &str) -> Value {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Value::Null,
        "true" | "True" | "TRUE" => return Value::Bool(true),
        "false" | "False" | "FALSE" => return Value::Bool(false),
        ".nan" | ".NaN" | ".NAN" => return Value::Float(f64::NAN),
        ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF" => {
            return Value::Float(f64::INFINITY);
        }
        "-.inf" | "-.Inf" | "-.INF" => return Value::Float(f64::NEG_INFINITY),
        _ => {}
    }
    let first = text.as_bytes()[0];
    if first.is_ascii_digit() || matches!(first, b'+' | b'-' | b'.') {
        if let Some(date) = timestamp(text) {
            return Value::Time(date.into());
        }
        if let Some(number) = number(text) {
            return number;
        }
    }
    Value::Str(text.into())
}

/// A whole number in any of YAML 1.1's and 1.2's notations, or a float.
pub fn number(text: &str) -> Option<Value> {
    let digits = text.replace('_', "");
    if let Some(whole) = whole(&digits) {
        return Some(whole);
    }
    // Only the decimal notation, so that neither `inf` nor hexadecimal floats become numbers.
    let decimal = is_decimal(&digits)
        .then(|| digits.parse::<f64>().ok())
        .flatten()
        .filter(|value| value.is_finite())?;
    Some(Value::Float(decimal))
}

fn whole(text: &str) -> Option<Value> {
    let (negative, digits) = match text.as_bytes().first()? {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    let lower = digits.to_ascii_lowercase();
    let (radix, digits) = if let Some(rest) = lower.strip_prefix("0x") {
        (16, rest)
    } else if let Some(rest) = lower.strip_prefix("0o") {
        (8, rest)
    } else if let Some(rest) = lower.strip_prefix("0b") {
        (2, rest)
    } else if lower.len() > 1 && lower.starts_with('0') {
        (8, &lower[1..])
    } else {
        (10, lower.as_str())
    };
    if digits.is_empty() || !digits.chars().all(|c| c.is_digit(radix)) {
        return None;
    }
    let magnitude = u64::from_str_radix(digits, radix).ok()?;
    if negative {
        let value = 0_i64.checked_sub_unsigned(magnitude)?;
        return Some(Value::Int(value));
    }
    Some(i64::try_from(magnitude).map_or(Value::Big(magnitude), Value::Int))
}

/// `[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?`
fn is_decimal(text: &str) -> bool {
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let text = text.strip_prefix(['-', '+']).unwrap_or(text);
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (text, None),
    };
    if let Some(exponent) = exponent {
        let exponent = exponent.strip_prefix(['-', '+']).unwrap_or(exponent);
        if exponent.is_empty() || !digits(exponent) {
            return false;
        }
    }
    match mantissa.split_once('.') {
        Some(("", fraction)) => !fraction.is_empty() && digits(fraction),
        Some((integer, fraction)) => digits(integer) && digits(fraction),
        None => !mantissa.is_empty() && digits(mantissa),
    }
}

/// A date or time as RFC 3339: `2020-1-2`, `2020-1-2 3:4:5.6`, or with `T` and a zone. YAML has more
/// notations; these are those that Compose reads.
fn timestamp(text: &str) -> Option<String> {
    let bytes = text.as_bytes();
    if bytes.len() < 8 || bytes.get(4) != Some(&b'-') || !bytes[..4].iter().all(u8::is_ascii_digit)
    {
        return None;
    }
    let mut rest = text;
    let year: i16 = take(&mut rest, 4)?;
    let month: i8 = after(&mut rest, "-")?;
    let day: i8 = after(&mut rest, "-")?;
    let date = jiff::civil::Date::new(year, month, day).ok()?;
    if rest.is_empty() {
        return Some(format!("{date}T00:00:00Z"));
    }
    let spaced = rest.starts_with(' ');
    rest = rest.strip_prefix(['T', 't', ' '])?;
    let hour: i8 = take(&mut rest, 2)?;
    let minute: i8 = after(&mut rest, ":")?;
    let second: i8 = after(&mut rest, ":")?;
    let nanos = fraction(&mut rest)?;
    let time = jiff::civil::Time::new(hour, minute, second, nanos).ok()?;
    let zone = match (spaced, rest) {
        (true, "") | (false, "Z") => "Z".to_owned(),
        (false, zone) => offset(zone)?,
        _ => return None,
    };
    Some(format!("{}{zone}", date.to_datetime(time)))
}

/// The number `text` starts with, of up to `digits` digits.
fn take<T: std::str::FromStr>(text: &mut &str, digits: usize) -> Option<T> {
    let found = text.bytes().take(digits).take_while(u8::is_ascii_digit);
    let (number, rest) = text.split_at(found.count());
    *text = rest;
    number.parse().ok()
}

fn after<T: std::str::FromStr>(text: &mut &str, separator: &str) -> Option<T> {
    *text = text.strip_prefix(separator)?;
    take(text, 2)
}

/// Nanoseconds of `.5`; none of nothing.
fn fraction(text: &mut &str) -> Option<i32> {
    let Some(rest) = text.strip_prefix('.') else {
        return Some(0);
    };
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    let (number, rest) = rest.split_at(digits);
    *text = rest;
    format!("{number:0<9}").get(..9)?.parse().ok()
}

/// `+01:30`, as it is.
fn offset(zone: &str) -> Option<String> {
    let mut rest = zone.strip_prefix(['+', '-'])?;
    let hours: u8 = take(&mut rest, 2)?;
    let minutes: u8 = after(&mut rest, ":")?;
    (zone.len() == 6 && rest.is_empty() && hours < 24 && minutes < 60).then(|| zone.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> String {
        format!("{:?}", plain(text))
    }

    #[test]
    fn words_of_yaml_1_1_stay_text() {
        for word in [
            "yes", "no", "on", "off", "y", "n", "=", "1.2.3", "1:30", "0x", "inf",
        ] {
            assert_eq!(shown(word), format!("Str({word:?})"));
        }
    }

    #[test]
    fn numbers_in_every_notation() {
        assert_eq!(shown("0777"), "Int(511)");
        assert_eq!(shown("0o777"), "Int(511)");
        assert_eq!(shown("1_000"), "Int(1000)");
        assert_eq!(shown("-0b11"), "Int(-3)");
        assert_eq!(shown("08"), "Float(8.0)");
        assert_eq!(shown("+12"), "Int(12)");
        assert_eq!(shown(".5"), "Float(0.5)");
        assert_eq!(shown("1e3"), "Float(1000.0)");
        assert_eq!(shown("18446744073709551615"), "Big(18446744073709551615)");
        assert_eq!(shown("-9223372036854775808"), "Int(-9223372036854775808)");
    }

    #[test]
    fn dates_become_rfc_3339() {
        assert_eq!(shown("2020-01-02"), "Time(\"2020-01-02T00:00:00Z\")");
        assert_eq!(
            shown("2001-12-14t21:59:43.10-05:00"),
            "Time(\"2001-12-14T21:59:43.1-05:00\")"
        );
        assert_eq!(
            shown("2020-1-2 3:04:05.25"),
            "Time(\"2020-01-02T03:04:05.25Z\")"
        );
        for text in [
            "2020-13-02",
            "2020-02-30",
            "2001-12-14 21:59:43.10 -5",
            "2020-01-02T03:04:05",
            "2020-01-02 03:04:05Z",
            "2020-01-02T03:04",
            "2020-1-2x",
        ] {
            assert_eq!(shown(text), format!("Str({text:?})"));
        }
    }
}
