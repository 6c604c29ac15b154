//! Merges ordered streams from many hosts into one, in order of time.

use std::time::Duration;

use futures_util::Stream;
use futures_util::StreamExt;
use futures_util::future::select_all;
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout_at};

/// How long a line waits for earlier ones from slower hosts while following.
const PATIENCE: Duration = Duration::from_millis(200);

/// Something that happened at a time.
pub trait Timed {
    /// What the order is by; items of one source come in this order already.
    fn time(&self) -> i128;
}

/// Emits the items of all `sources` to `sink`, earliest first.
///
/// Without `follow` every source ends by itself, and the order is exact. With `follow` a quiet
/// source may not hold the others back: an item waits at most 200 ms for earlier ones. Memory is
/// bounded by a few items per source. Returns when all sources ended or `sink` returned false.
pub async fn merge<T, S>(sources: Vec<S>, follow: bool, mut sink: impl FnMut(T) -> bool)
where
    T: Timed + Send + 'static,
    S: Stream<Item = T> + Send + Unpin + 'static,
{
    let mut sources: Vec<Source<T>> = sources.into_iter().map(Source::pump).collect();
    loop {
        let oldest_arrival = sources.iter().filter_map(|s| s.arrived).min();
        let deadline = match oldest_arrival {
            Some(arrived) if follow => Some(arrived + PATIENCE),
            _ => None,
        };
        if sources.iter().any(Source::is_waiting) {
            let next = select_all(
                sources
                    .iter_mut()
                    .filter(|source| source.is_waiting())
                    .map(|source| Box::pin(source.fill())),
            );
            match deadline {
                None => {
                    next.await;
                    continue;
                }
                Some(deadline) => {
                    if timeout_at(deadline, next).await.is_ok() {
                        continue;
                    }
                }
            }
        }
        let earliest = sources
            .iter_mut()
            .filter(|source| source.head.is_some())
            .min_by_key(|source| source.head.as_ref().map(Timed::time));
        let Some(item) = earliest.and_then(Source::take) else {
            return;
        };
        if !sink(item) {
            return;
        }
    }
}

struct Source<T> {
    receiver: mpsc::Receiver<T>,
    head: Option<T>,
    arrived: Option<Instant>,
    open: bool,
}

impl<T: Send + 'static> Source<T> {
    fn pump(mut stream: impl Stream<Item = T> + Send + Unpin + 'static) -> Self {
        let (sender, receiver) = mpsc::channel(64);
        tokio::spawn(async move {
            while let Some(item) = stream.next().await {
                if sender.send(item).await.is_err() {
                    return;
                }
            }
        });
        Self {
            receiver,
            head: None,
            arrived: None,
            open: true,
        }
    }

    fn is_waiting(&self) -> bool {
        self.open && self.head.is_none()
    }

    /// Cancel safe: a receive that is dropped loses nothing.
    async fn fill(&mut self) {
        self.head = self.receiver.recv().await;
        self.open = self.head.is_some();
        self.arrived = self.head.as_ref().map(|_| Instant::now());
    }

    fn take(&mut self) -> Option<T> {
        self.arrived = None;
        self.head.take()
    }
}

#[cfg(test)]
mod tests {
    use futures_util::stream;

    use super::*;

    #[derive(Debug, PartialEq)]
    struct Line(i128);

    impl Timed for Line {
        fn time(&self) -> i128 {
            self.0
        }
    }

    fn source(times: &[i128]) -> stream::Iter<std::vec::IntoIter<Line>> {
        stream::iter(times.iter().map(|t| Line(*t)).collect::<Vec<_>>())
    }

    #[tokio::test]
    async fn finished_sources_come_out_in_exact_order() {
        let mut seen = Vec::new();
        merge(
            vec![source(&[1, 4, 9]), source(&[2, 3]), source(&[])],
            false,
            |line| {
                seen.push(line.0);
                true
            },
        )
        .await;
        assert_eq!(seen, [1, 2, 3, 4, 9]);
    }

    #[tokio::test]
    async fn the_sink_can_end_it() {
        let mut seen = 0;
        merge(vec![source(&[1, 2, 3])], false, |_| {
            seen += 1;
            seen < 2
        })
        .await;
        assert_eq!(seen, 2);
    }

    #[tokio::test(start_paused = true)]
    async fn a_quiet_source_does_not_hold_the_others_back_while_following() {
        let (sender, receiver) = mpsc::channel::<Line>(1);
        let quiet = Box::pin(stream::unfold(receiver, |mut receiver| async {
            receiver.recv().await.map(|line| (line, receiver))
        }));
        let busy = Box::pin(source(&[5, 6]));
        let sources: Vec<std::pin::Pin<Box<dyn Stream<Item = Line> + Send>>> = vec![quiet, busy];
        let mut seen = Vec::new();
        merge(sources, true, |line| {
            seen.push(line.0);
            seen.len() < 2
        })
        .await;
        assert_eq!(seen, [5, 6]);
        drop(sender);
    }
}
