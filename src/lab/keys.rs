//! The keys of a lab: one to log in with, and one per node to be recognised by.

use std::fs;
use std::path::Path;

use super::folders::{Folders, create_private, write};
use super::program;
use super::settings::Settings;
use crate::error::{Explain, Result};
use crate::model::{ContextName, HostName};

/// Makes what is missing, and lays out the node's folder as the node shall see it in
/// `/etc/webpods-lab`.
pub(super) async fn ensure(
    folders: &Folders,
    lab: &ContextName,
    node: &HostName,
    settings: Settings,
) -> Result<()> {
    let folder = folders.node(lab, node);
    let authorized = folder.join("authorized_keys");
    create_private(&authorized)?;
    // sshd reads the login's key as that login, who is not the owner of the copy on the node. On
    // this machine the lab's own folder above keeps others out.
    for readable in [&folder, &authorized] {
        set_mode(readable, 0o755)?;
    }
    generate(&folder.join("host_key"), &format!("{lab}/{node}")).await?;
    let public = read(&folders.key(lab).with_extension("pub"))?;
    let login = authorized.join(settings.user.as_str());
    write(&login, &public)?;
    set_mode(&login, 0o644)?;
    write(&folder.join("daemon.json"), &daemon_json(settings))
}

/// Makes the lab's folder and the key that opens its nodes.
pub(super) async fn ensure_login(folders: &Folders, lab: &ContextName) -> Result<()> {
    create_private(&folders.lab(lab))?;
    generate(&folders.key(lab), &format!("webpods lab {lab}")).await
}

/// The line of `known_hosts` for a node.
pub(super) fn known_host(
    folders: &Folders,
    lab: &ContextName,
    node: &HostName,
    addr: std::net::Ipv4Addr,
) -> Result<String> {
    let public = read(&folders.node(lab, node).join("host_key.pub"))?;
    let key: Vec<&str> = public.split_whitespace().take(2).collect();
    Ok(format!("{addr} {}\n", key.join(" ")))
}

/// ssh-keygen writes the private key first: with the public one there, the pair is complete.
async fn generate(path: &Path, comment: &str) -> Result<()> {
    let public = path.with_extension("pub");
    if public.exists() && path.exists() {
        return Ok(());
    }
    for half in [path, &public] {
        if half.exists() {
            fs::remove_file(half).explain(|| format!("cannot remove `{}`", half.display()))?;
        }
    }
    let path = path.to_string_lossy();
    let args = ["-q", "-t", "ed25519", "-N", "", "-C", comment, "-f", &path];
    program::run("ssh-keygen", &args).await.map(drop)
}

fn set_mode(path: &Path, mode: u32) -> Result<()> {
    use std::os::unix::fs::PermissionsExt;

    fs::set_permissions(path, fs::Permissions::from_mode(mode))
        .explain(|| format!("cannot set the mode of `{}`", path.display()))
}

fn read(path: &Path) -> Result<String> {
    fs::read_to_string(path).explain(|| format!("cannot read `{}`", path.display()))
}

/// The engine's configuration.
fn daemon_json(settings: Settings) -> String {
    use super::settings::Store;

    let content = match settings.store {
        Store::Classic => serde_json::json!({}),
        Store::Containerd => serde_json::json!({ "features": { "containerd-snapshotter": true } }),
    };
    format!("{content}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_pair_is_made_once_and_half_a_pair_is_made_anew() {
        let folder = tempfile::tempdir().unwrap();
        let key = folder.path().join("k");
        let public = key.with_extension("pub");
        generate(&key, "c").await.unwrap();
        let first = read(&public).unwrap();
        assert!(first.starts_with("ssh-ed25519 "), "{first}");

        generate(&key, "c").await.unwrap();
        assert_eq!(read(&public).unwrap(), first);

        fs::remove_file(&public).unwrap();
        generate(&key, "c").await.unwrap();
        assert_ne!(read(&public).unwrap(), first);
    }

    #[tokio::test]
    async fn a_node_is_known_by_its_address_and_opened_by_the_chosen_user_only() {
        let folder = tempfile::tempdir().unwrap();
        let folders = Folders::find(folder.path().to_str(), None).unwrap();
        let (lab, node) = ("l".parse().unwrap(), "node-1".parse().unwrap());
        let settings = Settings {
            user: super::super::User::Deploy,
            ..Settings::default()
        };
        ensure_login(&folders, &lab).await.unwrap();
        ensure(&folders, &lab, &node, settings).await.unwrap();
        let line = known_host(&folders, &lab, &node, [10, 0, 0, 2].into()).unwrap();
        assert!(line.starts_with("10.0.0.2 ssh-ed25519 AAAA"), "{line}");
        assert_eq!(line.split_whitespace().count(), 3);
        let keys = folders.node(&lab, &node).join("authorized_keys");
        assert!(keys.join("deploy").is_file());
        assert!(!keys.join("root").exists());
    }
}
