//! All that is wrong with a project as one message: by place, each with its lines, with what to do,
//! and with the other places that a value comes from.

use std::collections::HashMap;
use std::fmt::Write as _;

use super::diagnose::{Brought, Problem};
use super::origin::Origins;
use super::snippet;
use super::source::{FileId, Sources, Span};
use crate::error::Error;

/// Most problems that are shown; a person fixes a few at a time.
pub const SHOWN: usize = 20;

/// Most places that are listed where a thing is in many.
const LISTED: usize = 3;

/// All problems of a load, and how many more there are, as one error (exit 1).
pub fn error(
    sources: &Sources,
    brought: &HashMap<FileId, Brought>,
    (mut problems, more): (Vec<Problem>, usize),
) -> Error {
    // Those without a place come last.
    problems.sort_by_key(|problem| {
        let start = problem.at.range().start;
        (problem.at.file().map_or(usize::MAX, FileId::index), start)
    });
    let groups = grouped(problems);
    let more = more + groups.len().saturating_sub(SHOWN);
    let mut origins = Origins::new(sources, brought);
    let mut hints: Vec<String> = Vec::new();
    let mut message = String::new();
    let single = groups.len() == 1;
    for (mut problem, others) in groups.into_iter().take(SHOWN) {
        if !message.is_empty() {
            message.push_str("\n\n");
        }
        origins.explain(&mut problem);
        message.push_str(&shown(sources, &problem));
        if !others.is_empty() {
            note(&mut message, &format!("the same in {}", listed(&others)));
        }
        let through = origins.through(&problem);
        if !through.is_empty() {
            note(&mut message, &format!("used by {}", listed(&through)));
        }
        for line in chain(sources, brought, problem.at) {
            note(&mut message, &line);
        }
        let hint = problem.hint.filter(|hint| !hints.contains(hint));
        if let Some(hint) = hint {
            if !single {
                note(&mut message, &format!("try: {hint}"));
            }
            hints.push(hint);
        }
    }
    if more > 0 {
        // Writing to a String cannot fail.
        let _ = write!(message, "\n\nand {more} more");
    }
    let error = Error::user(message);
    match hints.pop() {
        Some(hint) if single => error.hint(hint),
        _ => error,
    }
}

/// Problems that say the same of one place, which an alias or `extends` puts into several: the
/// first, and the paths of the others.
fn grouped(problems: Vec<Problem>) -> Vec<(Problem, Vec<String>)> {
    let mut groups: Vec<(Problem, Vec<String>)> = Vec::new();
    for problem in problems {
        let same_place = |(first, _): &&mut (Problem, _)| {
            let said = |problem: &Problem| {
                super::problems::split(&problem.message).map(|(_, said)| said.to_owned())
            };
            first.at == problem.at
                && problem.at != Span::NOWHERE
                && said(first).is_some()
                && said(first) == said(&problem)
        };
        // They are sorted: those of one place are neighbours.
        let group = groups.iter_mut().rev().take(LISTED).find(same_place);
        match (group, super::problems::split(&problem.message)) {
            (Some((first, others)), Some((path, _))) => {
                let path = format!("`{path}`");
                let own = first.message.strip_prefix(path.trim_matches('`'));
                if own.is_none_or(|rest| !rest.starts_with(": ")) && !others.contains(&path) {
                    others.push(path);
                }
            }
            _ => groups.push((problem, Vec::new())),
        }
    }
    groups
}

fn note(message: &mut String, line: &str) {
    message.push_str("\n  ");
    message.push_str(line);
}

/// The first few of them.
fn listed(items: &[String]) -> String {
    let first = items[..items.len().min(LISTED)].join(", ");
    match items.len().saturating_sub(LISTED) {
        0 => first,
        more => format!("{first} and {more} more"),
    }
}

/// Who asked for the file that `at` is in, and for that one.
fn chain(sources: &Sources, brought: &HashMap<FileId, Brought>, at: Span) -> Vec<String> {
    let mut lines = Vec::new();
    let mut next = at.file().and_then(|file| brought.get(&file));
    while let Some(Brought { at, how }) = next
        && lines.len() < LISTED
    {
        let place = place(sources, *at).unwrap_or_default();
        lines.push(format!("{how} in {place}"));
        next = at.file().and_then(|file| brought.get(&file));
    }
    lines
}

/// One problem with the lines it is about.
fn shown(sources: &Sources, problem: &Problem) -> String {
    let mut text = match place(sources, problem.at) {
        Some(place) => format!("{place}: {}", problem.message),
        None => problem.message.clone(),
    };
    if let Some(snippet) = snippet::draw(sources, problem.at, "") {
        text.push('\n');
        text.push_str(&snippet);
    }
    for (at, what) in &problem.also {
        if let Some(snippet) = snippet::draw(sources, *at, what) {
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
