//! The printed forms of a loaded project.

use serde_json::Value as Json;

use super::{Loaded, yaml};
use crate::error::{Error, Explain as _, Result};
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
pub fn print(loaded: &Loaded, format: Format, interpolated: bool) -> Result<String> {
    let text = match format {
        Format::Json => {
            let sorted = sorted_top(&loaded.tree);
            let text = serde_json::to_string_pretty(&sorted);
            text.explain(|| "cannot print the model")?
        }
        Format::Yaml => yaml::write(&loaded.document),
    };
    Ok(if interpolated {
        text.replace('$', "$$")
    } else {
        text
    })
}

/// The top level and each service sorted by key, as the JSON output has them.
fn sorted_top(tree: &Json) -> Json {
    let Json::Object(map) = tree else {
        return tree.clone();
    };
    let mut keys: Vec<&String> = map.keys().collect();
    keys.sort();
    let mut sorted = serde_json::Map::new();
    for key in keys {
        let value = &map[key];
        let value = if key == "services" {
            sorted_services(value)
        } else {
            value.clone()
        };
        sorted.insert(key.clone(), value);
    }
    Json::Object(sorted)
}

fn sorted_services(services: &Json) -> Json {
    let Json::Object(services) = services else {
        return services.clone();
    };
    let sort = |service: &Json| match service {
        Json::Object(map) => {
            let mut entries: Vec<_> = map.clone().into_iter().collect();
            entries.sort_by(|a, b| a.0.cmp(&b.0));
            Json::Object(entries.into_iter().collect())
        }
        other => other.clone(),
    };
    Json::Object(
        services
            .iter()
            .map(|(key, value)| (key.clone(), sort(value)))
            .collect(),
    )
}

/// The images of the services, sorted, each once: `image:`, or the name a build gives.
pub fn images(loaded: &Loaded) -> Vec<String> {
    let mut images: Vec<String> = loaded.tree["services"]
        .as_object()
        .into_iter()
        .flatten()
        .map(|(name, service)| match service["image"].as_str() {
            Some(image) => image.to_owned(),
            None => format!("{}-{name}", loaded.project.name),
        })
        .collect();
    images.sort();
    images.dedup();
    images
}

/// A digest over the configuration of each named service (`*`: all), by name.
pub fn hash(loaded: &Loaded, wanted: &str) -> Result<Vec<(String, String)>> {
    let services = loaded.tree["services"]
        .as_object()
        .cloned()
        .unwrap_or_default();
    let mut hashes = Vec::new();
    let names: Vec<&str> = wanted.split(',').collect();
    for name in &names {
        if *name != "*" && !services.contains_key(*name) {
            return Err(Error::user(format!(
                "there is no service `{}`",
                name.escape_debug()
            )));
        }
    }
    for (name, service) in &services {
        if names.contains(&"*") || names.contains(&name.as_str()) {
            let digest = Digest::of(service.to_string().as_bytes());
            hashes.push((name.clone(), digest.hex().to_owned()));
        }
    }
    hashes.sort();
    Ok(hashes)
}
