//! A place of a file as people see it: its line, and a caret under what is meant.

use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};

use super::source::{Sources, Span, floor};

/// How much of a line is shown, in bytes; a minified file may be one line of megabytes.
const WIDEST: usize = 160;

/// The line `at` starts on, with a caret under what is meant.
pub fn draw(sources: &Sources, at: Span, label: &str) -> Option<String> {
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
