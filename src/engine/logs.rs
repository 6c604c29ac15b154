//! The output of containers of all hosts in order of time (spec §18.2).

use std::io;

use futures_util::future::join_all;
use futures_util::{Stream, StreamExt, TryStreamExt, stream};
use jiff::Timestamp;

use crate::docker::{LogLine, Source};
use crate::error::{Error, Result};
use crate::model::{HostName, ServiceName};
use crate::state::together;

use super::Engine;
use super::merge::{Timed, merge};
use super::select::{Selected, Selection, select};

/// Logs that one host opens at once.
const AT_ONCE: usize = 8;

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
        let selected = select(&seen, selection)?;
        let concerned = nodes.iter().filter_map(|node| {
            let here = selected.iter().filter(|one| one.host == *node.name());
            let here: Vec<&Selected> = here.collect();
            (!here.is_empty()).then_some((node, here))
        });
        let opened = concerned.map(async |(node, here)| {
            let engine = node.engine().await?;
            let opened = here.into_iter().map(async |one| {
                let lines = engine.logs(&one.container.id, &asked).await?;
                Ok::<_, Error>(self.lines_of(one, lines))
            });
            let opened = stream::iter(opened).buffered(AT_ONCE);
            opened.try_collect::<Vec<_>>().await
        });
        let sources = together(join_all(opened).await)?;
        let sources = sources.into_iter().flatten().collect();
        merge(sources, options.follow, sink).await;
        Ok(())
    }

    /// A container's log, each line with where it comes from.
    fn lines_of(
        &self,
        from: &Selected,
        lines: impl Stream<Item = io::Result<LogLine>> + Send + Unpin + 'static,
    ) -> impl Stream<Item = Line> + Send + Unpin + 'static {
        let (from, events) = (from.clone(), self.settings.events.clone());
        lines.filter_map(move |line| {
            let line = match line {
                Ok(line) => Timestamp::from_nanosecond(line.time).ok().map(|time| Line {
                    host: from.host.clone(),
                    service: from.container.service.clone(),
                    replica: from.container.replica,
                    time,
                    stderr: line.source == Source::Stderr,
                    text: line.text,
                }),
                Err(error) => {
                    events.warn(format!(
                        "the log of `{}` on host `{}` ended: {error}",
                        from.container.name, from.host
                    ));
                    None
                }
            };
            std::future::ready(line)
        })
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
