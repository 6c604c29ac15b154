//! What an upload came to, in words.

use super::bytes;
use crate::model::HostName;

/// `sent 2.6 MB of 412 MB (98.7% was there, the rest packed)`.
///
/// What travelled may be less than what the host lacked, because it is packed, and more than there
/// is, because some of it was lost on the way.
pub(super) fn amount_sent(sent: u64, lacked: u64, total: u64) -> String {
    let (travelled, all) = (bytes(sent), bytes(total));
    if sent > total {
        return format!("sent {travelled} for {all}");
    }
    let there = u128::from(total.saturating_sub(lacked)) * 1000 / u128::from(total.max(1));
    let packed = sent < lacked && travelled != bytes(lacked);
    let why = match (there, packed) {
        (0, false) => String::new(),
        (0, true) => " (packed)".to_owned(),
        (_, false) => format!(" ({}.{}% was there)", there / 10, there % 10),
        (_, true) => format!(
            " ({}.{}% was there, the rest packed)",
            there / 10,
            there % 10
        ),
    };
    format!("sent {travelled} of {all}{why}")
}

/// `sent 1.2 kB, got 412 MB of 412 MB from node-1`.
pub(super) fn amount_passed(sent: u64, passed: u64, total: u64, from: &[HostName]) -> String {
    let from: Vec<&str> = from.iter().map(HostName::as_str).collect();
    format!(
        "sent {}, got {} of {} from {}",
        bytes(sent),
        bytes(passed),
        bytes(total),
        from.join(", ")
    )
}

#[cfg(test)]
mod tests {
    use super::amount_sent;

    #[test]
    fn what_was_sent_is_compared_with_what_was_needed() {
        let cases = [
            // Nothing was there: what is missing between the two is packing.
            (
                8_000_000,
                13_000_000,
                13_000_000,
                "sent 8.0 MB of 13.0 MB (packed)",
            ),
            (
                391_000_000,
                500_000_000,
                500_000_000,
                "sent 391 MB of 500 MB (packed)",
            ),
            // Packed, and still a part of what was lacking.
            (
                2_600_000,
                5_100_000,
                412_000_000,
                "sent 2.6 MB of 412 MB (98.7% was there, the rest packed)",
            ),
            (
                331_000,
                15_050_000,
                215_000_000,
                "sent 331 kB of 215 MB (93.0% was there, the rest packed)",
            ),
            (
                5_150_000,
                5_100_000,
                412_000_000,
                "sent 5.2 MB of 412 MB (98.7% was there)",
            ),
            // Nothing to pack, and nothing there.
            (
                13_000_000,
                13_000_000,
                13_000_000,
                "sent 13.0 MB of 13.0 MB",
            ),
            // A blob that was to be made of others and had to be sent whole.
            (
                113_000_000,
                215_000_000,
                215_000_000,
                "sent 113 MB of 215 MB (packed)",
            ),
            // A connection broke, and what was on its way had to go again.
            (
                52_500_000,
                50_000_000,
                50_000_000,
                "sent 52.5 MB for 50.0 MB",
            ),
            (1000, 900, 900, "sent 1.0 kB for 900 B"),
            (1, 1, 412_000_000, "sent 1 B of 412 MB (99.9% was there)"),
            (9, 0, 412_000_000, "sent 9 B of 412 MB (100.0% was there)"),
        ];
        for (sent, lacked, total, wanted) in cases {
            assert_eq!(amount_sent(sent, lacked, total), wanted);
        }
    }
}
