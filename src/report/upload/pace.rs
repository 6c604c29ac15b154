//! How fast bytes go: by what went in the last seconds, not in the first one.

use std::collections::VecDeque;
use std::time::Duration;

/// What goes in this time goes into buffers, as fast as they take it.
const BURST: Duration = Duration::from_secs(1);
/// The seconds that count.
const WINDOW: Duration = Duration::from_secs(5);
/// Shorter stretches say little.
const SHORTEST: Duration = Duration::from_secs(1);
/// Moments this close to each other need not both be kept.
const STEP: Duration = Duration::from_millis(100);

/// Times count from any one moment.
#[derive(Debug, Default)]
pub(super) struct Pace {
    began: Option<Duration>,
    /// When how many bytes had gone, oldest first.
    known: VecDeque<(Duration, u64)>,
}

impl Pace {
    /// So many bytes have gone by now.
    pub(super) fn at(&mut self, now: Duration, done: u64) {
        if self.known.back().is_some_and(|(_, before)| done < *before) {
            // Another attempt.
            *self = Self::default();
        }
        let began = *self.began.get_or_insert(now);
        if now < began + BURST {
            return;
        }
        // The latest always counts; the one before it, when it is not as good as the same.
        let mut latest = self.known.iter().rev().map(|(at, _)| *at);
        if let (Some(last), Some(before)) = (latest.next(), latest.next())
            && last < before + STEP
        {
            self.known.pop_back();
        }
        self.known.push_back((now, done));
        while self.known.get(1).is_some_and(|(at, _)| *at + WINDOW <= now) {
            self.known.pop_front();
        }
    }

    /// Bytes in a second; none: nobody can say yet, or nothing goes.
    pub(super) fn rate(&self, now: Duration) -> Option<u64> {
        let old = |(at, _): &&(Duration, u64)| *at + WINDOW <= now;
        let first = self.known.iter().take_while(old).last();
        let (from, before) = first.or(self.known.front())?;
        let (_, done) = self.known.back()?;
        let took = now.saturating_sub(*from);
        if took < SHORTEST {
            return None;
        }
        let rate = u128::from(done - before) * 1000 / took.as_millis().max(1);
        u64::try_from(rate).ok().filter(|rate| *rate > 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MB: u64 = 1_000_000;

    fn ms(count: u64) -> Duration {
        Duration::from_millis(count)
    }

    /// 24 MB at 5 MB/s, after 3 MB that buffers took at once: at each tenth of a second.
    fn link() -> impl Iterator<Item = (Duration, u64)> {
        (0..42).map(|tenth| (ms(tenth * 100), 3 * MB + tenth * MB / 2))
    }

    #[test]
    fn what_buffers_take_is_no_rate() {
        let mut pace = Pace::default();
        pace.at(ms(0), 0);
        for (now, done) in link() {
            pace.at(now, done);
            match pace.rate(now) {
                None => assert!(now < ms(2000), "{now:?}"),
                Some(rate) => {
                    assert!(now >= ms(2000), "{now:?}");
                    assert_eq!(rate, 5 * MB, "{now:?}");
                }
            }
        }
    }

    #[test]
    fn the_last_seconds_count_and_a_stop_shows() {
        let mut pace = Pace::default();
        for tenth in 0..300 {
            // Ten times as fast in the beginning.
            let done = if tenth < 100 { tenth * 10 } else { 900 + tenth } * MB;
            pace.at(ms(tenth * 100), done);
        }
        assert_eq!(pace.rate(ms(29_900)), Some(10 * MB));
        assert!(pace.rate(ms(32_000)).unwrap() < 10 * MB);
        assert_eq!(pace.rate(ms(34_900)), None);
        assert!(pace.known.len() < 60, "{}", pace.known.len());
    }

    #[test]
    fn another_attempt_begins_anew() {
        let mut pace = Pace::default();
        for second in 0..10 {
            pace.at(ms(second * 1000), second * 5 * MB);
        }
        assert_eq!(pace.rate(ms(9000)), Some(5 * MB));
        pace.at(ms(12_000), 2 * MB);
        assert_eq!(pace.rate(ms(12_500)), None);
        pace.at(ms(13_000), 3 * MB);
        assert_eq!(pace.rate(ms(13_000)), None);
        pace.at(ms(14_000), 4 * MB);
        assert_eq!(pace.rate(ms(14_000)), Some(MB));
    }

    #[test]
    fn many_moments_take_little_memory_and_hide_no_bytes() {
        let mut pace = Pace::default();
        for millisecond in 0..10_000 {
            pace.at(ms(millisecond), millisecond * 1000);
        }
        assert!(pace.known.len() < 60, "{}", pace.known.len());
        let rate = pace.rate(ms(9_999)).unwrap();
        assert!((990_000..=1_000_000).contains(&rate), "{rate}");
    }
}
