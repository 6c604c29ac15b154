//! What happened, as data. Rooms emit events; only `report` turns them into text.

use std::sync::Arc;

use serde::Serialize;

use crate::model::HostName;

/// One thing that happened, in the order it happened.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// Something a person should know that does not stop the command.
    Warning { message: String },
    /// Something that was decided or found out, one line.
    Notice { message: String },
    /// A stage of the plan begins; its steps run concurrently.
    StageStarted { stage: String, steps: usize },
    /// One step on one host begins.
    StepStarted {
        step: usize,
        host: Option<HostName>,
        title: String,
    },
    /// One step ended. `error` is set when it failed.
    StepFinished {
        step: usize,
        host: Option<HostName>,
        title: String,
        milliseconds: u64,
        #[serde(skip_serializing_if = "Option::is_none")]
        error: Option<String>,
    },
    /// Bytes on their way to a host. `done` and `total` are bytes.
    Shipping {
        host: HostName,
        what: String,
        done: u64,
        total: u64,
    },
    /// Everything a host needs of the images is there. `sent` are bytes on this machine's
    /// connection, packed, `lacked` those that stand behind them, `total` those of the images,
    /// `passed` those of blobs that came `from` other hosts.
    Shipped {
        host: HostName,
        sent: u64,
        lacked: u64,
        total: u64,
        #[serde(skip_serializing_if = "is_zero")]
        passed: u64,
        #[serde(skip_serializing_if = "Vec::is_empty")]
        from: Vec<HostName>,
    },
    /// A line that a build printed.
    BuildOutput { service: String, line: String },
    /// A line that a container printed while it was being watched (a failing health check).
    ContainerOutput {
        host: HostName,
        container: String,
        line: String,
    },
    /// A script called `webpods.log`.
    ScriptLog { level: String, message: String },
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde hands fields over like this"
)]
fn is_zero(count: &u64) -> bool {
    *count == 0
}

/// Where events go. Cheap to clone; calls never block for long.
#[derive(Clone)]
pub struct Events(Arc<dyn Fn(Event) + Send + Sync>);

impl Events {
    /// Events handed to `sink` one by one.
    pub fn new(sink: impl Fn(Event) + Send + Sync + 'static) -> Self {
        Self(Arc::new(sink))
    }

    /// Events that nobody looks at.
    #[must_use]
    pub fn none() -> Self {
        Self::new(|_| {})
    }

    /// Hands one event over.
    pub fn emit(&self, event: Event) {
        (self.0)(event);
    }

    /// Emits [`Event::Warning`].
    pub fn warn(&self, message: impl Into<String>) {
        self.emit(Event::Warning {
            message: message.into(),
        });
    }

    /// Emits [`Event::Notice`].
    pub fn notice(&self, message: impl Into<String>) {
        self.emit(Event::Notice {
            message: message.into(),
        });
    }
}

impl std::fmt::Debug for Events {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Events")
    }
}
