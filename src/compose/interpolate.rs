//! Replaces variables in every string of a document, then casts by path.

use std::collections::BTreeMap;
use std::fmt::Display;

use super::budget;
use super::cast;
use super::diagnose::{Checked, Problem, all_right, tell};
use super::node::{Node, Value};
use super::path::Path;
use super::template::{self, Fault, Variable};

/// Interpolates `node` in place. `warnings` get one line per unset variable.
pub fn run(
    node: &mut Node,
    environment: &BTreeMap<String, String>,
    warnings: &mut Vec<String>,
) -> Checked<()> {
    let lookup = |name: &str| environment.get(name).cloned();
    let mut problems = Vec::new();
    let mut pass = Pass {
        lookup: &lookup,
        warnings,
        problems: &mut problems,
        left: budget::MOST_TEXT,
    };
    pass.visit(node, &Path::ROOT);
    all_right(problems)
}

/// The variables a document mentions, by name.
pub fn variables(node: &Node, found: &mut BTreeMap<String, Variable>) {
    match &node.value {
        Value::Str(text) => template::variables(text, found),
        Value::List(items) => items.iter().for_each(|item| variables(item, found)),
        Value::Map(map) => map.values().for_each(|entry| variables(&entry.node, found)),
        _ => {}
    }
}

struct Pass<'a> {
    lookup: template::Lookup<'a>,
    warnings: &'a mut Vec<String>,
    problems: &'a mut Vec<Problem>,
    /// How much text variables may still make.
    left: usize,
}

impl Pass<'_> {
    fn visit(&mut self, node: &mut Node, path: &Path<'_>) {
        match &mut node.value {
            Value::List(items) => {
                for item in items {
                    self.visit(item, &path.item());
                }
            }
            Value::Map(map) => {
                for (key, entry) in map.iter_mut() {
                    self.visit(&mut entry.node, &path.key(key));
                }
            }
            Value::Str(text) => match self.string(text, path) {
                Ok(Some(value)) => node.value = value,
                Ok(None) => {}
                Err(problem) => {
                    let mut problem = problem.placed(node.at);
                    problem.at = template::faulty(text, self.lookup)
                        .map_or(node.at, |(from, to)| node.at.part(text.len(), from, to));
                    tell(self.problems, problem);
                }
            },
            _ => {}
        }
    }

    fn string(&mut self, text: &str, path: &Path<'_>) -> Result<Option<Value>, Problem> {
        let cast = path.with(cast::at);
        if cast.is_none() && !text.contains('$') {
            return Ok(None);
        }
        let warnings = &mut *self.warnings;
        let mut unset = |name: &str| {
            warn(
                warnings,
                format!("variable `{name}` is not set: an empty string is used"),
            );
        };
        let text = template::substitute(text, self.lookup, &mut unset, &mut self.left)
            .map_err(|fault| problem(path, &fault))?;
        let Some(cast) = cast else {
            return Ok(Some(Value::Str(text.into())));
        };
        let (value, remark) = cast::text(&text, cast)
            .map_err(|message| Problem::nowhere(format!("{path}: {message}")))?;
        if let Some(remark) = remark {
            warn(self.warnings, format!("{path}: {remark}"));
        }
        Ok(Some(value))
    }
}

/// Why the text at `path` could not be interpolated; the place is not known here.
pub fn problem(path: impl Display, fault: &Fault) -> Problem {
    match fault {
        Fault::Malformed => Problem::nowhere(format!(
            "{path}: what follows this `${{` is no variable, or has no `}}`"
        ))
        .hint("write `${NAME}` or `${NAME:-default}` for a variable, and `$$` for a `$`"),
        Fault::Required { name, message } => {
            let colon = if message.is_empty() { "" } else { ": " };
            Problem::nowhere(format!(
                "{path}: variable `{name}` is required and missing{colon}{message}"
            ))
            .hint(format!("set `{name}` in the environment or in an env file"))
        }
        Fault::Long => {
            let most = budget::MOST_TEXT >> 20;
            Problem::nowhere(format!(
                "{path}: with this, variables stand for more than {most} MiB of text"
            ))
        }
    }
}

/// Adds a warning once.
pub fn warn(warnings: &mut Vec<String>, warning: String) {
    if !warnings.contains(&warning) {
        warnings.push(warning);
    }
}
