//! What is wrong with a file, where, and how it is shown: position, line, caret.

use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};

use super::source::{Sources, Span, floor};
use crate::error::Error;

/// One thing wrong with the input.
#[derive(Debug, Clone)]
pub struct Problem {
    /// Where; [`Span::NOWHERE`] when no single place is to blame.
    pub at: Span,
    /// What is wrong, one sentence.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
    /// Other places that take part, with what they are.
    pub also: Vec<(Span, String)>,
}

impl Problem {
    /// `message` about what stands at `at`.
    pub fn new(at: Span, message: impl Into<String>) -> Self {
        Self {
            at,
            message: message.into(),
            hint: None,
            also: Vec::new(),
        }
    }

    /// A problem of the project as a whole.
    pub fn nowhere(message: impl Into<String>) -> Self {
        Self::new(Span::NOWHERE, message)
    }

    /// Adds what to do.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Adds another place that takes part.
    #[must_use]
    pub fn also(mut self, at: Span, what: impl Into<String>) -> Self {
        self.also.push((at, what.into()));
        self
    }
}

/// `Result` of a pass; several problems when it could look further after the first.
pub type Checked<T> = Result<T, Vec<Problem>>;

/// Gives up with one problem.
pub fn fail<T>(at: Span, message: impl Into<String>) -> Checked<T> {
    Err(vec![Problem::new(at, message)])
}

/// Most problems that are shown; a person fixes a few at a time.
pub const SHOWN: usize = 20;

/// All problems of a load as one error (exit 1).
pub fn error(sources: &Sources, mut problems: Vec<Problem>) -> Error {
    problems.dedup_by(|a, b| a.at == b.at && a.message == b.message);
    let mut message = String::new();
    let mut hints = Vec::new();
    for problem in problems.iter().take(SHOWN) {
        if !message.is_empty() {
            message.push_str("\n\n");
        }
        message.push_str(&shown(sources, problem));
        if let Some(hint) = &problem.hint
            && !hints.contains(hint)
        {
            hints.push(hint.clone());
        }
    }
    hints.into_iter().fold(Error::user(message), Error::hint)
}

/// One problem with the lines it is about.
fn shown(sources: &Sources, problem: &Problem) -> String {
    let mut text = match place(sources, problem.at) {
        Some(place) => format!("{place}: {}", problem.message),
        None => problem.message.clone(),
    };
    if let Some(snippet) = snippet(sources, problem.at, "") {
        text.push('\n');
        text.push_str(&snippet);
    }
    for (at, what) in &problem.also {
        if let Some(snippet) = snippet(sources, *at, what) {
            text.push('\n');
            if at.file() != problem.at.file()
                && let Some(place) = place(sources, *at)
            {
                text.push_str(" --> ");
                text.push_str(&place);
                text.push('\n');
            }
            text.push_str(&snippet);
        }
    }
    text
}

/// `file:line:column`.
pub fn place(sources: &Sources, at: Span) -> Option<String> {
    let (line, column) = sources.position(at)?;
    Some(format!(
        "{}:{line}:{column}",
        sources.get(at.file()?)?.shown
    ))
}

/// How much of a line is shown, in bytes; a minified file may be one line of megabytes.
const WIDEST: usize = 160;

/// The line `at` starts on, with a caret under what is meant.
fn snippet(sources: &Sources, at: Span, label: &str) -> Option<String> {
    let source = sources.get(at.file()?)?;
    let (line, _) = sources.position(at)?;
    let text = &source.text;
    let start = floor(text, at.range().start);
    let line_start = text[..start].rfind('\n').map_or(0, |at| at + 1);
    let line_end = text[start..]
        .find(['\n', '\r'])
        .map_or(text.len(), |at| start + at);
    let from = floor(text, line_start.max(start.saturating_sub(WIDEST / 2)));
    let to = floor(text, line_end.min(start + WIDEST)).max(from);
    let end = floor(text, at.range().end).clamp(start, to);
    // Control characters would let a file draw on the terminal.
    let shown: String = text[from..to]
        .chars()
        .map(|c| {
            if c.is_control() && c != '\t' {
                '\u{fffd}'
            } else {
                c
            }
        })
        .collect();
    let before: usize = text[from..start].chars().map(width).sum();
    let marked: usize = text[start..end].chars().map(width).sum();
    let range = before..(before + marked).min(shown.len());
    let mut annotation = AnnotationKind::Primary.span(range);
    if !label.is_empty() {
        annotation = annotation.label(label);
    }
    let group = Level::ERROR.no_name().primary_title("").element(
        Snippet::source(shown.as_str())
            .line_start(line)
            .fold(false)
            .annotation(annotation),
    );
    let drawn = Renderer::plain().render(&[group]);
    // The renderer's heading and file line repeat what the message already says.
    let lines: Vec<&str> = drawn
        .lines()
        .filter(|line| line.contains('|') && !line.trim_start().starts_with("-->"))
        .collect();
    Some(lines.join("\n"))
}

/// Bytes of `c` as the snippet shows it.
fn width(c: char) -> usize {
    if c.is_control() && c != '\t' {
        '\u{fffd}'.len_utf8()
    } else {
        c.len_utf8()
    }
}
