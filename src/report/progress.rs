//! Events as they come: live lines on a terminal, plain lines in a log, JSON lines for programs.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use super::{Format, Report, bytes, clean, seconds};
use crate::event::Event;
use crate::model::HostName;

/// How often a spinner turns.
const TICK: Duration = Duration::from_millis(120);

/// Bytes from which on a log says how far an upload is.
const WORTH_TELLING: u64 = 20_000_000;

/// One host's upload: how much, what, how fast, and how long it will take.
const UPLOAD: &str = "  {bar:16} {wide_msg} {decimal_bytes_per_sec:>11} {eta:>4} left";

/// What is being drawn.
#[derive(Debug)]
pub(super) struct Progress {
    /// None: nothing is drawn live.
    live: Option<MultiProgress>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    steps: BTreeMap<usize, ProgressBar>,
    ships: BTreeMap<HostName, Ship>,
}

/// One host's upload.
#[derive(Debug)]
struct Ship {
    bar: Option<ProgressBar>,
    /// The last quarter that was told as a plain line.
    quarter: u64,
}

impl Progress {
    pub fn new(live: bool) -> Self {
        Self {
            live: live.then(MultiProgress::new),
            state: Mutex::default(),
        }
    }

    /// Runs `print` while nothing is drawn.
    pub fn suspended<T>(&self, print: impl FnOnce() -> T) -> T {
        match &self.live {
            Some(live) => live.suspend(print),
            None => print(),
        }
    }

    fn bar(&self, template: &str) -> Option<ProgressBar> {
        let bar = self.live.as_ref()?.add(ProgressBar::no_length());
        // A template of ours that does not parse would only cost its decoration.
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        bar.enable_steady_tick(TICK);
        Some(bar)
    }
}

/// Shows one event.
pub(super) fn show(report: &Report, event: Event) {
    if report.format() == Format::Json {
        report.stderr_json(&event);
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
        } => shipping(report, host, &what, done, total),
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

/// `sent 5.1 MB of 412 MB (98.8% was there)`.
fn amount_sent(sent: u64, lacked: u64, total: u64) -> String {
    let amount = format!("sent {} of {}", bytes(sent), bytes(total));
    let there = u128::from(total.saturating_sub(lacked)) * 1000 / u128::from(total.max(1));
    if there == 0 {
        return amount;
    }
    format!("{amount} ({}.{}% was there)", there / 10, there % 10)
}

/// `sent 1.2 kB, got 412 MB of 412 MB from node-1`.
fn amount_passed(sent: u64, passed: u64, total: u64, from: &[HostName]) -> String {
    let from: Vec<&str> = from.iter().map(HostName::as_str).collect();
    format!(
        "sent {}, got {} of {} from {}",
        bytes(sent),
        bytes(passed),
        bytes(total),
        from.join(", ")
    )
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
        progress.bar("{spinner} {wide_msg} {elapsed}"),
        progress.state.lock(),
    ) else {
        return;
    };
    bar.set_message(report.redactor().redact(&place(host, title)));
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

fn shipping(report: &Report, host: HostName, what: &str, done: u64, total: u64) {
    let progress = &report.inner.progress;
    let amount = format!("{} of {}", bytes(done), bytes(total));
    let what = report.redactor().redact(what);
    let line = format!("{}  {}", place(Some(&host), &amount), clean(&what));
    let plain = {
        let Ok(mut state) = progress.state.lock() else {
            return;
        };
        let ship = state.ships.entry(host).or_insert_with(|| Ship {
            bar: progress.bar(UPLOAD),
            quarter: 0,
        });
        if let Some(bar) = &ship.bar {
            bar.set_length(total);
            bar.set_position(done);
            bar.set_message(line.clone());
            false
        } else {
            // A log gets a line per quarter, not one per chunk.
            let quarter = done.saturating_mul(4) / total.max(1);
            let told = ship.quarter;
            ship.quarter = quarter;
            total >= WORTH_TELLING && (1..4).contains(&quarter) && quarter != told
        }
    };
    if plain {
        report.line(&format!("  {line}"));
    }
}

#[cfg(test)]
mod tests {
    use super::amount_sent;

    #[test]
    fn what_was_sent_is_compared_with_what_was_needed() {
        let cases = [
            // Packed, and still a part of what was lacking.
            (
                2_600_000,
                5_100_000,
                412_000_000,
                "sent 2.6 MB of 412 MB (98.7% was there)",
            ),
            (
                391_000_000,
                500_000_000,
                500_000_000,
                "sent 391 MB of 500 MB",
            ),
            (1000, 900, 900, "sent 1.0 kB of 900 B"),
            (1, 1, 412_000_000, "sent 1 B of 412 MB (99.9% was there)"),
            (9, 0, 412_000_000, "sent 9 B of 412 MB (100.0% was there)"),
        ];
        for (sent, lacked, total, wanted) in cases {
            assert_eq!(amount_sent(sent, lacked, total), wanted);
        }
    }
}
