//! What is not YAML, in the words of whoever wrote it: the parser knows where it had to stop, which
//! is often below the mistake, and not what was meant.

use super::diagnose::Problem;
use super::source::{FileId, Span, floor};
use crate::error::near_miss;

/// Why the text could not be read on from `at`, where the parser says `info`.
pub fn problem(text: &str, file: FileId, at: usize, info: &str) -> Problem {
    let at = floor(text, at);
    let place = |range: Range| Span::new(file, range.start, range.end.max(range.start + 1));
    let stopped = place(at..at + 1);
    let found = conflict(text)
        .or_else(|| tab(text, at))
        .or_else(|| alias(text, at, info))
        .or_else(|| no_space(text, at, info))
        .or_else(|| open_quote(text, at, info))
        .or_else(|| open_bracket(text, at))
        .or_else(|| colon_in_value(text, at, info))
        .or_else(|| indentation(text, at, info))
        .or_else(|| first_character(text, at, info))
        .or_else(|| no_key(text, at, info));
    let Some(Found { range, says, hint }) = found else {
        return Problem::new(stopped, format!("this is not valid YAML: {info}"))
            .hint("put values with special characters in quotes, and check the indentation");
    };
    let line = |at: usize| text[..floor(text, at)].matches('\n').count();
    let far = line(range.start) != line(at) && at < text.len();
    let problem = Problem::new(place(range), says).hint(hint);
    if far {
        problem.also(stopped, "read up to here")
    } else {
        problem
    }
}

type Range = std::ops::Range<usize>;

struct Found {
    range: Range,
    says: String,
    hint: String,
}

fn found(range: Range, says: impl Into<String>, hint: impl Into<String>) -> Found {
    let (says, hint) = (says.into(), hint.into());
    Found { range, says, hint }
}

/// The line that `at` is in: where it starts, and its text.
fn line_at(text: &str, at: usize) -> (usize, &str) {
    let start = text[..at].rfind('\n').map_or(0, |before| before + 1);
    let line = text[start..].lines().next().unwrap_or_default();
    (start, line)
}

/// The last line before the one that starts at `start` which says something.
fn line_before(text: &str, start: usize) -> Option<(usize, &str)> {
    let mut end = start;
    while end > 0 {
        let (start, line) = line_at(text, end - 1);
        if !line.trim().is_empty() && !line.trim_start().starts_with('#') {
            return Some((start, line));
        }
        end = start;
    }
    None
}

fn indent(line: &str) -> usize {
    line.len() - line.trim_start_matches(' ').len()
}

fn conflict(text: &str) -> Option<Found> {
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        if line.starts_with("<<<<<<< ") || line.starts_with(">>>>>>> ") {
            let range = start..start + line.trim_end().len();
            return Some(found(
                range,
                "a merge conflict of git stands here",
                "keep one of the two sides, and remove the lines that start with `<<<<<<<`, \
                 `=======` and `>>>>>>>`",
            ));
        }
        start += line.len();
    }
    None
}

fn tab(text: &str, at: usize) -> Option<Found> {
    let (start, line) = line_at(text, at);
    let spaces = indent(line);
    if !line[spaces..].starts_with('\t') {
        return None;
    }
    let tab = start + spaces;
    Some(found(
        tab..tab + 1,
        "a tab indents this line, and YAML takes only spaces",
        "write spaces in its place, as many as the lines beside it have",
    ))
}

fn alias(text: &str, at: usize, info: &str) -> Option<Found> {
    if !info.contains("unknown anchor") {
        return None;
    }
    let named = |text: &'_ str| {
        let end = text.find(|c: char| c.is_whitespace() || ",[]{}".contains(c));
        end.unwrap_or(text.len())
    };
    let rest = text[at..].strip_prefix('*')?;
    let name = &rest[..named(rest)];
    let known = text[..at].split('&').skip(1);
    let known: Vec<&str> = known.map(|after| &after[..named(after)]).collect();
    let near = near_miss(name, known.into_iter().filter(|name| !name.is_empty()))
        .map_or(String::new(), |near| format!("; did you mean `*{near}`?"));
    let name = name.escape_debug();
    Some(found(
        at..at + 1 + rest.len().min(name.to_string().len()),
        format!("no anchor `&{name}` stands above{near}"),
        format!("write `&{name}` before the value that is repeated, above this line"),
    ))
}

/// `image:nginx`, and then a line that makes the parser doubt.
fn no_space(text: &str, at: usize, info: &str) -> Option<Found> {
    if !info.contains("mapping values are not allowed") && !info.contains("simple key") {
        return None;
    }
    let (start, line) = line_at(text, at);
    [Some((start, line)), line_before(text, start)]
        .into_iter()
        .flatten()
        .find_map(|(start, line)| {
            let content = line.trim_start().trim_start_matches("- ");
            let (key, value) = content.split_once(':')?;
            let word = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
            if key.is_empty() || !key.chars().all(word) || value.is_empty() {
                return None;
            }
            if value.starts_with([' ', '\t', '/']) {
                return None;
            }
            let from = start + line.len() - content.len();
            Some(found(
                from..from + content.trim_end().len(),
                format!("a space is missing after `{key}:`"),
                format!("write `{key}: {}`", value.trim_end()),
            ))
        })
}

/// A quote that nothing closes swallows all that follows.
fn open_quote(text: &str, at: usize, info: &str) -> Option<Found> {
    if !info.contains("quoted scalar") && !info.contains("unexpected eof") {
        return None;
    }
    if info.contains("escape") || info.contains("surrogate") || info.contains("hexadecimal") {
        return None;
    }
    let (mut start, mut line) = line_at(text, at.min(text.len()));
    loop {
        let open = ['"', '\''].into_iter().find_map(|quote| {
            let (first, rest) = line.split_once(quote)?;
            let starts = first.is_empty() || first.ends_with([' ', '[', '{', ',', ':']);
            (starts && rest.matches(quote).count() % 2 == 0).then_some((first.len(), quote))
        });
        if let Some((before, quote)) = open {
            let from = start + before;
            return Some(found(
                from..start + line.trim_end().len(),
                "this quote is never closed",
                format!("add the closing `{quote}` at the end of the value"),
            ));
        }
        (start, line) = line_before(text, start)?;
    }
}

/// The innermost bracket before `at` that is still open.
fn open_bracket(text: &str, at: usize) -> Option<Found> {
    let mut open: Vec<(usize, char)> = Vec::new();
    let mut quote = None;
    let mut before = ' ';
    for (place, c) in text[..at].char_indices() {
        match (quote, c) {
            // A comment ends with its line.
            (Some('#'), '\n') => quote = None,
            (Some(q), c) if q == c && q != '#' => quote = None,
            (None, '#') if before.is_whitespace() => quote = Some('#'),
            (None, '"' | '\'') if before.is_whitespace() || "[{,:".contains(before) => {
                quote = Some(c);
            }
            (None, '[' | '{') if !open.is_empty() || before.is_whitespace() => {
                open.push((place, c));
            }
            (None, ']' | '}') => {
                open.pop();
            }
            _ => {}
        }
        before = c;
    }
    let (place, bracket) = open.pop()?;
    let close = if bracket == '[' { ']' } else { '}' };
    let (_, line) = line_at(text, place);
    let (start, _) = line_at(text, at);
    // On one line, the bracket is probably closed and what is in it is wrong.
    if start <= place && line.contains(close) {
        return None;
    }
    Some(found(
        place..place + 1,
        format!("this `{bracket}` is never closed"),
        format!("add the `{close}`"),
    ))
}

fn colon_in_value(text: &str, at: usize, info: &str) -> Option<Found> {
    if !info.contains("mapping values are not allowed") {
        return None;
    }
    let (start, line) = line_at(text, at);
    let content = line.trim_start().trim_start_matches("- ");
    let (key, value) = content.split_once(": ")?;
    if !value.contains(": ") && !value.trim_end().ends_with(':') || value.contains(['"', '\'']) {
        return None;
    }
    let from = start + line.len() - value.len();
    Some(found(
        from..start + line.trim_end().len(),
        "a `: ` in a value needs quotes around the value",
        format!("write `{key}: '{}'`", value.trim_end()),
    ))
}

fn indentation(text: &str, at: usize, info: &str) -> Option<Found> {
    let expected = [
        "did not find expected",
        "mapping values are not allowed",
        "invalid indentation",
    ];
    if !expected.iter().any(|part| info.contains(part)) {
        return None;
    }
    let (start, line) = line_at(text, at);
    let width = indent(line);
    let (_, above) = line_before(text, start)?;
    let mut columns: Vec<usize> = Vec::new();
    let mut next = line_before(text, start);
    while let Some((start, line)) = next {
        let column = indent(line);
        if columns.last().is_none_or(|last| column < *last) {
            columns.push(column);
        }
        next = if column == 0 {
            None
        } else {
            line_before(text, start)
        };
    }
    if columns.contains(&width) {
        return None;
    }
    let range = start..start + line.trim_end().len();
    if width > indent(above) && !above.trim_end().ends_with(':') {
        return Some(found(
            range,
            "this line is indented below one that has a value already",
            format!(
                "begin it with {} spaces, like the line above it",
                indent(above)
            ),
        ));
    }
    let listed: Vec<String> = columns.iter().rev().map(usize::to_string).collect();
    Some(found(
        range,
        format!("this line begins with {width} spaces, where no line above it begins"),
        format!(
            "lines that belong together begin in one column; above it that is after {} spaces",
            listed.join(" or ")
        ),
    ))
}

/// A value that starts with a character that YAML keeps for itself.
fn first_character(text: &str, at: usize, info: &str) -> Option<Found> {
    let c = text[at..].chars().next()?;
    if !info.contains("unexpected character") && !"@`%".contains(c) {
        return None;
    }
    let (start, line) = line_at(text, at);
    Some(found(
        at..start + line.trim_end().len().max(at - start + 1),
        format!("no value can start with `{}`", c.escape_debug()),
        "put the value in quotes",
    ))
}

fn no_key(text: &str, at: usize, info: &str) -> Option<Found> {
    if !info.contains("simple key") && !info.contains("did not find expected key") {
        return None;
    }
    let (start, line) = line_at(text, at);
    let trimmed = line.trim();
    if trimmed.is_empty() {
        return None;
    }
    let from = start + indent(line);
    Some(found(
        from..from + trimmed.len(),
        "this line is neither `key: value` nor `- item`",
        "add the `:` after the key; a value that goes on over several lines is indented more than \
         its key",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compose::source::Sources;

    fn says(text: &str, at: &str, info: &str) -> String {
        let folder = std::path::Path::new("/");
        let file = Sources::default().add(folder, folder, text.to_owned());
        let at = text.find(at).unwrap_or(text.len());
        problem(text, file, at, info).message
    }

    #[test]
    fn strange_text_is_no_crash() {
        for text in [
            "",
            "\n",
            "é",
            "[",
            "\"é",
            "*",
            "é: é: é",
            "\té",
            "{é]",
            "<<<<<<< ",
        ] {
            for info in [
                "while parsing node, found unknown anchor",
                "mapping values are not allowed in this context",
                "simple key expected ':'",
                "invalid indentation in multiline quoted scalar",
                "did not find expected key",
                "unexpected eof",
                "unexpected character: `é'",
            ] {
                for at in 0..=text.len() + 1 {
                    let folder = std::path::Path::new("/");
                    let file = Sources::default().add(folder, folder, text.to_owned());
                    assert!(!problem(text, file, at, info).message.is_empty());
                }
            }
        }
    }

    #[test]
    fn the_mistake_is_named_and_not_where_it_was_noticed() {
        let values = "mapping values are not allowed in this context";
        assert_eq!(
            says("a:\n  image:nginx\n  ports: x\n", ": x", values),
            "a space is missing after `image:`"
        );
        assert_eq!(
            says("command: echo a: b\n", ": b", values),
            "a `: ` in a value needs quotes around the value"
        );
        assert_eq!(
            says("a: [b\nc: d\n", ": d", "illegal placement of ':' indicator"),
            "this `[` is never closed"
        );
        assert_eq!(
            says(
                "a: \"b\nc: d\n",
                "c",
                "invalid indentation in multiline quoted scalar"
            ),
            "this quote is never closed"
        );
        assert_eq!(
            says("x: &common 1\na: *commn\n", "*", "found unknown anchor"),
            "no anchor `&commn` stands above; did you mean `*common`?"
        );
    }
}
