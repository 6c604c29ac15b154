//! `volumes:` of a service.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value as Json, json};

use super::read::{bytes, flag, items, number, string};
use crate::model::{MountKind, ServiceMount};

/// Where engines listen.
const SOCKET: &str = "/var/run/docker.sock";

/// Reads them in order, and the socket that `use_api_socket` asks for.
pub fn read(tree: &Json, folder: &Path) -> Vec<ServiceMount> {
    let mut mounts: Vec<ServiceMount> = items(&tree["volumes"])
        .filter_map(|volume| mount(volume, folder))
        .collect();
    let taken = mounts.iter().any(|mount| mount.target == SOCKET);
    if flag(&tree["use_api_socket"]) && !taken {
        mounts.push(ServiceMount {
            kind: MountKind::Bind {
                source: PathBuf::from(SOCKET),
                in_project: false,
                create_host_path: true,
            },
            target: SOCKET.to_owned(),
            read_only: false,
            options: BTreeMap::new(),
        });
    }
    mounts
}

fn mount(tree: &Json, folder: &Path) -> Option<ServiceMount> {
    let source = string(&tree["source"]);
    let mut options = BTreeMap::new();
    let kind = match (tree["type"].as_str()?, source) {
        ("bind", Some(source)) => {
            let path = PathBuf::from(&source);
            put(&mut options, "BindOptions", bind_options(&tree["bind"]));
            if let Some(label) = string(&tree["bind"]["selinux"]) {
                options.insert("SELinux".to_owned(), json!(label));
            }
            MountKind::Bind {
                in_project: path.starts_with(folder),
                source: path,
                // Without any options the short syntax is meant.
                create_host_path: tree["bind"].is_null() || flag(&tree["bind"]["create_host_path"]),
            }
        }
        ("tmpfs", _) => {
            let mut tmpfs = Map::new();
            if let Some(size) = bytes(&tree["tmpfs"]["size"]) {
                tmpfs.insert("SizeBytes".to_owned(), json!(size));
            }
            if let Some(mode) = number(&tree["tmpfs"]["mode"]) {
                tmpfs.insert("Mode".to_owned(), json!(mode));
            }
            put(&mut options, "TmpfsOptions", tmpfs);
            MountKind::Tmpfs
        }
        ("volume", source) => {
            put(
                &mut options,
                "VolumeOptions",
                volume_options(&tree["volume"]),
            );
            match source {
                Some(key) => MountKind::Volume { key },
                None => MountKind::Anonymous,
            }
        }
        (what, _) => MountKind::Other {
            what: what.to_owned(),
        },
    };
    if let Some(consistency) = string(&tree["consistency"]) {
        options.insert("Consistency".to_owned(), json!(consistency));
    }
    Some(ServiceMount {
        kind,
        target: string(&tree["target"])?,
        read_only: flag(&tree["read_only"]),
        options,
    })
}

fn put(options: &mut BTreeMap<String, Json>, key: &str, value: Map<String, Json>) {
    if !value.is_empty() {
        options.insert(key.to_owned(), Json::Object(value));
    }
}

fn bind_options(tree: &Json) -> Map<String, Json> {
    let mut options = Map::new();
    if let Some(propagation) = string(&tree["propagation"]) {
        options.insert("Propagation".to_owned(), json!(propagation));
    }
    match tree["recursive"].as_str() {
        Some("disabled") => {
            options.insert("NonRecursive".to_owned(), json!(true));
        }
        Some("writable") => {
            options.insert("ReadOnlyNonRecursive".to_owned(), json!(true));
        }
        Some("readonly") => {
            options.insert("ReadOnlyForceRecursive".to_owned(), json!(true));
        }
        _ => {}
    }
    options
}

fn volume_options(tree: &Json) -> Map<String, Json> {
    let mut options = Map::new();
    if flag(&tree["nocopy"]) {
        options.insert("NoCopy".to_owned(), json!(true));
    }
    if let Some(labels) = tree.get("labels") {
        options.insert("Labels".to_owned(), labels.clone());
    }
    if let Some(subpath) = string(&tree["subpath"]) {
        options.insert("Subpath".to_owned(), json!(subpath));
    }
    options
}
