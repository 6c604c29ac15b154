//! The engine that the user's docker context names, when it is one of this machine.

use std::env;
use std::path::{Path, PathBuf};

use crate::model::Digest;

/// Its Unix socket. Contexts of other machines do not count: what is built or pulled is built and
/// pulled here.
pub(super) fn socket() -> Option<PathBuf> {
    let set = |name: &str| env::var_os(name).filter(|value| !value.is_empty());
    let folder = set("DOCKER_CONFIG")
        .map(PathBuf::from)
        .or_else(|| Some(PathBuf::from(set("HOME")?).join(".docker")))?;
    let chosen = set("DOCKER_CONTEXT").and_then(|name| name.into_string().ok());
    named(&folder, chosen)
}

fn named(folder: &Path, chosen: Option<String>) -> Option<PathBuf> {
    let read = |path: PathBuf| -> Option<serde_json::Value> {
        serde_json::from_slice(&std::fs::read(path).ok()?).ok()
    };
    let current = || {
        let config = read(folder.join("config.json"))?;
        Some(config["currentContext"].as_str()?.to_owned())
    };
    let name = chosen.or_else(current).filter(|name| !name.is_empty())?;
    // Docker names the folder after the context's digest.
    let place = Digest::of(name.as_bytes());
    let context = read(
        folder
            .join("contexts/meta")
            .join(place.hex())
            .join("meta.json"),
    )?;
    let host = context["Endpoints"]["docker"]["Host"].as_str()?;
    let path = PathBuf::from(host.strip_prefix("unix://")?);
    path.is_absolute().then_some(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn context(folder: &Path, name: &str, host: &str) {
        let place = folder
            .join("contexts/meta")
            .join(Digest::of(name.as_bytes()).hex());
        std::fs::create_dir_all(&place).unwrap();
        let meta = serde_json::json!({"Name": name, "Endpoints": {"docker": {"Host": host}}});
        std::fs::write(place.join("meta.json"), meta.to_string()).unwrap();
    }

    #[test]
    fn only_contexts_of_this_machine_count() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        assert_eq!(named(folder, None), None);
        let current = r#"{"currentContext": "colima", "auths": {}}"#;
        std::fs::write(folder.join("config.json"), current).unwrap();
        assert_eq!(named(folder, None), None, "it was removed");
        context(folder, "colima", "unix:///home/me/.colima/docker.sock");
        context(folder, "prod", "ssh://root@prod");
        let socket = PathBuf::from("/home/me/.colima/docker.sock");
        assert_eq!(named(folder, None), Some(socket));
        assert_eq!(named(folder, Some("prod".to_owned())), None);
        assert_eq!(named(folder, Some("default".to_owned())), None);
        std::fs::write(folder.join("config.json"), "{ broken").unwrap();
        assert_eq!(named(folder, None), None);
    }
}
