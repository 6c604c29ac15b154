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
            return Value::Time(date);
        }
        if let Some(number) = number(text) {
            return number;
        }
    }
    Value::Str(text.to_owned())
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
        .flatten()?;
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

/// A date or time in one of YAML's notations, as RFC 3339.
fn timestamp(text: &str) -> Option<String> {
    let bytes = text.as_bytes();
    if bytes.len() < 8 || bytes.get(4) != Some(&b'-') || !bytes[..4].iter().all(u8::is_ascii_digit)
    {
        return None;
    }
    if let Ok(date) = jiff::fmt::strtime::parse("%Y-%m-%d", text).and_then(|t| t.to_date()) {
        return (bytes.len() == 10).then(|| format!("{date}T00:00:00Z"));
    }
    let split = text.find(['T', 't', ' '])?;
    let (date, rest) = text.split_at(split);
    let rest = rest[1..].trim_start();
    let (time, zone) = match rest.find(['Z', '+', '-']) {
        Some(at) => (rest[..at].trim_end(), &rest[at..]),
        None => (rest, "Z"),
    };
    let date: jiff::civil::Date = jiff::fmt::strtime::parse("%Y-%m-%d", date)
        .and_then(|t| t.to_date())
        .ok()?;
    let time: jiff::civil::Time = jiff::fmt::strtime::parse("%H:%M:%S%.f", time)
        .and_then(|t| t.to_time())
        .ok()?;
    let zone = match zone {
        "Z" => "Z".to_owned(),
        zone => offset(zone)?,
    };
    Some(format!("{}{zone}", date.to_datetime(time)))
}

/// `+1`, `+01`, `+01:30` as `+01:30`.
fn offset(zone: &str) -> Option<String> {
    let (sign, rest) = zone.split_at(1);
    let (hours, minutes) = rest.split_once(':').unwrap_or((rest, "00"));
    let hours: u8 = hours.parse().ok()?;
    let minutes: u8 = minutes.parse().ok()?;
    Some(format!("{sign}{hours:02}:{minutes:02}"))
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
        assert_eq!(shown("2020-13-02"), "Str(\"2020-13-02\")");
    }
}
