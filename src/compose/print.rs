//! The printed forms of a loaded project.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::Value as Json;

use super::render::{self, Form};
use super::{Loaded, yaml};
use crate::error::{Error, Explain as _, Result, near_miss};
use crate::model::Digest;

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

/// JSON text with the characters escaped that Go's encoder escapes. None of them can stand outside
/// of a string.
fn escaped(text: String) -> String {
    let special = ['<', '>', '&', '\u{2028}', '\u{2029}'];
    if !text.contains(special) {
        return text;
    }
    let mut out = String::with_capacity(text.len() + 64);
    for c in text.chars() {
        if special.contains(&c) {
            // Writing to a String cannot fail.
            let _ = write!(out, "\\u{:04x}", u32::from(c));
        } else {
            out.push(c);
        }
    }
    out
}

/// Keys of a service that do not change its containers.
const NOT_HASHED: [&str; 5] = ["build", "pull_policy", "scale", "depends_on", "profiles"];

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
        let mut service = service.clone();
        if let (Some(platform), true) = (platform, service.contains_key("build"))
            && !platform.is_empty()
            && !service.contains_key("platform")
        {
            service = with_platform(service, platform);
        }
        service.retain(|key, _| !NOT_HASHED.contains(&key.as_str()));
        if let Some(Json::Object(deploy)) = service.get_mut("deploy") {
            deploy.shift_remove("replicas");
        }
        if let Some(Json::Array(files)) = service.get_mut("env_file") {
            files.iter_mut().for_each(short_env_file);
        }
        let digest = Digest::of(escaped(Json::Object(service).to_string()).as_bytes());
        hashes.push((name.to_owned(), digest.hex().to_owned()));
    }
    Ok(hashes)
}

/// A required env file is its path and nothing else.
fn short_env_file(file: &mut Json) {
    if file["required"] == Json::Bool(true) {
        *file = file["path"].take();
    }
}

/// A service with `platform:` where the order of keys has it: before the first of those that follow.
fn with_platform(
    service: serde_json::Map<String, Json>,
    platform: &str,
) -> serde_json::Map<String, Json> {
    let mut entries = Vec::with_capacity(service.len() + 1);
    let mut later = Vec::new();
    for (key, value) in service {
        if render::follows(&key, "platform") {
            later.push((key, value));
        } else {
            entries.push((key, value));
        }
    }
    entries.push(("platform".to_owned(), Json::from(platform)));
    entries.into_iter().chain(later).collect()
}
