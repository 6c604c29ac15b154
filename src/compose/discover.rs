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
}

/// Finds the files: those named, else `COMPOSE_FILE`, else the well-known names in `cwd` and its
/// parents.
pub fn run(
    files: &[PathBuf],
    folder: Option<&Path>,
    cwd: &Path,
    environment: &BTreeMap<String, String>,
) -> Result<Found> {
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
        from_environment(environment)?
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
        return Ok(Found { files, folder });
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
            });
        }
    }
    Err(Error::user(format!(
        "no Compose file in `{}` or the folders above it",
        start.display()
    ))
    .hint(format!("create `{}`, or name a file with `-f`", NAMES[0])))
}

fn absolute(base: &Path, path: &Path) -> PathBuf {
    if path == Path::new("-") {
        return path.to_owned();
    }
    PathBuf::from(clean(&base.join(path).display().to_string()))
}

fn from_environment(environment: &BTreeMap<String, String>) -> Result<Vec<PathBuf>> {
    let Some(files) = environment.get("COMPOSE_FILE") else {
        return Ok(Vec::new());
    };
    let separator = environment
        .get("COMPOSE_PATH_SEPARATOR")
        .filter(|separator| !separator.is_empty())
        .map_or(":", String::as_str);
    let files: Vec<PathBuf> = files.split(separator).map(PathBuf::from).collect();
    if files.iter().any(|file| file.as_os_str().is_empty()) {
        let error = Error::user("`COMPOSE_FILE` is set and names no file, or no file in one place");
        return Err(error.hint("unset it, or write the names with one separator between them"));
    }
    Ok(files)
}

/// Where the first env file is looked for: the folder of the project, as far as it is known before
/// any file is read.
pub fn place(files: &[PathBuf], folder: Option<&Path>, cwd: &Path) -> PathBuf {
    if let Some(folder) = folder {
        return absolute(cwd, folder);
    }
    let first = files.iter().find(|path| *path != Path::new("-"));
    let first = first.map(|path| absolute(cwd, path));
    match first.as_deref().and_then(Path::parent) {
        Some(folder) => folder.to_owned(),
        None => cwd.to_owned(),
    }
}

/// The env files that were named, on the command line or in the environment.
pub fn given_env_files(
    named: &[PathBuf],
    cwd: &Path,
    environment: &BTreeMap<String, String>,
) -> Result<Option<Vec<PathBuf>>> {
    let listed: Vec<PathBuf> = if named.is_empty() {
        let list = environment.get("COMPOSE_ENV_FILES");
        list.map_or("", String::as_str)
            .split(',')
            .filter(|file| !file.is_empty())
            .map(PathBuf::from)
            .collect()
    } else {
        named.to_vec()
    };
    if listed.is_empty() {
        return Ok(None);
    }
    let files: Vec<PathBuf> = listed.iter().map(|file| cwd.join(file)).collect();
    match files.iter().find(|file| !file.is_file()) {
        Some(file) => Err(Error::user(format!(
            "env file `{}` does not exist",
            file.display()
        ))),
        None => Ok(Some(files)),
    }
}

/// The `.env` of `folder`, if it has one and they are not switched off.
pub fn default_env_file(
    folder: &Path,
    environment: &BTreeMap<String, String>,
) -> Result<Vec<PathBuf>> {
    let off = match environment
        .get("COMPOSE_DISABLE_ENV_FILE")
        .map(String::as_str)
    {
        None | Some("0" | "f" | "F" | "false" | "FALSE" | "False") => false,
        Some("1" | "t" | "T" | "true" | "TRUE" | "True") => true,
        Some(other) => {
            let message = format!("COMPOSE_DISABLE_ENV_FILE: {other:?} is not a boolean");
            return Err(Error::user(message).hint("write `true` or `false`"));
        }
    };
    let file = folder.join(".env");
    Ok(if file.is_file() && !off {
        vec![file]
    } else {
        Vec::new()
    })
}
