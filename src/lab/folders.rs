//! Where labs keep their keys on this machine.

use std::fs;
use std::path::{Path, PathBuf};

use crate::error::{Error, Explain, Result};
use crate::model::{ContextName, HostName};

/// The folder of all labs, `<user's data folder>/webpods/labs`.
#[derive(Debug, Clone)]
pub struct Folders {
    root: PathBuf,
}

impl Folders {
    /// Finds the folder from the two variables that decide it.
    ///
    /// # Errors
    /// Neither says where a user's files belong.
    pub fn find(xdg_data_home: Option<&str>, home: Option<&str>) -> Result<Self> {
        let absolute = |value: Option<&str>| value.map(PathBuf::from).filter(|p| p.is_absolute());
        let data = absolute(xdg_data_home)
            .or_else(|| Some(absolute(home)?.join(".local/share")))
            .ok_or_else(|| {
                Error::user("there is no folder for a lab's keys: `HOME` is not set")
                    .hint("set `HOME` or `XDG_DATA_HOME` to an absolute path")
            })?;
        Ok(Self {
            root: data.join("webpods/labs"),
        })
    }

    /// The lab's own folder.
    pub(super) fn lab(&self, lab: &ContextName) -> PathBuf {
        self.root.join(lab.as_str())
    }

    /// The key that opens every node of the lab.
    pub(super) fn key(&self, lab: &ContextName) -> PathBuf {
        self.lab(lab).join("id_ed25519")
    }

    /// The nodes' host keys.
    pub(super) fn known_hosts(&self, lab: &ContextName) -> PathBuf {
        self.lab(lab).join("known_hosts")
    }

    /// What is copied to the node as `/etc/webpods-lab`.
    pub(super) fn node(&self, lab: &ContextName, node: &HostName) -> PathBuf {
        self.lab(lab).join(node.as_str())
    }

    /// The list of context files that `lab up` wrote for this lab.
    pub(super) fn written_contexts(&self, lab: &ContextName) -> PathBuf {
        self.lab(lab).join("contexts")
    }

    /// A lock file. Names of labs do not start with a dot, so it is never a lab's folder.
    pub(super) fn lock(&self, what: &str) -> PathBuf {
        self.root.join(format!(".{what}.lock"))
    }
}

/// Creates a folder that only its owner can look into.
pub(super) fn create_private(folder: &Path) -> Result<()> {
    use std::os::unix::fs::DirBuilderExt;

    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .explain(|| format!("cannot create folder `{}`", folder.display()))
}

/// Writes a file completely or not at all.
pub(super) fn write(path: &Path, content: &str) -> Result<()> {
    use std::io::Write;

    let explain = || format!("cannot write `{}`", path.display());
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(folder).explain(explain)?;
    file.write_all(content.as_bytes()).explain(explain)?;
    file.persist(path).map(drop).explain(explain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_data_folder_wins_over_home_and_relative_ones_do_not_count() {
        let root = |xdg, home| Folders::find(xdg, home).map(|f| f.root);
        assert_eq!(
            root(Some("/data"), Some("/home/u")).unwrap(),
            Path::new("/data/webpods/labs")
        );
        assert_eq!(
            root(Some("relative"), Some("/home/u")).unwrap(),
            Path::new("/home/u/.local/share/webpods/labs")
        );
        assert!(root(None, None).is_err());
    }
}
