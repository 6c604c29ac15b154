//! What a command prints, line by line, as events; the last lines are kept for the error.

use std::collections::VecDeque;

use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::sync::Mutex;

use crate::event::{Event, Events};

/// Lines that an error repeats.
const KEPT: usize = 20;
/// Longer lines are cut, in bytes.
const LONGEST: usize = 4096;

/// Emits every line of both streams until they end, and returns the last ones. Texts in `hidden`
/// are replaced.
pub(in crate::image) async fn follow(
    (stdout, stderr): (
        Option<impl AsyncRead + Unpin>,
        Option<impl AsyncRead + Unpin>,
    ),
    service: &str,
    hidden: &[String],
    events: &Events,
) -> Vec<String> {
    let last = Mutex::new(VecDeque::new());
    let line = async |line: &[u8]| {
        let mut line = plain(&String::from_utf8_lossy(line));
        for secret in hidden {
            line = line.replace(secret, "***");
        }
        if line.is_empty() {
            return;
        }
        let mut last = last.lock().await;
        if last.len() == KEPT {
            last.pop_front();
        }
        last.push_back(line.clone());
        events.emit(Event::BuildOutput {
            service: service.to_owned(),
            line,
        });
    };
    tokio::join!(lines(stdout, &line), lines(stderr, &line));
    last.into_inner().into()
}

async fn lines(stream: Option<impl AsyncRead + Unpin>, emit: impl AsyncFn(&[u8])) {
    let Some(mut stream) = stream else { return };
    let mut pending = Vec::new();
    let mut chunk = vec![0; 8192];
    while let Ok(n) = stream.read(&mut chunk).await {
        if n == 0 {
            break;
        }
        for &byte in &chunk[..n] {
            // A progress bar ends its line with a carriage return.
            if matches!(byte, b'\n' | b'\r') || pending.len() == LONGEST {
                emit(&pending).await;
                pending.clear();
            }
            if !matches!(byte, b'\n' | b'\r') {
                pending.push(byte);
            }
        }
    }
    emit(&pending).await;
}

/// The line without colours and whatever else commands a terminal.
fn plain(line: &str) -> String {
    let mut plain = String::with_capacity(line.len());
    let mut chars = line.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\u{1b}' if chars.next_if_eq(&'[').is_some() => {
                // Up to the letter that ends the sequence.
                while chars.next_if(|c| !('@'..='~').contains(c)).is_some() {}
                chars.next();
            }
            '\t' => plain.push(c),
            c if c.is_control() => {}
            c => plain.push(c),
        }
    }
    plain.truncate(plain.trim_end().len());
    plain
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    async fn followed(text: &str, hidden: &[String]) -> (Vec<String>, Vec<String>) {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let sink = Arc::clone(&seen);
        let events = Events::new(move |event| {
            let Event::BuildOutput { service, line } = event else {
                panic!("unexpected {event:?}")
            };
            assert_eq!(service, "web");
            sink.lock().unwrap().push(line);
        });
        let last = follow(
            (Some(text.as_bytes()), None::<&[u8]>),
            "web",
            hidden,
            &events,
        )
        .await;
        let seen = seen.lock().unwrap().clone();
        (last, seen)
    }

    #[tokio::test]
    async fn lines_become_events_and_the_last_twenty_are_kept() {
        let text: Vec<_> = (0..30).map(|n| format!("line {n}")).collect();
        let text = text.join("\r\n");
        let (last, seen) = followed(&text, &[]).await;
        assert_eq!(seen.len(), 30);
        assert_eq!(last.len(), 20);
        assert_eq!(last[0], "line 10");
        assert_eq!(last[19], "line 29");
    }

    #[tokio::test]
    async fn hidden_texts_never_show() {
        let hidden = ["hunter2".to_owned()];
        let (last, seen) = followed("RUN login hunter2 ok\nhunter2", &hidden).await;
        assert_eq!(seen, ["RUN login *** ok", "***"]);
        assert_eq!(last, seen);
    }

    #[test]
    fn nothing_commands_the_terminal() {
        assert_eq!(plain("\u{1b}[91mred\u{1b}[0m\tx \u{7}"), "red\tx");
        assert_eq!(plain("\u{1b}[1;31"), "");
        assert_eq!(plain("\u{1b}]0;title\u{7}naïve"), "]0;titlenaïve");
    }

    #[tokio::test]
    async fn an_endless_line_is_cut() {
        let (_, seen) = followed(&"x".repeat(LONGEST * 2 + 1), &[]).await;
        assert_eq!(
            seen.iter().map(String::len).collect::<Vec<_>>(),
            [4096, 4096, 1]
        );
    }
}
