//! Bytes and times as people read them.

/// `532 B`, `12.4 kB`, `1.3 GB`: powers of 1000, as `docker` shows them.
#[must_use]
pub fn bytes(count: u64) -> String {
    const UNITS: [&str; 5] = ["kB", "MB", "GB", "TB", "PB"];
    if count < 1000 {
        return format!("{count} B");
    }
    let count = u128::from(count);
    let mut scale = 1000;
    for (index, unit) in UNITS.iter().enumerate() {
        let tenths = (count * 10 + scale / 2) / scale;
        if tenths < 1000 {
            return format!("{}.{} {unit}", tenths / 10, tenths % 10);
        }
        let whole = (count + scale / 2) / scale;
        if whole < 1000 || index + 1 == UNITS.len() {
            return format!("{whole} {unit}");
        }
        scale *= 1000;
    }
    format!("{count} B")
}

/// `0.4s`, `12s`, `3m05s`.
#[must_use]
pub fn seconds(milliseconds: u64) -> String {
    match milliseconds {
        0..10_000 => format!("{}.{}s", milliseconds / 1000, milliseconds % 1000 / 100),
        10_000..60_000 => format!("{}s", milliseconds / 1000),
        _ => format!("{}m{:02}s", milliseconds / 60_000, milliseconds / 1000 % 60),
    }
}

/// `3 hours ago` for a moment `seconds` in the past.
#[must_use]
pub fn ago(seconds: i64) -> String {
    let (count, unit) = match seconds {
        ..60 => return "just now".to_owned(),
        60..3600 => (seconds / 60, "minute"),
        3600..86_400 => (seconds / 3600, "hour"),
        86_400..1_209_600 => (seconds / 86_400, "day"),
        1_209_600..5_184_000 => (seconds / 604_800, "week"),
        5_184_000..63_072_000 => (seconds / 2_592_000, "month"),
        _ => (seconds / 31_536_000, "year"),
    };
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {unit}{plural} ago")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_short() {
        for (count, text) in [
            (0, "0 B"),
            (999, "999 B"),
            (1000, "1.0 kB"),
            (1049, "1.0 kB"),
            (12_400, "12.4 kB"),
            (123_456, "123 kB"),
            (999_999, "1.0 MB"),
            (1_300_000_000, "1.3 GB"),
            (u64::MAX, "18447 PB"),
        ] {
            assert_eq!(bytes(count), text, "{count}");
        }
    }

    #[test]
    fn times_are_short() {
        assert_eq!(seconds(420), "0.4s");
        assert_eq!(seconds(59_999), "59s");
        assert_eq!(seconds(185_000), "3m05s");
        assert_eq!(ago(-5), "just now");
        assert_eq!(ago(3600), "1 hour ago");
        assert_eq!(ago(86_400 * 3), "3 days ago");
    }
}
