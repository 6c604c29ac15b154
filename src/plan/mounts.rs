//! A service's mounts on one host: volumes by resolved name, binds, tmpfs, and the project's own
//! files, which are shipped to hosts that are not this machine.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use bollard::models::{Mount, MountType};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::volumes::Volume;
use super::{FileSource, StagedFile, paths};
use crate::error::{Error, Explain, Result};
use crate::model::{Digest, FileMount, Host, MountKind, Service, ServiceMount, StackKey};

/// What the engine and the `prepare` step get.
#[derive(Debug, Default)]
pub(super) struct Mounted {
    /// `HostConfig.Binds`.
    pub binds: Vec<String>,
    /// `HostConfig.Mounts`.
    pub mounts: Vec<Mount>,
    /// What must be on the host before.
    pub files: Vec<StagedFile>,
}

/// Where the project's own files come from.
#[derive(Clone, Copy)]
pub(super) struct Files<'a> {
    pub digests: &'a BTreeMap<PathBuf, Digest>,
    /// The files of an older release: on the hosts, perhaps no longer here.
    pub kept: bool,
}

/// The mounts of `service` on `host`.
///
/// # Errors
/// A writable bind of the project's own files on a host that is not this machine, a bind of a path
/// that is not there, or options the engine does not know.
pub(super) fn mounts(
    key: &StackKey,
    service: &Service,
    volumes: &[Volume],
    files: Files<'_>,
    host: &Host,
) -> Result<Mounted> {
    let mut mounted = Mounted::default();
    for mount in &service.mounts {
        match &mount.kind {
            MountKind::Volume { key: volume } => {
                let name = volumes.iter().find(|known| known.key == *volume);
                let name = name.map(|known| known.name.as_str());
                match name.and_then(|name| older(mount, name)) {
                    Some(line) => mounted.binds.push(line),
                    None => mounted.mounts.push(typed(
                        service,
                        mount,
                        MountType::VOLUME,
                        name.map(str::to_owned),
                    )?),
                }
            }
            MountKind::Anonymous => {
                mounted
                    .mounts
                    .push(typed(service, mount, MountType::VOLUME, None)?);
            }
            MountKind::Other { what } => return Err(not_carried_out(service, mount, what)),
            MountKind::Tmpfs => {
                mounted
                    .mounts
                    .push(typed(service, mount, MountType::TMPFS, None)?);
            }
            MountKind::Bind {
                source,
                in_project: true,
                ..
            } if !host.local => {
                let file = own_file(key, service, mount, source, files, host)?;
                let source = Some(file.path.clone());
                let read_only = ServiceMount {
                    read_only: true,
                    ..mount.clone()
                };
                mounted
                    .mounts
                    .push(typed(service, &read_only, MountType::BIND, source)?);
                mounted.files.push(file);
            }
            MountKind::Bind {
                source,
                create_host_path,
                ..
            } => bind(service, mount, source, *create_host_path, &mut mounted)?,
        }
    }
    for file in &service.files {
        let staged = content_file(key, file);
        mounted.mounts.push(Mount {
            typ: Some(MountType::BIND),
            source: Some(staged.path.clone()),
            target: Some(file.target.clone()),
            read_only: Some(true),
            ..Mount::default()
        });
        mounted.files.push(staged);
    }
    Ok(mounted)
}

fn not_carried_out(service: &Service, mount: &ServiceMount, what: &str) -> Error {
    let target = mount.target.escape_debug();
    let error = Error::user(format!(
        "service `{}` has a mount of type `{}` at `{target}`, which hosts cannot have",
        service.name,
        what.escape_debug()
    ));
    match what {
        "image" => error.hint("copy the files into the service's own image: `COPY --from=…`"),
        "npipe" => error.hint("named pipes are of Windows; mount a socket with `type: bind`"),
        _ => error.hint("cluster volumes are of Swarm; use a named volume"),
    }
}

fn content_file(key: &StackKey, file: &FileMount) -> StagedFile {
    let digest = Digest::of(&file.content);
    StagedFile {
        path: paths::owned_file(key, &digest, file.mode, file.uid, file.gid),
        mode: file.mode,
        uid: file.uid,
        gid: file.gid,
        source: FileSource::Content(file.content.clone()),
        secret: file.secret,
    }
}

fn own_file(
    key: &StackKey,
    service: &Service,
    mount: &ServiceMount,
    source: &Path,
    files: Files<'_>,
    host: &Host,
) -> Result<StagedFile> {
    let shown = source.display().to_string();
    let shown = shown.escape_debug();
    if !mount.read_only {
        return Err(Error::user(format!(
            "service `{}` mounts `{shown}` of the project writable at `{}`, but host `{}` is \
             another machine: what the container writes would not come back",
            service.name,
            mount.target.escape_debug(),
            host.name
        ))
        .hint("add `:ro` to ship the files with each release, or use a named volume for data"));
    }
    let Some(digest) = files.digests.get(source) else {
        return Err(Error::user(format!(
            "service `{}` mounts `{shown}`, which does not exist, so it cannot be shipped to host \
             `{}`",
            service.name, host.name
        ))
        .hint("create it, or correct the path in `volumes:`"));
    };
    Ok(StagedFile {
        path: paths::file(key, digest),
        mode: 0,
        uid: None,
        gid: None,
        source: if files.kept {
            FileSource::Kept
        } else {
            FileSource::Local(source.to_owned())
        },
        secret: false,
    })
}

/// The mount in the form of `HostConfig.Binds`, when that form has room for all of its options.
/// Docker Compose prefers it too: in this form every engine creates a missing folder, and labels
/// files for `SELinux`.
fn older(mount: &ServiceMount, source: &str) -> Option<String> {
    let room = |option: &String| matches!(option.as_str(), "Consistency" | "SELinux");
    if source.contains(':') || mount.target.contains(':') || !mount.options.keys().all(room) {
        return None;
    }
    let mode = if mount.read_only { "ro" } else { "rw" };
    let label = mount.options.get("SELinux").and_then(Value::as_str);
    let label = label.map_or_else(String::new, |label| format!(",{label}"));
    Some(format!("{source}:{}:{mode}{label}", mount.target))
}

/// A path of the host.
fn bind(
    service: &Service,
    mount: &ServiceMount,
    source: &Path,
    create: bool,
    mounted: &mut Mounted,
) -> Result<()> {
    let Some(source) = source.to_str() else {
        return Err(Error::user(format!(
            "service `{}` mounts a path that is not UTF-8: `{}`",
            service.name,
            source.display().to_string().escape_debug()
        )));
    };
    if let Some(line) = older(mount, source).filter(|_| create) {
        mounted.binds.push(line);
        return Ok(());
    }
    let source = Some(source.to_owned());
    let mut mount = typed(service, mount, MountType::BIND, source)?;
    if create {
        mount.bind_options.get_or_insert_default().create_mountpoint = Some(true);
    }
    mounted.mounts.push(mount);
    Ok(())
}

fn typed(
    service: &Service,
    mount: &ServiceMount,
    typ: MountType,
    source: Option<String>,
) -> Result<Mount> {
    Ok(Mount {
        typ: Some(typ),
        source,
        target: Some(mount.target.clone()),
        read_only: mount.read_only.then_some(true),
        consistency: option(service, mount, "Consistency")?,
        bind_options: option(service, mount, "BindOptions")?,
        volume_options: option(service, mount, "VolumeOptions")?,
        tmpfs_options: option(service, mount, "TmpfsOptions")?,
        ..Mount::default()
    })
}

fn option<T: DeserializeOwned>(
    service: &Service,
    mount: &ServiceMount,
    name: &str,
) -> Result<Option<T>> {
    let Some(value) = mount.options.get(name) else {
        return Ok(None);
    };
    serde_json::from_value(value.clone()).explain(|| {
        format!(
            "service `{}`: the options of the mount at `{}` are not what the engine takes",
            service.name,
            mount.target.escape_debug()
        )
    })
}
