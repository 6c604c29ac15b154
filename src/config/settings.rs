//! `.webpods/config.yml` (spec §4.2).

use super::decode::{Fields, Problems};
use super::yaml;
use crate::error::Result;
use crate::model::ContextName;

/// Repository-wide settings. webpods only reads this file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Settings {
    /// The context used without `-c`.
    pub default_context: Option<ContextName>,
}

impl Settings {
    /// Decodes the file's text; `file` is how messages call it.
    ///
    /// # Errors
    /// YAML that does not parse, unknown keys, wrong types, an impossible name.
    pub fn from_yaml(text: &str, file: &str) -> Result<Self> {
        let problems = Problems::default();
        let mut settings = Self::default();
        match yaml::parse(text) {
            Ok(node) => {
                let fields = Fields::of(&node, "", &["default_context"], &problems);
                if let Some((name, at)) = fields.text("default_context") {
                    match name.parse::<ContextName>() {
                        Ok(name) => settings.default_context = Some(name),
                        Err(error) => problems.add(at, error.to_string()),
                    }
                }
            }
            Err(problem) => problems.push(problem),
        }
        match problems.into_error(file, Some(text)) {
            Some(error) => Err(error),
            None => Ok(settings),
        }
    }
}
