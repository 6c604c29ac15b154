//! Sizes and durations as Compose writes them.

/// Bytes of `64m`, `1.5gb`, `1KiB`, `1024`: binary units whatever the spelling.
pub fn bytes(text: &str) -> Result<i64, String> {
    let bad = || format!("{text:?} is not a size; write it like `64m` or `1.5gb`");
    let lower = text.to_ascii_lowercase();
    let split = lower.rfind(|c: char| c.is_ascii_digit() || c == '.' || c == ' ');
    let (number, suffix) = match split {
        Some(at) => lower.split_at(at + 1),
        None => return Err(bad()),
    };
    let number = number.strip_suffix(' ').unwrap_or(number);
    let exponent = match suffix.strip_suffix('b').unwrap_or(suffix) {
        "" => 0,
        "k" | "ki" => 1,
        "m" | "mi" => 2,
        "g" | "gi" => 3,
        "t" | "ti" => 4,
        "p" | "pi" => 5,
        _ => return Err(bad()),
    };
    let number: f64 = number.parse().map_err(|_| bad())?;
    if !number.is_finite() || number < 0.0 {
        return Err(bad());
    }
    let bytes = number * 1024_f64.powi(exponent);
    #[expect(
        clippy::cast_possible_truncation,
        reason = "fractions of a byte are cut, as Compose does"
    )]
    let whole = bytes as i64;
    Ok(whole)
}

const NANOS: [(&str, i64); 9] = [
    ("ns", 1),
    ("us", 1_000),
    ("µs", 1_000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("m", 60_000_000_000),
    ("h", 3_600_000_000_000),
    ("d", 86_400_000_000_000),
    ("w", 604_800_000_000_000),
];

/// Nanoseconds of `1m30s`, `1.5h`, `2d`, `500ms`.
pub fn nanoseconds(text: &str) -> Result<i64, String> {
    let bad = || format!("{text:?} is not a duration; write it like `1m30s`");
    let (negative, mut rest) = match text.strip_prefix(['-', '+']) {
        Some(rest) => (text.starts_with('-'), rest),
        None => (false, text),
    };
    if rest == "0" {
        return Ok(0);
    }
    if rest.is_empty() {
        return Err(bad());
    }
    let mut total = 0_i64;
    while !rest.is_empty() {
        let digits = rest
            .find(|c: char| !c.is_ascii_digit() && c != '.')
            .ok_or_else(bad)?;
        let (number, tail) = rest.split_at(digits);
        let letters = tail
            .find(|c: char| c.is_ascii_digit() || c == '.')
            .unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(letters);
        let (_, scale) = NANOS
            .iter()
            .find(|(name, _)| *name == unit)
            .ok_or_else(bad)?;
        let part = scaled(number, *scale).ok_or_else(bad)?;
        total = total.checked_add(part).ok_or_else(bad)?;
        rest = tail;
    }
    Ok(if negative { -total } else { total })
}

/// `number × scale` without rounding through floating point.
fn scaled(number: &str, scale: i64) -> Option<i64> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if whole.is_empty() && fraction.is_empty() || fraction.contains('.') {
        return None;
    }
    let whole: i64 = if whole.is_empty() {
        0
    } else {
        whole.parse().ok()?
    };
    let mut total = whole.checked_mul(scale)?;
    let mut place = scale;
    for digit in fraction.bytes() {
        place /= 10;
        total = total.checked_add(place.checked_mul(i64::from(digit - b'0'))?)?;
    }
    Some(total)
}

/// Go's notation: `1h0m0s`, `1m30s`, `1.5s`, `500ms`.
pub fn duration_text(nanoseconds: i64) -> String {
    let sign = if nanoseconds < 0 { "-" } else { "" };
    let total = nanoseconds.unsigned_abs();
    let fraction = |value: u64, unit: u64| {
        let rest = value % unit;
        if rest == 0 {
            return (value / unit).to_string();
        }
        let width = unit.ilog10() as usize;
        let digits = format!("{rest:0width$}");
        format!("{}.{}", value / unit, digits.trim_end_matches('0'))
    };
    let text = match total {
        0 => return "0s".to_owned(),
        1..=999 => format!("{total}ns"),
        1_000..=999_999 => format!("{}µs", fraction(total, 1_000)),
        1_000_000..=999_999_999 => format!("{}ms", fraction(total, 1_000_000)),
        _ => {
            let seconds = total / 1_000_000_000;
            let (hours, minutes) = (seconds / 3600, seconds / 60 % 60);
            let rest = format!("{}s", fraction(total % 60_000_000_000, 1_000_000_000));
            match (hours, minutes) {
                (0, 0) => rest,
                (0, minutes) => format!("{minutes}m{rest}"),
                (hours, minutes) => format!("{hours}h{minutes}m{rest}"),
            }
        }
    };
    format!("{sign}{text}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes() {
        for (text, wanted) in [
            ("1024", 1024),
            ("64m", 64 << 20),
            ("1.5gb", 3 << 29),
            ("1KiB", 1024),
            ("2 MB", 2 << 20),
            ("1b", 1),
        ] {
            assert_eq!(bytes(text), Ok(wanted), "{text}");
        }
        for text in ["", "m", "1x", "-1", "1 2 m", "inf", "1mm"] {
            assert!(bytes(text).is_err(), "{text}");
        }
    }

    #[test]
    fn durations() {
        for (text, wanted) in [
            ("90s", "1m30s"),
            ("1h", "1h0m0s"),
            ("1.5s", "1.5s"),
            ("500ms", "500ms"),
            ("1d", "24h0m0s"),
            ("0", "0s"),
            ("1m500us", "1m0.0005s"),
        ] {
            assert_eq!(duration_text(nanoseconds(text).unwrap()), wanted, "{text}");
        }
        for text in ["", "10", "1x", "1h-1m", "s", "99999999999w", "1..2s"] {
            assert!(nanoseconds(text).is_err(), "{text}");
        }
    }
}
