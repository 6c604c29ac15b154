//! Ctrl-C and SIGTERM, turned into a request that every room can heed where it does no harm.

use std::future::Future;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use crate::error::{Error, Kind, Result};

/// A request to stop that can be waited for; clones share it.
#[derive(Debug, Clone)]
pub struct Interrupt {
    requested: watch::Receiver<bool>,
}

impl Interrupt {
    /// Listens for SIGINT and SIGTERM from now on, which takes a runtime. The first one requests a
    /// stop; the second one ends the program at once, so a person can always get out.
    #[must_use]
    pub fn listen() -> Self {
        let (sender, requested) = watch::channel(false);
        let signals = (
            signal(SignalKind::interrupt()),
            signal(SignalKind::terminate()),
        );
        // Where signals cannot be had they do what they always do.
        if let (Ok(mut interrupt), Ok(mut terminate)) = signals {
            tokio::spawn(async move {
                let mut next = async || {
                    tokio::select! {
                        _ = interrupt.recv() => {}
                        _ = terminate.recv() => {}
                    }
                };
                next().await;
                sender.send_replace(true);
                next().await;
                // The old release is never stopped before its successor serves, so leaving right
                // here is safe; the next command goes on from what it finds.
                std::process::exit(130);
            });
        }
        Self { requested }
    }

    /// One that never fires.
    #[must_use]
    pub fn never() -> Self {
        Self::manual().1
    }

    /// One that fires when its handle says so, and the handle.
    #[must_use]
    pub fn manual() -> (watch::Sender<bool>, Self) {
        let (sender, requested) = watch::channel(false);
        (sender, Self { requested })
    }

    /// Whether a stop was requested.
    #[must_use]
    pub fn is_requested(&self) -> bool {
        *self.requested.borrow()
    }

    /// Waits until a stop is requested; forever when nobody can request one any more.
    pub async fn requested(&self) {
        let mut receiver = self.requested.clone();
        if receiver.wait_for(|requested| *requested).await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// What `work` comes to, unless a stop is requested before: then it is dropped where it stands.
    ///
    /// # Errors
    /// Those of `work`; what `stopped` makes, which says how things stand then.
    pub fn unless_requested<'a, T>(
        &'a self,
        stopped: impl FnOnce() -> Error + 'a,
        work: impl Future<Output = Result<T>> + 'a,
    ) -> impl Future<Output = Result<T>> + 'a {
        // Boxed: what takes long is large.
        let work = Box::pin(work);
        async move {
            if self.is_requested() {
                return Err(stopped());
            }
            tokio::select! {
                // What is done is done.
                biased;
                result = work => result,
                () = self.requested() => Err(stopped()),
            }
        }
    }
}

/// An error for a stop that was requested; `stands` says what is true now.
#[must_use]
pub fn interrupted(stands: &str) -> Error {
    Error::new(Kind::Interrupted, format!("interrupted: {stands}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stopped() -> Error {
        interrupted("nothing was changed")
    }

    #[tokio::test]
    async fn work_ends_where_it_stands_and_what_is_done_is_done() {
        let (stop, interrupt) = Interrupt::manual();
        let dropped = std::sync::Arc::new(());
        let held = std::sync::Arc::clone(&dropped);
        let endless = interrupt.unless_requested(stopped, async move {
            let never = std::future::pending::<Result<()>>().await;
            drop(held);
            never
        });
        let (ended, ()) = tokio::join!(endless, async {
            stop.send_replace(true);
        });
        let error = ended.unwrap_err();
        assert_eq!(error.kind(), Kind::Interrupted);
        assert_eq!(error.message(), "interrupted: nothing was changed");
        assert_eq!(std::sync::Arc::strong_count(&dropped), 1);
        let late = interrupt.unless_requested(stopped, async { Ok(()) });
        assert!(late.await.is_err(), "nothing begins after a stop");
    }

    #[tokio::test]
    async fn without_a_stop_work_has_its_own_end() {
        let never = Interrupt::never();
        let done = never.unless_requested(stopped, async {
            tokio::task::yield_now().await;
            Ok(3)
        });
        assert_eq!(done.await.unwrap(), 3);
        let failed = never.unless_requested(stopped, async { Err::<(), _>(Error::user("no")) });
        assert_eq!(failed.await.unwrap_err().message(), "no");
    }
}
