//! Sizes for people.

/// `1.4 GB`; decimal units, as disks and Docker count.
pub(super) fn amount(bytes: u64) -> String {
    let units = [("TB", 12), ("GB", 9), ("MB", 6), ("kB", 3)];
    for (unit, power) in units {
        let one = 10_u64.pow(power);
        if bytes >= one {
            return format!("{}.{} {unit}", bytes / one, bytes % one / (one / 10));
        }
    }
    format!("{bytes} B")
}

#[cfg(test)]
mod tests {
    use super::amount;

    #[test]
    fn amounts_have_a_unit_and_one_decimal() {
        assert_eq!(amount(999), "999 B");
        assert_eq!(amount(1_999), "1.9 kB");
        assert_eq!(amount(1_450_000_000), "1.4 GB");
        assert_eq!(amount(u64::MAX), "18446744.0 TB");
    }
}
