//! The printed forms of a loaded project.

use std::collections::BTreeMap;

use serde_json::Value as Json;

use super::hash::{self, escaped};
use super::render::{self, Form};
use super::{Loaded, yaml};
use crate::error::{Error, Explain as _, Result, near_miss};

/// How `config` prints the model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Format {
    /// Compose's YAML.
    #[default]
    Yaml,
    /// JSON, two spaces, objects at the top sorted by key.
    Json,
}

/// The model as text. `$` is doubled, so that the output is a Compose file again; text that was
/// never interpolated is kept.
pub fn print(loaded: &Loaded, format: Format) -> Result<String> {
    let text = match format {
        Format::Json => {
            if !loaded.raw {
                no_ssh_paths(&loaded.tree)?;
            }
            let sorted = sorted_top(&loaded.tree);
            let text = serde_json::to_string_pretty(&sorted);
            let text = text.explain(|| "cannot print the model")?;
            if text.contains(render::BARE) {
                let error = Error::user("JSON has no numbers that are not finite");
                return Err(error.hint("use `--format yaml`"));
            }
            escaped(text)
        }
        Format::Yaml if loaded.raw => yaml::write(&render::raw(&loaded.model, Form::Yaml, false)),
        Format::Yaml => match render::model(&loaded.model, Form::Yaml) {
            Ok(document) => yaml::write(&document),
            Err(problems) => {
                let messages: Vec<String> = problems.into_iter().map(|one| one.message).collect();
                return Err(Error::user(messages.join("\n")));
            }
        },
    };
    Ok(if loaded.raw || !text.contains('$') {
        text
    } else {
        text.replace('$', "$$")
    })
}

/// Docker Compose cannot print `build.ssh` with a path as JSON, so nobody's scripts may count on it.
fn no_ssh_paths(tree: &Json) -> Result<()> {
    for (name, service) in tree["services"].as_object().into_iter().flatten() {
        let keys = service["build"]["ssh"].as_array().into_iter().flatten();
        if let Some(key) = keys.filter_map(Json::as_str).find(|key| key.contains('=')) {
            let message = format!(
                "services.{name}.build.ssh: `{}` cannot be printed as JSON, as in Docker Compose",
                key.escape_debug()
            );
            return Err(Error::user(message).hint("use `--format yaml`"));
        }
    }
    Ok(())
}

/// The top level sorted by key, as the JSON output has it.
fn sorted_top(tree: &Json) -> BTreeMap<&str, &Json> {
    let map = tree.as_object().into_iter().flatten();
    map.map(|(key, value)| (key.as_str(), value)).collect()
}

/// The hash Compose labels the containers of a service with, of each named service (`*`: all), by
/// name.
pub fn hash(loaded: &Loaded, wanted: &str) -> Result<Vec<(String, String)>> {
    let none = serde_json::Map::new();
    let services = loaded.tree["services"].as_object().unwrap_or(&none);
    let mut names: Vec<&str> = if wanted == "*" {
        services.keys().map(String::as_str).collect()
    } else {
        wanted.split(',').collect()
    };
    names.sort_unstable();
    let platform = loaded.environment.get("DOCKER_DEFAULT_PLATFORM");
    let mut hashes = Vec::with_capacity(names.len());
    for name in names {
        let Some(Json::Object(service)) = services.get(name) else {
            let near = near_miss(name, services.keys().map(String::as_str))
                .map_or(String::new(), |near| format!("; did you mean `{near}`?"));
            let name = name.escape_debug();
            return Err(Error::user(format!("there is no service `{name}`{near}")));
        };
        let platform = platform.map(String::as_str);
        hashes.push((name.to_owned(), hash::service(service, platform)));
    }
    Ok(hashes)
}
