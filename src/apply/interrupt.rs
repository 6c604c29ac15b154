//! Ctrl-C and SIGTERM, turned into a flag that a rollout looks at between steps.

use tokio::sync::watch;

/// A request to stop that can be waited for; clones share it.
#[derive(Debug, Clone)]
pub struct Interrupt {
    requested: watch::Receiver<bool>,
}

impl Interrupt {
    /// Listens for SIGINT and SIGTERM from now on. The first one requests a stop; the second one
    /// is the default action again, so a person can always get out.
    #[must_use]
    pub fn listen() -> Self {
        let (sender, requested) = watch::channel(false);
        tokio::spawn(async move {
            use tokio::signal::unix::{SignalKind, signal};
            let (Ok(mut interrupt), Ok(mut terminate)) = (
                signal(SignalKind::interrupt()),
                signal(SignalKind::terminate()),
            ) else {
                return;
            };
            let mut seen = false;
            loop {
                tokio::select! {
                    _ = interrupt.recv() => {}
                    _ = terminate.recv() => {}
                }
                if seen {
                    // The old release is never stopped before its successor serves, so leaving
                    // right here is safe; the next `up` converges from what it finds.
                    std::process::exit(130);
                }
                seen = true;
                if sender.send(true).is_err() {
                    return;
                }
            }
        });
        Self { requested }
    }

    /// One that never fires, and the handle that makes it fire.
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
}
