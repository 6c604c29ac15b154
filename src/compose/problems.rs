//! Everything that is wrong with a project, over all passes: each thing once, and nothing that only
//! follows from another.

use std::collections::HashSet;

use super::diagnose::{Checked, MOST, Problem};
use super::source::Span;

/// What the passes found so far.
#[derive(Debug, Default)]
pub struct Problems {
    told: Vec<Problem>,
    /// Places of earlier passes: what a later one says there follows from it.
    spoilt: HashSet<Span>,
    more: usize,
    /// Part of the project could not be read: whether something is missing cannot be told.
    pub incomplete: bool,
}

impl Problems {
    /// Adds what one pass found.
    pub fn add(&mut self, pass: Vec<Problem>) {
        let mut same: HashSet<(Span, String)> = HashSet::new();
        let before = self.told.len();
        for problem in pass {
            if self.told.len() >= MOST {
                self.more += 1;
            } else if !self.follows(&problem, before)
                && same.insert((problem.at, problem.message.clone()))
            {
                self.told.push(problem);
            }
        }
        let new = self.told[before..].iter().filter_map(|told| told.spoils);
        self.spoilt.extend(new);
    }

    /// Adds what is wrong with the types of values, unless parts of these are wrong already.
    pub fn add_types(&mut self, pass: Vec<Problem>) {
        let told = self.told.iter().filter_map(|told| split(&told.message));
        let told: Vec<&str> = told.map(|(path, _)| path).collect();
        let new = pass.into_iter().filter(|problem| {
            let path = split(&problem.message).map(|(path, _)| path);
            path.is_none_or(|path| !told.iter().any(|told| is_below(told, path)))
        });
        let new = new.collect();
        self.add(new);
    }

    /// What the pass made, or nothing and its problems are added.
    pub fn note<T>(&mut self, result: Checked<T>) -> Option<T> {
        result.map_err(|problems| self.add(problems)).ok()
    }

    /// As [`Self::note`], for the types of values.
    pub fn note_types(&mut self, result: Checked<()>) {
        if let Err(problems) = result {
            self.add_types(problems);
        }
    }

    /// Nothing is wrong so far.
    pub fn is_empty(&self) -> bool {
        self.told.is_empty()
    }

    /// All of them, and how many more there are.
    pub fn take(&mut self) -> (Vec<Problem>, usize) {
        (
            std::mem::take(&mut self.told),
            std::mem::take(&mut self.more),
        )
    }

    fn follows(&self, problem: &Problem, before: usize) -> bool {
        let spoilt = |at: &Span| *at != Span::NOWHERE && self.spoilt.contains(at);
        let about = problem.spoils.unwrap_or(problem.at);
        spoilt(&problem.at)
            || spoilt(&about)
            || problem.also.iter().any(|(at, _)| spoilt(at))
            || self.told[..before]
                .iter()
                .any(|told| told.at == problem.at && told.message == problem.message)
    }
}

/// Whether the value at `path` is what `other` is, or a part of it.
fn is_below(path: &str, other: &str) -> bool {
    path.strip_prefix(other)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
}

/// The path that a message begins with, and what it says about it.
pub fn split(message: &str) -> Option<(&str, &str)> {
    let (path, rest) = message.split_once(": ")?;
    (!path.contains([' ', '`', '"'])).then_some((path, rest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compose::source::{FileId, Sources};

    fn file() -> FileId {
        Sources::default().add(
            std::path::Path::new("/a"),
            std::path::Path::new("/"),
            String::new(),
        )
    }

    fn told(problems: &mut Problems) -> Vec<String> {
        let (told, _) = problems.take();
        told.into_iter().map(|problem| problem.message).collect()
    }

    #[test]
    fn what_follows_is_not_told() {
        let (file, mut problems) = (file(), Problems::default());
        let value = Span::new(file, 4, 9);
        problems.add(vec![
            Problem::new(value, "a: must be a list, not a string"),
            Problem::new(value, "a: must be a list, not a string"),
            Problem::new(value, "a: and short"),
        ]);
        problems.add(vec![
            Problem::new(value, "a: cannot be parsed"),
            Problem::new(Span::new(file, 20, 22), "b: differs").also(value, "from this"),
            Problem::new(Span::new(file, 30, 32), "c: wrong too"),
        ]);
        let wanted = [
            "a: must be a list, not a string",
            "a: and short",
            "c: wrong too",
        ];
        assert_eq!(told(&mut problems), wanted);
    }

    #[test]
    fn a_missing_key_leaves_the_rest_to_be_looked_at() {
        let (file, mut problems) = (file(), Problems::default());
        let value = Span::new(file, 4, 9);
        problems.add(vec![
            Problem::new(value, "a: `b` is missing").leaves_the_rest(),
        ]);
        problems.add(vec![Problem::new(value, "a: `c` needs a `d`")]);
        assert_eq!(told(&mut problems).len(), 2);
    }

    #[test]
    fn the_type_of_a_whole_follows_from_that_of_its_part() {
        let (file, mut problems) = (file(), Problems::default());
        let at = |start: usize| Span::new(file, start, start + 1);
        problems.add(vec![Problem::new(
            at(3),
            "a.b.C: must be a string, not a list",
        )]);
        problems.add_types(vec![
            Problem::new(at(1), "a.b: must be a string, not a list"),
            Problem::new(at(9), "a.bc: must be a string, not a list"),
        ]);
        assert_eq!(told(&mut problems).len(), 2);
    }

    #[test]
    fn there_is_an_end_to_them() {
        let mut problems = Problems::default();
        let many = (0..MOST + 7).map(|number| Problem::nowhere(number.to_string()));
        problems.add(many.collect());
        let (told, more) = problems.take();
        assert_eq!((told.len(), more), (MOST, 7));
    }
}
