//! The context file of a lab: written for the project at hand, and taken back only while it
//! still carries its first line.

use std::fmt::Write as _;
use std::fs;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};

use super::folders::{Folders, write};
use super::settings::User;
use crate::error::{Error, Explain, Result};
use crate::model::{ContextName, HostName};

/// The first line of a file that is ours. Whoever deletes it owns the file from then on.
const MARKER: &str = "# written by `webpods lab up`; `webpods lab down` removes it";

/// `<.webpods>/contexts/<lab>.yml`, and whether it may be written.
///
/// # Errors
/// A file with this name is there and was not written by `lab up`.
pub(super) fn claim(dot_webpods: &Path, lab: &ContextName) -> Result<PathBuf> {
    let contexts = dot_webpods.join("contexts");
    for extension in ["lua", "yml"] {
        let path = contexts.join(format!("{lab}.{extension}"));
        if path.exists() && !is_ours(&path)? {
            return Err(Error::user(format!(
                "`{}` exists and was not written by `webpods lab`",
                path.display()
            ))
            .hint("choose another name for the lab with `--name`, or move the file away"));
        }
    }
    Ok(contexts.join(format!("{lab}.yml")))
}

fn is_ours(path: &Path) -> Result<bool> {
    let bytes = fs::read(path).explain(|| format!("cannot read `{}`", path.display()))?;
    Ok(bytes.split(|byte| *byte == b'\n').next() == Some(MARKER.as_bytes()))
}

/// Writes the file, and notes that it has been written so that `lab down` finds it from
/// any folder.
pub(super) fn save(folders: &Folders, lab: &ContextName, path: &Path, content: &str) -> Result<()> {
    let list = folders.written_contexts(lab);
    let mut written = fs::read_to_string(&list).unwrap_or_default();
    let line = path.to_string_lossy();
    if !written.lines().any(|known| known == line) {
        written.push_str(&line);
        written.push('\n');
        write(&list, &written)?;
    }
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)
            .explain(|| format!("cannot create folder `{}`", folder.display()))?;
    }
    write(path, content)
}

/// Removes every context file that was written for the lab and is still ours.
pub(super) fn remove(folders: &Folders, lab: &ContextName) -> Result<Vec<PathBuf>> {
    let list = fs::read_to_string(folders.written_contexts(lab)).unwrap_or_default();
    let mut removed = Vec::new();
    for path in list.lines().map(PathBuf::from) {
        if path.is_file() && is_ours(&path)? {
            fs::remove_file(&path).explain(|| format!("cannot remove `{}`", path.display()))?;
            removed.push(path);
        }
    }
    Ok(removed)
}

/// The text of the context (spec §5.2).
pub(super) fn render(
    lab: &ContextName,
    nodes: &[(HostName, Ipv4Addr)],
    user: User,
    folders: &Folders,
    project: &Path,
) -> String {
    // A JSON string is a YAML string, whatever is in the path.
    let quoted = |path: PathBuf| serde_json::Value::from(path.to_string_lossy()).to_string();
    let mut text = format!(
        "{MARKER}\n\
         # It fits this machine only: keep it out of version control. Without the line above, it is yours.\n\
         name: {lab}\n\
         provider: lab\n\
         ssh:\n\
         \x20 user: {user}\n\
         \x20 key: {}\n\
         \x20 known_hosts: {}\n\
         hosts:\n",
        quoted(folders.key(lab)),
        quoted(folders.known_hosts(lab)),
    );
    for (name, addr) in nodes {
        _ = writeln!(
            text,
            "  - name: {name}\n    addr: {addr}\n    mesh_ip: {addr}"
        );
    }
    text.push_str("proxy:\n  driver: caddy\n  tls: \"off\"\n");
    text.push_str(&defaults(lab, project));
    text
}

/// The overlay and the environment that are named after the lab, where the project has them
/// (spec §4.3).
fn defaults(lab: &ContextName, project: &Path) -> String {
    let there = |name: &str| project.join(name).is_file();
    let base = [
        "compose.yaml",
        "compose.yml",
        "docker-compose.yml",
        "docker-compose.yaml",
    ]
    .into_iter()
    .find(|name| there(name));
    let overlay = [format!("compose.{lab}.yml"), format!("compose.{lab}.yaml")]
        .into_iter()
        .find(|name| there(name));
    let env = format!(".env.{lab}");
    let mut text = String::new();
    if let (Some(base), Some(overlay)) = (base, overlay) {
        _ = writeln!(text, "  compose_files: [{base}, {overlay}]");
    }
    if there(&env) {
        _ = writeln!(text, "  env_file: {env}");
    }
    if text.is_empty() {
        return text;
    }
    format!("defaults:\n{text}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scene() -> (tempfile::TempDir, Folders, ContextName) {
        let folder = tempfile::tempdir().unwrap();
        let folders = Folders::find(folder.path().to_str(), None).unwrap();
        let lab: ContextName = "lab".parse().unwrap();
        fs::create_dir_all(folders.lab(&lab)).unwrap();
        (folder, folders, lab)
    }

    #[test]
    fn a_file_of_ours_is_replaced_and_removed() {
        let (folder, folders, lab) = scene();
        let dot = folder.path().join("app/.webpods");
        for text in ["one", "two"] {
            let path = claim(&dot, &lab).unwrap();
            save(&folders, &lab, &path, &format!("{MARKER}\n{text}\n")).unwrap();
        }
        assert_eq!(
            remove(&folders, &lab).unwrap(),
            [dot.join("contexts/lab.yml")]
        );
        assert!(!dot.join("contexts/lab.yml").exists());
    }

    #[test]
    fn a_file_of_the_users_is_left_alone() {
        let (folder, folders, lab) = scene();
        let dot = folder.path().join(".webpods");
        let path = claim(&dot, &lab).unwrap();
        save(&folders, &lab, &path, &format!("{MARKER}\n")).unwrap();
        fs::write(&path, "name: lab\n").unwrap();
        assert!(claim(&dot, &lab).is_err());
        assert!(remove(&folders, &lab).unwrap().is_empty());
        assert_eq!(fs::read_to_string(&path).unwrap(), "name: lab\n");
    }

    #[test]
    fn a_script_with_the_same_name_is_in_the_way() {
        let (folder, _, lab) = scene();
        let dot = folder.path().join(".webpods");
        fs::create_dir_all(dot.join("contexts")).unwrap();
        fs::write(dot.join("contexts/lab.lua"), "return {}").unwrap();
        let error = claim(&dot, &lab).unwrap_err();
        assert!(error.message().contains("lab.lua"), "{error}");
    }

    #[test]
    fn the_text_names_every_node_and_the_projects_own_overlay() {
        let (folder, folders, lab) = scene();
        let nodes = [("node-1".parse().unwrap(), Ipv4Addr::new(172, 18, 0, 2))];
        let plain = render(&lab, &nodes, User::Root, &folders, folder.path());
        assert!(plain.starts_with(MARKER));
        assert!(
            plain.contains("  - name: node-1\n    addr: 172.18.0.2\n"),
            "{plain}"
        );
        assert!(!plain.contains("defaults:"), "{plain}");

        for name in ["compose.yml", "compose.lab.yml", ".env.lab"] {
            fs::write(folder.path().join(name), "").unwrap();
        }
        let rich = render(&lab, &nodes, User::Root, &folders, folder.path());
        assert!(
            rich.ends_with(
                "defaults:\n  compose_files: [compose.yml, compose.lab.yml]\n  env_file: .env.lab\n"
            ),
            "{rich}"
        );
    }
}
