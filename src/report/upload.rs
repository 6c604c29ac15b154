//! One host's upload as a line: what matters most comes first, and stays when there is little room.

mod pace;

use std::time::Duration;

use self::pace::Pace;
use super::bytes;
use crate::model::HostName;

/// Columns of the bar.
const BAR: u64 = 16;

/// How far an upload is.
#[derive(Debug)]
pub(super) struct Upload {
    host: HostName,
    /// Which blob of how many, and its name.
    what: String,
    done: u64,
    total: u64,
    pace: Pace,
}

impl Upload {
    pub(super) fn new(host: HostName) -> Self {
        Self {
            host,
            what: String::new(),
            done: 0,
            total: 0,
            pace: Pace::default(),
        }
    }

    /// So much is done by now. Times count from any one moment.
    pub(super) fn at(&mut self, now: Duration, what: String, done: u64, total: u64) {
        self.pace.at(now, done);
        (self.what, self.done, self.total) = (what, done, total);
    }

    /// Bytes in a second; none: it is too early to say.
    pub(super) fn rate(&self, now: Duration) -> Option<u64> {
        self.pace.rate(now)
    }

    /// Which quarter it is in, from 0; 4: it is over.
    pub(super) fn quarter(&self) -> u64 {
        self.done.saturating_mul(4) / self.total.max(1)
    }

    /// A line for a log.
    pub(super) fn plain(&self, now: Duration) -> String {
        let mut pieces = vec![format!(
            "  {:<10} {} of {}",
            self.host,
            bytes(self.done),
            bytes(self.total)
        )];
        pieces.push(format!("{}%", self.percent()));
        pieces.extend(self.speed(now));
        pieces.extend(self.left(now));
        pieces.push(self.what.clone());
        pieces.join("  ").trim_end().to_owned()
    }

    /// A line of at most so many columns that is drawn again and again: its parts keep their
    /// places.
    pub(super) fn line(&self, now: Duration, columns: usize) -> String {
        let mut line = format!(
            "  {:<10} {:>7} of {} {:>3}%",
            self.host,
            bytes(self.done),
            bytes(self.total),
            self.percent()
        );
        let pieces = [
            format!("{:>9}", self.speed(now).unwrap_or_default()),
            format!("{:>11}", self.left(now).unwrap_or_default()),
            self.bar(),
        ];
        let fits = |line: &str, piece: &str| {
            let columns = columns.saturating_sub(2);
            line.chars().count() + piece.chars().count() <= columns
        };
        for piece in pieces {
            if !fits(&line, &piece) {
                return line.trim_end().to_owned();
            }
            line = format!("{line}  {piece}");
        }
        // Its name says less than its number.
        let number = self.what.split(',').next().unwrap_or_default();
        let what = [self.what.as_str(), number];
        if let Some(what) = what.into_iter().find(|what| fits(&line, what)) {
            line = format!("{line}  {what}");
        }
        line.trim_end().to_owned()
    }

    fn percent(&self) -> u128 {
        u128::from(self.done) * 100 / u128::from(self.total.max(1))
    }

    fn speed(&self, now: Duration) -> Option<String> {
        Some(format!("{}/s", bytes(self.rate(now)?)))
    }

    fn left(&self, now: Duration) -> Option<String> {
        let left = self.total.checked_sub(self.done).filter(|left| *left > 0)?;
        let seconds = left.div_ceil(self.rate(now)?);
        Some(match seconds {
            0..60 => format!("{seconds}s left"),
            60..3600 => format!("{}m{:02}s left", seconds / 60, seconds % 60),
            _ => format!("{}h{:02}m left", seconds / 3600, seconds / 60 % 60),
        })
    }

    fn bar(&self) -> String {
        let full = u128::from(self.done) * u128::from(BAR) / u128::from(self.total.max(1));
        let piece = |at| if u128::from(at) < full { '█' } else { '░' };
        (0..BAR).map(piece).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MB: u64 = 1_000_000;
    const WHAT: &str = "blob 2 of 12, 1a2b3c4d5e6f";

    fn seconds(count: u64) -> Duration {
        Duration::from_secs(count)
    }

    /// 24 MB at 5 MB/s, three seconds after they began.
    fn upload() -> Upload {
        let mut upload = Upload::new("node-1".parse().unwrap());
        for (now, done) in [(0, 0), (0, 3), (1, 5), (2, 10), (3, 15)] {
            upload.at(seconds(now), WHAT.to_owned(), done * MB, 24 * MB);
        }
        upload
    }

    #[test]
    fn what_matters_most_stays_when_there_is_little_room() {
        let upload = upload();
        for (columns, wanted) in [
            (30, "  node-1     15.0 MB of 24.0 MB  62%"),
            (50, "  node-1     15.0 MB of 24.0 MB  62%   5.0 MB/s"),
            (
                60,
                "  node-1     15.0 MB of 24.0 MB  62%   5.0 MB/s      2s left",
            ),
            (
                80,
                "  node-1     15.0 MB of 24.0 MB  62%   5.0 MB/s      2s left  ██████████░░░░░░",
            ),
            (
                100,
                "  node-1     15.0 MB of 24.0 MB  62%   5.0 MB/s      2s left  ██████████░░░░░░  \
                 blob 2 of 12",
            ),
            (
                120,
                "  node-1     15.0 MB of 24.0 MB  62%   5.0 MB/s      2s left  ██████████░░░░░░  \
                 blob 2 of 12, 1a2b3c4d5e6f",
            ),
        ] {
            let line = upload.line(seconds(3), columns);
            assert_eq!(line, wanted, "{columns}");
            assert!(columns == 30 || line.chars().count() <= columns);
        }
    }

    #[test]
    fn nothing_is_said_of_a_pace_that_nobody_knows_and_nothing_moves() {
        let mut upload = Upload::new("node-1".parse().unwrap());
        upload.at(seconds(0), WHAT.to_owned(), 4 * MB, 24 * MB);
        let bar = "██░░░░░░░░░░░░░░";
        let head = "  node-1      4.0 MB of 24.0 MB  16%";
        let unknown = " ".repeat(2 + 9 + 2 + 11 + 2);
        assert_eq!(upload.line(seconds(0), 80), format!("{head}{unknown}{bar}"));
        assert_eq!(upload.line(seconds(0), 50), head);
        assert_eq!(
            upload.plain(seconds(0)),
            format!("  node-1     4.0 MB of 24.0 MB  16%  {WHAT}")
        );
        assert_eq!(upload.rate(seconds(0)), None);
    }

    #[test]
    fn a_log_gets_everything() {
        assert_eq!(
            upload().plain(seconds(3)),
            format!("  node-1     15.0 MB of 24.0 MB  62%  5.0 MB/s  2s left  {WHAT}")
        );
        assert_eq!(upload().quarter(), 2);
    }

    #[test]
    fn times_are_short_and_an_end_has_none() {
        for (total, wanted) in [
            (15, None),
            (16, Some("1s left")),
            (15 + 59 * 5, Some("59s left")),
            (15 + 60 * 5, Some("1m00s left")),
            (15 + 3599 * 5, Some("59m59s left")),
            (15 + 100 * 3600 * 5, Some("100h00m left")),
        ] {
            let mut upload = upload();
            upload.total = total * MB;
            assert_eq!(upload.left(seconds(3)).as_deref(), wanted, "{total}");
        }
        let mut upload = upload();
        upload.total = 0;
        upload.done = 0;
        assert!(upload.line(seconds(3), 50).contains("0 B of 0 B   0%"));
    }
}
