//! The output of containers of all hosts in order of time (spec §18.2).

use futures_util::StreamExt;
use jiff::Timestamp;

use crate::error::Result;
use crate::model::{HostName, ServiceName};

use super::Engine;
use super::merge::{Timed, merge};
use super::select::{Selection, select};

/// Which part of the logs.
#[derive(Debug, Clone, Default)]
pub struct LogOptions {
    /// Go on with what comes.
    pub follow: bool,
    /// From this time on.
    pub since: Option<Timestamp>,
    /// Up to this time.
    pub until: Option<Timestamp>,
    /// The last lines of each container only.
    pub tail: Option<u64>,
}

/// A line and where it comes from.
#[derive(Debug, Clone)]
pub struct Line {
    /// The host.
    pub host: HostName,
    /// The service.
    pub service: ServiceName,
    /// The replica's number.
    pub replica: u32,
    /// When it was printed, by the host's clock.
    pub time: Timestamp,
    /// Printed on stderr.
    pub stderr: bool,
    /// The text without its line break.
    pub text: String,
}

impl Timed for Line {
    fn time(&self) -> i128 {
        self.time.as_nanosecond()
    }
}

impl Engine {
    /// Hands the lines of the selected containers to `sink` until it returns false.
    ///
    /// # Errors
    /// Nothing matches; a container's log cannot be read.
    pub async fn logs(
        &self,
        selection: &Selection,
        options: LogOptions,
        sink: impl FnMut(Line) -> bool,
    ) -> Result<()> {
        let seen = self.containers().await?;
        let nodes = self.selected_nodes()?;
        let asked = crate::docker::LogOptions {
            follow: options.follow,
            since: options.since.map(engine_time),
            until: options.until.map(engine_time),
            tail: options.tail,
        };
        let mut sources = Vec::new();
        for selected in select(&seen, selection)? {
            let Some(node) = nodes.get(&selected.host) else {
                continue;
            };
            let engine = node.engine().await?;
            let lines = engine.logs(&selected.container.id, &asked).await?;
            let events = self.settings.events.clone();
            sources.push(lines.filter_map(move |line| {
                let line = match line {
                    Ok(line) => Timestamp::from_nanosecond(line.time).ok().map(|time| Line {
                        host: selected.host.clone(),
                        service: selected.container.service.clone(),
                        replica: selected.container.replica,
                        time,
                        stderr: line.source == crate::docker::Source::Stderr,
                        text: line.text,
                    }),
                    Err(error) => {
                        events.warn(format!(
                            "the log of `{}` on host `{}` ended: {error}",
                            selected.container.name, selected.host
                        ));
                        None
                    }
                };
                std::future::ready(line)
            }));
        }
        merge(sources, options.follow, sink).await;
        Ok(())
    }
}

/// Seconds and nanoseconds since the epoch, as the engine reads times.
fn engine_time(time: Timestamp) -> String {
    format!(
        "{}.{:09}",
        time.as_second(),
        time.subsec_nanosecond().max(0)
    )
}
