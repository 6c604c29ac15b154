//! Events as they come: live lines on a terminal, plain lines in a log, JSON lines for programs.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use indicatif::style::ProgressTracker;
use indicatif::{MultiProgress, ProgressBar, ProgressState, ProgressStyle};

use super::sums::{amount_passed, amount_sent};
use super::upload::Upload;
use super::{Format, Report, clean, seconds, terminal};
use crate::event::Event;
use crate::model::HostName;

/// How often a spinner turns.
const TICK: Duration = Duration::from_millis(120);

/// Bytes from which on a log says how far an upload is.
const WORTH_TELLING: u64 = 20_000_000;

/// What is being drawn.
#[derive(Debug)]
pub(super) struct Progress {
    /// None: nothing is drawn live.
    live: Option<MultiProgress>,
    state: Mutex<State>,
    /// The moment that times count from.
    origin: Instant,
}

#[derive(Debug, Default)]
struct State {
    steps: BTreeMap<usize, ProgressBar>,
    ships: BTreeMap<HostName, Ship>,
}

/// One host's upload.
#[derive(Debug)]
struct Ship {
    upload: Arc<Mutex<Upload>>,
    bar: Option<ProgressBar>,
    /// The last quarter that was told as a plain line.
    quarter: u64,
}

/// An upload that is drawn as it is at that moment.
#[derive(Clone)]
struct Drawn {
    upload: Arc<Mutex<Upload>>,
    origin: Instant,
}

impl ProgressTracker for Drawn {
    fn clone_box(&self) -> Box<dyn ProgressTracker> {
        Box::new(self.clone())
    }

    fn tick(&mut self, _: &ProgressState, _: Instant) {}

    fn reset(&mut self, _: &ProgressState, _: Instant) {}

    fn write(&self, _: &ProgressState, out: &mut dyn Write) {
        if let Ok(upload) = self.upload.lock() {
            let line = upload.line(self.origin.elapsed(), terminal::columns());
            // A line that cannot be drawn is drawn the next time.
            let _ = out.write_str(&line);
        }
    }
}

impl Progress {
    pub fn new(live: bool) -> Self {
        Self {
            live: live.then(MultiProgress::new),
            state: Mutex::default(),
            origin: Instant::now(),
        }
    }

    /// Runs `print` while nothing is drawn.
    pub fn suspended<T>(&self, print: impl FnOnce() -> T) -> T {
        match &self.live {
            Some(live) => live.suspend(print),
            None => print(),
        }
    }

    /// Something that is drawn from now on. It is complete before it is drawn for the first time.
    fn bar(
        &self,
        template: &str,
        of: impl FnOnce(ProgressStyle) -> ProgressStyle,
    ) -> Option<Bar<'_>> {
        let live = self.live.as_ref()?;
        // A template of ours that does not parse would only cost its decoration.
        let style = ProgressStyle::with_template(template);
        let style = style.unwrap_or_else(|_| ProgressStyle::default_spinner());
        Some(Bar {
            bar: ProgressBar::no_length().with_style(of(style)),
            live,
        })
    }

    /// Takes note of how far an upload is. Returns what a log is told of it now.
    fn ships(&self, host: HostName, what: String, done: u64, total: u64) -> Option<String> {
        let now = self.origin.elapsed();
        let mut state = self.state.lock().ok()?;
        let ship = state.ships.entry(host).or_insert_with_key(|host| Ship {
            upload: Arc::new(Mutex::new(Upload::new(host.clone()))),
            bar: None,
            quarter: 0,
        });
        let (quarter, plain) = {
            let mut upload = ship.upload.lock().ok()?;
            upload.at(now, what, done, total);
            (upload.quarter(), upload.plain(now))
        };
        if ship.bar.is_none() {
            let drawn = Drawn {
                upload: Arc::clone(&ship.upload),
                origin: self.origin,
            };
            let bar = self.bar("{upload}", |style| style.with_key("upload", drawn));
            ship.bar = bar.map(|bar| bar.drawn(String::new()));
        }
        // A log gets a line per quarter, not one per chunk.
        let news = (1..4).contains(&quarter) && quarter != ship.quarter;
        ship.quarter = quarter;
        (news && ship.bar.is_none() && total >= WORTH_TELLING).then_some(plain)
    }

    /// Bytes that go to a host in a second; none: it is too early to say.
    fn rate(&self, host: &HostName) -> Option<u64> {
        let state = self.state.lock().ok()?;
        let upload = state.ships.get(host)?.upload.lock().ok()?;
        upload.rate(self.origin.elapsed())
    }
}

/// What is about to be drawn.
struct Bar<'a> {
    bar: ProgressBar,
    live: &'a MultiProgress,
}

impl Bar<'_> {
    fn drawn(self, message: String) -> ProgressBar {
        let bar = self.live.add(self.bar.with_message(message));
        bar.enable_steady_tick(TICK);
        bar
    }
}

/// Shows one event.
pub(super) fn show(report: &Report, event: Event) {
    if report.format() == Format::Json {
        json(report, &event);
        return;
    }
    let paint = report.inner.err;
    match event {
        Event::Warning { message } => report.warn(&message),
        Event::Notice { message } => report.line(&clean(&message)),
        Event::StageStarted { stage, steps } => {
            report.detail(&format!("{} ({steps} steps)", clean(&stage)));
        }
        Event::StepStarted { step, host, title } => started(report, step, host.as_ref(), &title),
        Event::StepFinished {
            step,
            host,
            title,
            milliseconds,
            error,
        } => {
            finished(report, step, host.as_ref());
            let time = paint.dim(&seconds(milliseconds));
            let what = place(host.as_ref(), &title);
            match error {
                None => report.line(&format!("{} {what}  {time}", paint.green("✔"))),
                Some(error) => {
                    // The whole story is told once, at the end.
                    let first = clean(&error);
                    let first = first.lines().next().unwrap_or_default();
                    let error = paint.red(&short(first));
                    report.line(&format!("{} {what}  {time}  {error}", paint.red("✘")));
                }
            }
        }
        Event::Shipping {
            host,
            what,
            done,
            total,
        } => {
            let what = clean(&report.redactor().redact(&what));
            if let Some(line) = report.inner.progress.ships(host, what, done, total) {
                report.line(&line);
            }
        }
        Event::Shipped {
            host,
            sent,
            lacked,
            total,
            passed,
            from,
        } => {
            uploaded(report, &host);
            let amount = if from.is_empty() {
                amount_sent(sent, lacked, total)
            } else {
                amount_passed(sent, passed, total, &from)
            };
            report.line(&format!("  {}", place(Some(&host), &amount)));
        }
        Event::BuildOutput { service, line } => {
            report.line(&format!("{} {}", paint.cyan(&service), clean(&line)));
        }
        Event::ContainerOutput {
            host,
            container,
            line,
        } => {
            let head = paint.cyan(&format!("{host} {container}"));
            report.line(&format!("{head} {}", clean(&line)));
        }
        Event::ScriptLog { level, message } => match level.as_str() {
            "warn" | "warning" | "error" => report.warn(&message),
            "debug" => report.detail(&clean(&message)),
            _ => report.line(&clean(&message)),
        },
    }
}

/// As a line for programs, an upload with how fast it is.
fn json(report: &Report, event: &Event) {
    let progress = &report.inner.progress;
    let mut rate = None;
    match event {
        Event::Shipping {
            host,
            what,
            done,
            total,
        } => {
            progress.ships(host.clone(), what.clone(), *done, *total);
            rate = progress.rate(host);
        }
        Event::Shipped { host, .. } => uploaded(report, host),
        _ => {}
    }
    match (rate, serde_json::to_value(event)) {
        (Some(rate), Ok(serde_json::Value::Object(mut fields))) => {
            fields.insert("rate".to_owned(), rate.into());
            report.stderr_json(&fields);
        }
        _ => report.stderr_json(event),
    }
}

/// Text that fits on a line with what stands before it.
fn short(text: &str) -> String {
    const LONGEST: usize = 120;
    if text.chars().count() <= LONGEST {
        return text.to_owned();
    }
    text.chars().take(LONGEST - 1).chain(['…']).collect()
}

fn place(host: Option<&HostName>, title: &str) -> String {
    match host {
        Some(host) => format!("{host:<10} {}", clean(title)),
        None => clean(title),
    }
}

fn started(report: &Report, step: usize, host: Option<&HostName>, title: &str) {
    let progress = &report.inner.progress;
    let (Some(bar), Ok(mut state)) = (
        progress.bar("{spinner} {wide_msg} {elapsed}", |style| style),
        progress.state.lock(),
    ) else {
        return;
    };
    let bar = bar.drawn(report.redactor().redact(&place(host, title)));
    state.steps.insert(step, bar);
}

fn finished(report: &Report, step: usize, host: Option<&HostName>) {
    let Ok(mut state) = report.inner.progress.state.lock() else {
        return;
    };
    if let Some(bar) = state.steps.remove(&step) {
        bar.finish_and_clear();
    }
    drop(state);
    if let Some(host) = host {
        uploaded(report, host);
    }
}

/// The host's upload is over.
fn uploaded(report: &Report, host: &HostName) {
    let Ok(mut state) = report.inner.progress.state.lock() else {
        return;
    };
    if let Some(bar) = state.ships.remove(host).and_then(|ship| ship.bar) {
        bar.finish_and_clear();
    }
}
