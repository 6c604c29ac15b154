//! Where scripts come from: `.webpods/<path>.lua` replaces the built-in `lua/<path>.lua`.

use std::collections::BTreeMap;
use std::fs;
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};

use include_dir::{Dir, include_dir};

use super::path::ScriptPath;
use crate::error::{Error, Explain as _, Result, near_miss};
use crate::model::Digest;

static BUILT_IN: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/lua");

/// Scripts are read by people; anything larger was not meant to be one.
const LARGEST: u64 = 1 << 20;

/// Folders of `.webpods/` are shallow; a deeper tree is a mistake (or a loop of links).
const DEEPEST: usize = 6;

/// Folders of `.webpods/` that hold no scripts of the overlay.
const NOT_SCRIPTS: [&str; 1] = ["tests"];

/// The scripts of a project: the built-in ones under the project's own.
#[derive(Debug, Clone)]
pub struct Scripts {
    root: Option<PathBuf>,
}

/// A script and where it comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScriptEntry {
    /// Its name.
    pub path: ScriptPath,
    /// Built in, or a file of the project.
    pub origin: ScriptOrigin,
    /// sha256 of its text.
    pub digest: Digest,
}

/// Where a script comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ScriptOrigin {
    /// Part of webpods.
    BuiltIn,
    /// A file; `replaces` says whether a built-in of the same name exists.
    File {
        /// The file.
        path: PathBuf,
        /// Whether it replaces a built-in.
        replaces: bool,
    },
}

/// A script that `check` cannot load.
#[derive(Debug, Clone)]
pub struct ScriptProblem {
    /// Which.
    pub path: ScriptPath,
    /// Why.
    pub error: Error,
}

/// A script's text and the name errors use for it.
#[derive(Debug, Clone)]
pub(crate) struct Source {
    pub text: String,
    /// `lua/placement/spread.lua` for a built-in, `.webpods/placement/spread.lua` for a file.
    pub shown: String,
    pub origin: ScriptOrigin,
}

impl Scripts {
    /// The scripts of the project whose `.webpods/` is in `project_root`; none: built-ins only.
    ///
    /// # Errors
    /// None today; reading is put off until a script is needed, so that a broken script does not
    /// stop commands that never run it.
    pub fn discover(project_root: Option<&Path>) -> Result<Self> {
        Ok(Self {
            root: project_root.map(Path::to_path_buf),
        })
    }

    /// The folder that holds `.webpods/`.
    #[must_use]
    pub fn root(&self) -> Option<&Path> {
        self.root.as_deref()
    }

    /// Every script in order of name.
    ///
    /// # Errors
    /// A file of `.webpods/` cannot be read, is too large, or is not text.
    pub fn ls(&self) -> Result<Vec<ScriptEntry>> {
        self.names()?
            .into_keys()
            .map(|path| {
                let source = self.source(&path)?;
                Ok(ScriptEntry {
                    digest: Digest::of(source.text.as_bytes()),
                    origin: source.origin,
                    path,
                })
            })
            .collect()
    }

    /// Copies a built-in into `.webpods/` for editing and returns the new file.
    ///
    /// # Errors
    /// The name is not a built-in's, the file exists already, there is no project, or the file
    /// cannot be written.
    pub fn eject(&self, name: &str) -> Result<PathBuf> {
        let path: ScriptPath = name.parse()?;
        let text = built_in(&path).ok_or_else(|| self.unknown(&path, &built_in_names()))?;
        let Some(root) = &self.root else {
            return Err(Error::user(format!(
                "there is no `.webpods/` folder to copy `{path}` into"
            ))
            .hint("run `webpods init` in the project's folder first"));
        };
        let file = root.join(".webpods").join(path.file());
        if let Some(folder) = file.parent() {
            fs::create_dir_all(folder)
                .explain(|| format!("cannot make the folder `{}`", folder.display()))?;
        }
        let created = fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .open(&file);
        match created {
            Ok(mut open) => open
                .write_all(text.as_bytes())
                .explain(|| format!("cannot write `{}`", file.display()))?,
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
                return Err(Error::user(format!(
                    "`{}` exists already and is not overwritten",
                    file.display()
                ))
                .hint("edit it, or remove it to return to the built-in"));
            }
            Err(error) => {
                return Err(error).explain(|| format!("cannot write `{}`", file.display()));
            }
        }
        Ok(file)
    }

    /// Loads every script without running any.
    ///
    /// # Errors
    /// `.webpods/` itself cannot be listed. What is wrong with single scripts is returned.
    pub fn check(&self) -> Result<Vec<ScriptProblem>> {
        let lua = mlua::Lua::new();
        let mut problems = Vec::new();
        for path in self.names()?.into_keys() {
            let loaded = self
                .source(&path)
                .and_then(|source| super::vm::compile(&lua, &source).map(drop));
            if let Err(error) = loaded {
                problems.push(ScriptProblem { path, error });
            }
        }
        Ok(problems)
    }

    /// Whether a script of this name exists.
    pub(crate) fn exists(&self, path: &ScriptPath) -> bool {
        self.file_of(path).is_some() || built_in(path).is_some()
    }

    /// The script's text by the overlay rule.
    pub(crate) fn source(&self, path: &ScriptPath) -> Result<Source> {
        let text = built_in(path);
        if let Some(file) = self.file_of(path) {
            return Ok(Source {
                text: self.read(&file)?,
                shown: format!(".webpods/{}", path.file()),
                origin: ScriptOrigin::File {
                    path: file,
                    replaces: text.is_some(),
                },
            });
        }
        let Some(text) = text else {
            let names = self
                .names()
                .map(|names| names.into_keys().collect::<Vec<_>>());
            return Err(self.unknown(path, &names.unwrap_or_default()));
        };
        Ok(Source {
            text: text.to_owned(),
            shown: format!("lua/{}", path.file()),
            origin: ScriptOrigin::BuiltIn,
        })
    }

    /// The project's file of this name. A dangling link counts, so that it is an error and not a
    /// silent return to the built-in.
    fn file_of(&self, path: &ScriptPath) -> Option<PathBuf> {
        let file = self.root.as_ref()?.join(".webpods").join(path.file());
        file.symlink_metadata().is_ok().then_some(file)
    }

    /// Reads a script that may be anything: a link out of the project, a device, a film.
    pub(crate) fn read(&self, file: &Path) -> Result<String> {
        let cannot = || format!("cannot read the script `{}`", file.display());
        let real = file.canonicalize().explain(cannot)?;
        let inside = self
            .root
            .as_ref()
            .and_then(|root| root.canonicalize().ok())
            .is_none_or(|root| real.starts_with(root));
        if !inside {
            return Err(Error::user(cannot())
                .cause(format!(
                    "it is a link to `{}`, outside the project",
                    real.display()
                ))
                .hint("copy the file into `.webpods/`, so that everyone runs the same script"));
        }
        let metadata = real.metadata().explain(cannot)?;
        if !metadata.is_file() {
            return Err(Error::user(cannot()).cause("it is not a regular file"));
        }
        let too_large = || {
            Error::user(cannot()).cause(format!(
                "it is larger than {} KiB, which no script needs",
                LARGEST / 1024
            ))
        };
        if metadata.len() > LARGEST {
            return Err(too_large());
        }
        let mut bytes = Vec::new();
        fs::File::open(&real)
            .and_then(|open| open.take(LARGEST + 1).read_to_end(&mut bytes))
            .explain(cannot)?;
        if bytes.len() as u64 > LARGEST {
            return Err(too_large());
        }
        String::from_utf8(bytes).map_err(|error| {
            let upto = error.utf8_error().valid_up_to();
            let before = String::from_utf8_lossy(&error.as_bytes()[..upto]);
            let line = before.matches('\n').count() + 1;
            Error::user(cannot()).cause(format!("line {line} is not UTF-8 text"))
        })
    }

    /// Every name with the project's file, when there is one.
    fn names(&self) -> Result<BTreeMap<ScriptPath, Option<PathBuf>>> {
        let mut names: BTreeMap<_, _> = built_in_names().into_iter().map(|n| (n, None)).collect();
        if let Some(root) = &self.root {
            let mut found = Vec::new();
            list(&root.join(".webpods"), "", DEEPEST, &mut found)?;
            for (name, file) in found {
                names.insert(name, Some(file));
            }
        }
        Ok(names)
    }

    fn unknown(&self, path: &ScriptPath, names: &[ScriptPath]) -> Error {
        let leaf = |name: &ScriptPath| name.as_str()[name.folder().len()..].to_owned();
        let siblings: Vec<&ScriptPath> = names
            .iter()
            .filter(|name| !path.folder().is_empty() && name.folder() == path.folder())
            .collect();
        // Within a folder only the last part can be mistyped; its length sets the tolerance.
        let near = match &siblings[..] {
            [] => near_miss(path.as_str(), names.iter().map(ScriptPath::as_str)).map(str::to_owned),
            siblings => {
                let leaves: Vec<String> = siblings.iter().map(|name| leaf(name)).collect();
                near_miss(&leaf(path), leaves.iter().map(String::as_str))
                    .map(|near| format!("{}{near}", path.folder()))
            }
        };
        let mut message = format!("script `{path}` does not exist");
        if let Some(near) = near {
            message = format!("{message}; did you mean `{near}`?");
        } else if !siblings.is_empty() {
            let siblings: Vec<_> = siblings.iter().map(|name| format!("`{name}`")).collect();
            message = format!("{message}; there are {}", siblings.join(", "));
        }
        let mut error = Error::user(message).hint("`webpods script ls` lists every script");
        if self.root.is_some() {
            error = error.hint(format!("your own goes into `.webpods/{}`", path.file()));
        }
        error
    }
}

/// Files below `folder` that can be scripts. Files whose names cannot be script names are left
/// out: nothing can load them.
fn list(
    folder: &Path,
    prefix: &str,
    depth: usize,
    found: &mut Vec<(ScriptPath, PathBuf)>,
) -> Result<()> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        entries => entries.explain(|| format!("cannot list `{}`", folder.display()))?,
    };
    for entry in entries {
        let entry = entry.explain(|| format!("cannot list `{}`", folder.display()))?;
        let Ok(name) = entry.file_name().into_string() else {
            continue;
        };
        let inner = format!("{prefix}{name}");
        let kind = entry
            .file_type()
            .explain(|| format!("cannot read `{}`", entry.path().display()))?;
        if kind.is_dir() {
            if depth > 0 && !NOT_SCRIPTS.contains(&inner.as_str()) {
                list(&entry.path(), &format!("{inner}/"), depth - 1, found)?;
            }
        } else if let (Some(_), Ok(path)) = (name.strip_suffix(".lua"), inner.parse()) {
            found.push((path, entry.path()));
        }
    }
    Ok(())
}

fn built_in(path: &ScriptPath) -> Option<&'static str> {
    BUILT_IN.get_file(path.file())?.contents_utf8()
}

fn built_in_names() -> Vec<ScriptPath> {
    fn walk(folder: &Dir<'_>, names: &mut Vec<ScriptPath>) {
        names.extend(folder.files().filter_map(|file| {
            let name = file.path().to_str()?.strip_suffix(".lua")?;
            name.parse().ok()
        }));
        folder.dirs().for_each(|inner| walk(inner, names));
    }
    let mut names = Vec::new();
    walk(&BUILT_IN, &mut names);
    names.sort();
    names
}
