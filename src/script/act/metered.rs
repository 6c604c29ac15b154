//! Lua code that waits: every stretch between two waits gets a fresh allowance of processor time.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use crate::error::{Error, Result};
use crate::script::fault::external;
use crate::script::limits::{self, Meter};

/// A future that enters Lua when it is polled.
pub(crate) struct Metered<T> {
    work: Pin<Box<dyn Future<Output = Result<T>> + Send>>,
    meter: Arc<Meter>,
}

impl<T> Metered<T> {
    pub fn new(meter: &Arc<Meter>, work: impl Future<Output = Result<T>> + Send + 'static) -> Self {
        Self {
            work: Box::pin(work),
            meter: Arc::clone(meter),
        }
    }
}

impl<T> Future for Metered<T> {
    type Output = Result<T>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        let meter = Arc::clone(&this.meter);
        let polled = meter.run(|| this.work.as_mut().poll(context));
        match meter.take_overrun() {
            // Whatever the script made of it: it is stopped here, and only it.
            Some(place) => Poll::Ready(Err(limits::too_long(&place))),
            None => polled,
        }
    }
}

/// Runs a primitive's work outside the VM, so that hosts work side by side while the VM runs one
/// script at a time. Dropping the future stops the work.
pub(crate) async fn outside<T: Send + 'static>(
    work: impl Future<Output = Result<T>> + Send + 'static,
) -> mlua::Result<T> {
    let mut task = Stopping(tokio::spawn(work));
    match (&mut task.0).await {
        Ok(result) => result.map_err(external),
        Err(ended) => Err(external(
            Error::user("a primitive of a script ended unexpectedly").cause(ended),
        )),
    }
}

struct Stopping<T>(tokio::task::JoinHandle<T>);

impl<T> Drop for Stopping<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}
