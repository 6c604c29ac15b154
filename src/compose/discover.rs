//! Which files make up the project, and where its folder is.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::paths::clean;
use crate::error::{Error, Result};

const NAMES: [&str; 4] = [
    "compose.yaml",
    "compose.yml",
    "docker-compose.yml",
    "docker-compose.yaml",
];
const OVERRIDES: [&str; 4] = [
    "compose.override.yml",
    "compose.override.yaml",
    "docker-compose.override.yml",
    "docker-compose.override.yaml",
];

/// The project's Compose files and folder, absolute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// In the order they are merged.
    pub files: Vec<PathBuf>,
    /// The folder that relative paths start from.
    pub folder: PathBuf,
    /// Whether the files were named rather than looked for.
    pub named: bool,
}

/// Finds the files: those named, else `COMPOSE_FILE`, else the well-known names in `cwd` and its
/// parents.
pub fn run(
    files: &[PathBuf],
    folder: Option<&Path>,
    cwd: &Path,
    environment: &BTreeMap<String, String>,
) -> Result<Found> {
    let absolute = |base: &Path, path: &Path| {
        if path == Path::new("-") {
            return path.to_owned();
        }
        PathBuf::from(clean(&base.join(path).display().to_string()))
    };
    let folder = folder.map(|folder| absolute(cwd, folder));
    if let Some(folder) = &folder
        && !folder.is_dir()
    {
        return Err(Error::user(format!(
            "project directory `{}` is not a folder",
            folder.display()
        )));
    }
    let named = if files.is_empty() {
        from_environment(environment)
    } else {
        files.to_vec()
    };
    if !named.is_empty() {
        let files: Vec<PathBuf> = named.iter().map(|path| absolute(cwd, path)).collect();
        let own = files
            .iter()
            .find(|path| *path != Path::new("-"))
            .and_then(|path| path.parent());
        let folder = folder.unwrap_or_else(|| own.unwrap_or(cwd).to_owned());
        return Ok(Found {
            files,
            folder,
            named: true,
        });
    }
    let start = folder.clone().unwrap_or_else(|| cwd.to_owned());
    for place in start.ancestors() {
        let here = |names: &[&str]| {
            names
                .iter()
                .map(|name| place.join(name))
                .find(|path| path.is_file())
        };
        if let Some(main) = here(&NAMES) {
            let files = std::iter::once(main).chain(here(&OVERRIDES)).collect();
            return Ok(Found {
                files,
                folder: folder.unwrap_or_else(|| place.to_owned()),
                named: false,
            });
        }
    }
    Err(Error::user(format!(
        "no Compose file in `{}` or the folders above it",
        start.display()
    ))
    .hint(format!("create `{}`, or name a file with `-f`", NAMES[0])))
}

fn from_environment(environment: &BTreeMap<String, String>) -> Vec<PathBuf> {
    let Some(files) = environment
        .get("COMPOSE_FILE")
        .filter(|files| !files.is_empty())
    else {
        return Vec::new();
    };
    let separator = environment
        .get("COMPOSE_PATH_SEPARATOR")
        .map_or(":", String::as_str);
    files
        .split(separator)
        .filter(|file| !file.is_empty())
        .map(PathBuf::from)
        .collect()
}

/// The env files whose variables Compose files see.
pub fn env_files(
    named: &[PathBuf],
    found: &Found,
    cwd: &Path,
    environment: &BTreeMap<String, String>,
) -> Result<Vec<PathBuf>> {
    let listed: Vec<PathBuf> = if named.is_empty() {
        let list = environment
            .get("COMPOSE_ENV_FILES")
            .map_or("", String::as_str);
        list.split(',')
            .filter(|file| !file.is_empty())
            .map(PathBuf::from)
            .collect()
    } else {
        named.to_vec()
    };
    if !listed.is_empty() {
        let files: Vec<PathBuf> = listed.iter().map(|file| cwd.join(file)).collect();
        for file in &files {
            if !file.is_file() {
                return Err(Error::user(format!(
                    "env file `{}` does not exist",
                    file.display()
                )));
            }
        }
        return Ok(files);
    }
    let off = environment
        .get("COMPOSE_DISABLE_ENV_FILE")
        .is_some_and(|value| matches!(value.to_lowercase().as_str(), "1" | "true" | "y" | "yes"));
    let default = found.folder.join(".env");
    Ok(if default.is_file() && !off {
        vec![default]
    } else {
        Vec::new()
    })
}
