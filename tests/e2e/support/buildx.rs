//! The `docker buildx` plugin: a docker configuration with it, and one without.

use std::path::{Path, PathBuf};

const PLUGIN: &str = "cli-plugins/docker-buildx";

/// A folder for `DOCKER_CONFIG` that has the plugin.
///
/// # Panics
/// There is no plugin; `scripts/setup.sh test` fetches one.
pub fn with_buildx(folder: &Path) -> PathBuf {
    let config = folder.join("docker");
    let link = config.join(PLUGIN);
    std::fs::create_dir_all(link.parent().unwrap()).unwrap();
    std::os::unix::fs::symlink(plugin(), link).unwrap();
    config
}

/// Where `scripts/buildx.sh` finds or puts it.
fn plugin() -> PathBuf {
    let home = PathBuf::from(std::env::var_os("HOME").unwrap());
    let cache = std::env::var_os("XDG_CACHE_HOME").map_or(home.join(".cache"), PathBuf::from);
    let system = [
        "/usr/local/lib",
        "/usr/local/libexec",
        "/usr/lib",
        "/usr/libexec",
    ];
    [home.join(".docker"), cache.join("webpods")]
        .into_iter()
        .chain(system.iter().map(|folder| Path::new(folder).join("docker")))
        .map(|folder| folder.join(PLUGIN))
        .find(|path| path.exists())
        .expect("docker buildx is nowhere: run scripts/setup.sh test")
}
