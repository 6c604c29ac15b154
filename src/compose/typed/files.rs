//! `configs:` and `secrets:` of a service, with their content.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::Value as Json;

use super::Input;
use super::read::{flag, items, string};
use crate::compose::diagnose::{Checked, Problem};
use crate::compose::source::Span;
use crate::model::{FileMount, MountKind, ServiceMount};

/// Biggest config or secret, in bytes; they travel inside the plan.
const BIGGEST: u64 = 1 << 20;

/// What a config or secret is.
enum Content {
    Bytes(Vec<u8>),
    Folder(PathBuf),
}

/// Reads one of the two sections of a service. Configs that are folders of the project become
/// `mounts`.
pub fn read(
    service: &str,
    section: &str,
    tree: &Json,
    input: &Input<'_>,
    mounts: &mut Vec<ServiceMount>,
) -> Checked<Vec<FileMount>> {
    let mut files = Vec::new();
    let mut problems = Vec::new();
    for item in items(&tree[section]) {
        let key = string(&item["source"]).unwrap_or_default();
        let definition = &input.tree[section][&key];
        let at = input
            .model
            .find(&[section, &key])
            .map_or(Span::NOWHERE, |node| node.at);
        match content(section, &key, definition, input) {
            Ok(Content::Folder(source)) => mounts.push(ServiceMount {
                kind: MountKind::Bind {
                    source,
                    in_project: true,
                    create_host_path: false,
                },
                target: target(section, &key, string(&item["target"])),
                read_only: true,
                options: BTreeMap::new(),
            }),
            Ok(Content::Bytes(content)) => files.push(FileMount {
                target: target(section, &key, string(&item["target"])),
                key,
                content,
                secret: section == "secrets",
                mode: mode(&item["mode"]),
                uid: id(&item["uid"]),
                gid: id(&item["gid"]),
            }),
            Err(message) => {
                let message = format!("services.{service}.{section}: {message}");
                problems.push(Problem::new(at, message));
            }
        }
    }
    if problems.is_empty() {
        Ok(files)
    } else {
        Err(problems)
    }
}

fn content(
    section: &str,
    key: &str,
    definition: &Json,
    input: &Input<'_>,
) -> Result<Content, String> {
    if flag(&definition["external"]) {
        return Err(format!(
            "`{key}` is external, which needs a Swarm; use `file`, `environment` or `content`"
        ));
    }
    if let Some(driver) = string(&definition["driver"]) {
        return Err(format!(
            "`{key}` needs the driver `{driver}`, which needs a Swarm"
        ));
    }
    if let Some(text) = definition["content"].as_str() {
        return Ok(Content::Bytes(text.as_bytes().to_vec()));
    }
    if let Some(variable) = string(&definition["environment"]) {
        return input
            .environment
            .get(&variable)
            .map(|value| Content::Bytes(value.as_bytes().to_vec()))
            .ok_or_else(|| format!("`{key}` is the variable `{variable}`, which is not set"));
    }
    let Some(path) = string(&definition["file"]) else {
        return Err(format!(
            "the content of `{key}` is missing from `{section}`"
        ));
    };
    let shown = Path::new(&path)
        .strip_prefix(input.folder)
        .unwrap_or(Path::new(&path))
        .display();
    let found = std::fs::metadata(&path)
        .map_err(|error| format!("cannot read `{shown}` for `{key}`: {error}"))?;
    if found.is_dir() {
        if section == "secrets" || !Path::new(&path).starts_with(input.folder) {
            return Err(format!(
                "`{shown}` for `{key}` is a folder, which only a config inside the project can be"
            ));
        }
        return Ok(Content::Folder(PathBuf::from(path)));
    }
    if found.len() > BIGGEST {
        return Err(format!(
            "`{shown}` for `{key}` is bigger than 1 MiB; use a volume"
        ));
    }
    let bytes = std::fs::read(&path);
    bytes
        .map(Content::Bytes)
        .map_err(|error| format!("cannot read `{shown}` for `{key}`: {error}"))
}

/// Where it appears in the container.
fn target(section: &str, key: &str, target: Option<String>) -> String {
    let folder = if section == "secrets" {
        "/run/secrets/"
    } else {
        "/"
    };
    match target {
        Some(target) if target.starts_with('/') => target,
        Some(target) => format!("{folder}{target}"),
        None => format!("{folder}{key}"),
    }
}

fn mode(tree: &Json) -> u32 {
    tree.as_str()
        .and_then(|text| u32::from_str_radix(text, 8).ok())
        .unwrap_or(0o444)
}

fn id(tree: &Json) -> Option<u32> {
    tree.as_str()?.parse().ok()
}
