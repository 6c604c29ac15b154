//! What may leave the engine: values that must never be printed, and plans without them.

use serde_json::Value;

use crate::model::{Project, Service, is_secret_name};

const HIDDEN: &str = "***";

/// Every value of the project that must not be printed: secrets' contents, variables and build
/// arguments whose name says so.
#[must_use]
pub fn secret_values(project: &Project) -> Vec<String> {
    project.services.values().flat_map(of_service).collect()
}

fn of_service(service: &Service) -> Vec<String> {
    let files = service
        .files
        .iter()
        .filter(|file| file.secret)
        .filter_map(|file| std::str::from_utf8(&file.content).ok())
        .flat_map(|text| {
            // A secret of several lines is also hidden line by line: output comes in lines.
            text.lines().chain([text.trim()])
        })
        .map(str::to_owned);
    let variables = service
        .template
        .0
        .env
        .iter()
        .flatten()
        .filter_map(|pair| pair.split_once('='))
        .filter(|(name, _)| is_secret_name(name))
        .map(|(_, value)| value.to_owned());
    let hooks = service.post_start.iter().chain(&service.pre_stop);
    let variables = variables.chain(
        hooks
            .flat_map(|hook| &hook.environment)
            .filter_map(|pair| pair.split_once('='))
            .filter(|(name, _)| is_secret_name(name))
            .map(|(_, value)| value.to_owned()),
    );
    let arguments = service
        .build
        .iter()
        .flat_map(|build| &build.args)
        .filter(|(name, _)| is_secret_name(name))
        .filter_map(|(_, value)| value.clone());
    files
        .chain(variables)
        .chain(arguments)
        .filter(|value| !value.is_empty())
        .collect()
}

/// A plan or release as JSON with every secret replaced: contents of secret files, and variables
/// and build arguments whose name says so.
#[must_use]
pub fn published(value: Value) -> Value {
    match value {
        Value::Object(mut map) => {
            if map.get("secret") == Some(&Value::Bool(true)) {
                for key in ["content", "source"] {
                    if let Some(content) = map.get_mut(key) {
                        *content = HIDDEN.into();
                    }
                }
            }
            Value::Object(
                map.into_iter()
                    .map(|(key, value)| {
                        let value = if value.is_string() && is_secret_name(&key) {
                            HIDDEN.into()
                        } else {
                            published(value)
                        };
                        (key, value)
                    })
                    .collect(),
            )
        }
        Value::Array(items) => Value::Array(items.into_iter().map(published).collect()),
        Value::String(text) => Value::String(published_pair(text)),
        other => other,
    }
}

/// `NAME=value` with the value hidden when the name is a secret's.
fn published_pair(text: String) -> String {
    match text.split_once('=') {
        Some((name, value))
            if !value.is_empty()
                && is_secret_name(name)
                && name
                    .chars()
                    .all(|c| c.is_ascii_alphanumeric() || "_.-".contains(c)) =>
        {
            format!("{name}={HIDDEN}")
        }
        _ => text,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn secrets_are_hidden_wherever_they_stand() {
        let plan = json!({
            "body": {"Env": ["DB_PASSWORD=hunter2", "PORT=80", "EMPTY_TOKEN="]},
            "files": [{"path": "/f", "secret": true, "source": {"content": "s3cret"}}],
            "mounts": [{"secret": false, "content": "plain"}],
            "args": {"NPM_TOKEN": "abc", "VERSION": "1"},
        });
        assert_eq!(
            published(plan),
            json!({
                "body": {"Env": ["DB_PASSWORD=***", "PORT=80", "EMPTY_TOKEN="]},
                "files": [{"path": "/f", "secret": true, "source": "***"}],
                "mounts": [{"secret": false, "content": "plain"}],
                "args": {"NPM_TOKEN": "***", "VERSION": "1"},
            })
        );
    }
}
