//! The project's name (spec §7.2).

use std::collections::BTreeMap;
use std::path::Path;

use super::diagnose::Problem;
use super::node::Node;
use super::{interpolate, template};
use crate::error::{Error, Result};
use crate::model::ProjectName;

/// The places a name comes from, strongest first.
pub struct Candidates<'a> {
    /// `-p`.
    pub given: Option<&'a str>,
    /// What variables are set to; `COMPOSE_PROJECT_NAME` names the project.
    pub environment: &'a BTreeMap<String, String>,
    /// `name:` of the last file that has one.
    pub written: Option<&'a Node>,
    /// The context's default.
    pub default: Option<&'a str>,
    /// Its folder.
    pub folder: &'a Path,
    /// Replace variables in `name:`.
    pub interpolate: bool,
}

/// Picks and checks the name.
pub fn resolve(candidates: &Candidates<'_>) -> Result<ProjectName, NameFault> {
    let variable = candidates.environment.get("COMPOSE_PROJECT_NAME");
    if let Some(name) = candidates.given.filter(|name| !name.is_empty()) {
        return strict(name, "--project-name").map_err(NameFault::Plain);
    }
    if let Some(name) = variable.filter(|name| !name.is_empty()) {
        return strict(name, "COMPOSE_PROJECT_NAME").map_err(NameFault::Plain);
    }
    if let Some(node) = candidates.written
        && let Some(text) = node.as_str().filter(|text| !text.is_empty())
    {
        let lookup = |name: &str| candidates.environment.get(name).cloned();
        // A name is short.
        let mut left = 1 << 16;
        let text = if candidates.interpolate {
            template::substitute(text, &lookup, &mut |_| {}, &mut left).map_err(|fault| {
                NameFault::Written(interpolate::problem("name", &fault).placed(node.at))
            })?
        } else {
            text.to_owned()
        };
        return normalise(&text).parse().map_err(|_| {
            let message = format!("name: {text:?} does not give a project name");
            NameFault::Written(Problem::new(node.at, message).hint(RULE))
        });
    }
    if let Some(name) = candidates.default {
        return strict(name, "default_project_name").map_err(NameFault::Plain);
    }
    let base = candidates.folder.file_name().unwrap_or_default();
    let name = normalise(&base.to_string_lossy());
    name.parse().map_err(|_| {
        let folder = candidates.folder.display();
        NameFault::Plain(
            Error::user(format!(
                "the folder `{folder}` does not give a project name"
            ))
            .hint("name the project with `-p`, or with `name:` in the Compose file"),
        )
    })
}

/// For a project whose `name:` is wrong, to look at the rest of it.
pub const STAND_IN: &str = "project";

const RULE: &str = "use lowercase letters, digits, `-` and `_`, starting with a letter or digit";

/// Why there is no name.
pub enum NameFault {
    /// The file's `name:` is wrong.
    Written(Problem),
    /// Something else is.
    Plain(Error),
}

fn strict(name: &str, source: &str) -> Result<ProjectName> {
    let fixed = normalise(name);
    name.parse().map_err(|error: crate::model::NameError| {
        let error = Error::user(format!("{source}: {error}"));
        match fixed.parse::<ProjectName>() {
            Ok(fixed) => error.hint(format!("`{fixed}` would be valid")),
            Err(_) => error,
        }
    })
}

/// Lower case, other characters dropped.
pub fn normalise(name: &str) -> String {
    let kept: String = name
        .to_lowercase()
        .chars()
        .filter(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '_' | '-'))
        .collect();
    kept.trim_start_matches(['_', '-']).to_owned()
}
