//! `build:` of a service.

use indexmap::IndexMap;
use serde_json::Value as Json;

use super::Input;
use super::pairs;
use super::read::{bytes, flag, items, number, object, string, strings, texts};
use crate::compose::diagnose::{Checked, Problem};
use crate::compose::paths::is_remote;
use crate::compose::source::Span;
use crate::model::{Build, BuildSecret, NamedContext, SecretSource, ServiceName, Ulimit};

/// Reads it; none when the service has none.
///
/// # Errors
/// A secret that no builder can have.
pub fn read(service: &str, tree: &Json, input: &Input<'_>) -> Checked<Option<Build>> {
    if tree.as_object().is_none() {
        return Ok(None);
    }
    Ok(Some(Build {
        // An empty one stands for the project's folder.
        context: string(&tree["context"]).unwrap_or_else(|| input.folder.display().to_string()),
        dockerfile: string(&tree["dockerfile"]),
        dockerfile_inline: string(&tree["dockerfile_inline"]),
        args: object(&tree["args"])
            .map(|(key, value)| (key.clone(), value.as_str().map(str::to_owned)))
            .collect(),
        target: string(&tree["target"]),
        labels: pairs(&tree["labels"]),
        network: string(&tree["network"]),
        tags: texts(&tree["tags"]),
        pull: flag(&tree["pull"]),
        no_cache: flag(&tree["no_cache"]),
        cache_from: texts(&tree["cache_from"]),
        cache_to: texts(&tree["cache_to"]),
        platforms: texts(&tree["platforms"]),
        extra_hosts: texts(&tree["extra_hosts"])
            .iter()
            .map(|host| host.replacen('=', ":", 1))
            .collect(),
        contexts: strings(&tree["additional_contexts"])
            .map(|(name, value)| (name, context(value, input)))
            .collect(),
        secrets: secrets(service, &tree["secrets"], input)?,
        ssh: texts(&tree["ssh"]),
        shm_size: bytes(&tree["shm_size"]).and_then(|size| u64::try_from(size).ok()),
        ulimits: ulimits(&tree["ulimits"]),
        entitlements: texts(&tree["entitlements"]),
        privileged: flag(&tree["privileged"]),
        isolation: string(&tree["isolation"]),
    }))
}

fn context(value: String, input: &Input<'_>) -> NamedContext {
    let service = value
        .strip_prefix("service:")
        .map(str::parse::<ServiceName>);
    match service {
        Some(Ok(service)) => NamedContext::Service(service),
        _ if value.is_empty() => NamedContext::Folder(input.folder.to_owned()),
        _ if is_remote(&value) => NamedContext::Fetched(value),
        _ => NamedContext::Folder(value.into()),
    }
}

fn ulimits(tree: &Json) -> IndexMap<String, Ulimit> {
    object(tree)
        .filter_map(|(name, value)| {
            let limit = match number(value) {
                Some(both) => Ulimit {
                    soft: both,
                    hard: both,
                },
                None => Ulimit {
                    soft: number(&value["soft"])?,
                    hard: number(&value["hard"])?,
                },
            };
            Some((name.clone(), limit))
        })
        .collect()
}

fn secrets(service: &str, tree: &Json, input: &Input<'_>) -> Checked<Vec<BuildSecret>> {
    let mut secrets = Vec::new();
    let mut problems = Vec::new();
    for item in items(tree) {
        let key = string(&item["source"]).unwrap_or_default();
        if let Some(source) = source(&key, input) {
            // What a container would see as a path, a Dockerfile asks for by name.
            let id = string(&item["target"]).unwrap_or(key);
            secrets.push(BuildSecret { id, source });
            continue;
        }
        let definition = input.model.find(&["secrets", &key]);
        let at = definition.map_or(Span::NOWHERE, |node| node.at);
        let message = format!(
            "services.{service}.build.secrets: `{key}` has neither `file`, `environment` nor \
             `content`, which a build needs"
        );
        problems.push(Problem::new(at, message));
    }
    if problems.is_empty() {
        Ok(secrets)
    } else {
        Err(problems)
    }
}

/// Whether the content can be had is asked when it is needed: most verbs build nothing.
fn source(key: &str, input: &Input<'_>) -> Option<SecretSource> {
    let definition = &input.tree["secrets"][key];
    if let Some(text) = definition["content"].as_str() {
        return Some(SecretSource::Content(text.to_owned().into()));
    }
    if let Some(variable) = string(&definition["environment"]) {
        let value = input.environment.get(&variable).cloned().map(Into::into);
        return Some(SecretSource::Variable(variable, value));
    }
    string(&definition["file"]).map(|path| SecretSource::File(path.into()))
}
