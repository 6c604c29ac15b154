//! A terminal handed over to a program elsewhere: every key as it is typed, sizes as they change.

use rustix::stdio::{stderr, stdin, stdout};
use rustix::termios::{OptionalActions, Termios, tcgetattr, tcgetwinsize, tcsetattr};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use crate::error::{Explain, Result};

/// Raw while it lives; as it was before when dropped.
#[derive(Debug)]
pub struct Terminal {
    before: Termios,
    sizes: watch::Receiver<(u16, u16)>,
}

impl Terminal {
    /// Takes the terminal over. Needs a running runtime: size changes arrive as signals.
    ///
    /// # Errors
    /// Standard input is not a terminal.
    pub fn raw() -> Result<Self> {
        let before = tcgetattr(stdin()).explain(|| "standard input is not a terminal")?;
        let mut raw = before.clone();
        raw.make_raw();
        tcsetattr(stdin(), OptionalActions::Now, &raw)
            .explain(|| "the terminal cannot be handed over")?;
        let (sender, sizes) = watch::channel(size());
        tokio::spawn(async move {
            let Ok(mut changes) = signal(SignalKind::window_change()) else {
                return;
            };
            while changes.recv().await.is_some() {
                if sender.send(size()).is_err() {
                    return;
                }
            }
        });
        Ok(Self { before, sizes })
    }

    /// Rows and columns, now and as they change.
    #[must_use]
    pub fn sizes(&self) -> watch::Receiver<(u16, u16)> {
        self.sizes.clone()
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // Nothing better can be done when the terminal is gone.
        let _ = tcsetattr(stdin(), OptionalActions::Now, &self.before);
    }
}

/// Columns of the terminal that progress is drawn on.
pub(super) fn columns() -> usize {
    let size = tcgetwinsize(stderr()).ok();
    let columns = size.map(|size| size.ws_col).filter(|columns| *columns > 0);
    usize::from(columns.unwrap_or(80))
}

fn size() -> (u16, u16) {
    tcgetwinsize(stdout()).map_or((24, 80), |size| (size.ws_row, size.ws_col))
}
