//! Finding `.webpods/` and the context files in it (spec §4.1, §5.1).

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::Settings;
use crate::error::{Error, Explain, Result};
use crate::model::ContextName;

/// The folder that holds `.webpods/`.
const FOLDER: &str = ".webpods";

/// A project's root and what `.webpods/` in it says.
#[derive(Debug, Clone)]
pub struct Workspace {
    /// The folder that holds `.webpods/`, or the working folder when there is none.
    pub root: PathBuf,
    /// `.webpods/` itself, when it exists.
    pub folder: Option<PathBuf>,
    /// `.webpods/config.yml`.
    pub settings: Settings,
    /// Context files by name, sorted.
    pub contexts: Vec<ContextFile>,
    /// Files in `.webpods/contexts/` whose names cannot be context names.
    pub ignored: Vec<PathBuf>,
}

/// A file that defines a context.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContextFile {
    /// Its name, from the file's.
    pub name: ContextName,
    /// `.yml`, `.yaml` or `.lua`.
    pub path: PathBuf,
}

impl Workspace {
    /// Looks for `.webpods/` in `cwd` and the folders above it.
    ///
    /// # Errors
    /// `.webpods` that is not a folder or cannot be read, a wrong `config.yml`, a context defined
    /// twice.
    pub fn discover(cwd: &Path) -> Result<Self> {
        for folder in cwd.ancestors().map(|above| above.join(FOLDER)) {
            match fs::metadata(&folder) {
                Ok(found) if found.is_dir() => return Self::read(&folder),
                Ok(_) => {
                    return Err(
                        Error::user(format!("`{}` is not a folder", folder.display()))
                            .hint("rename it, then run `webpods init`"),
                    );
                }
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                Err(error) => {
                    return Err(
                        Error::user(format!("cannot read `{}`", folder.display())).cause(error)
                    );
                }
            }
        }
        Ok(Self {
            root: cwd.to_owned(),
            folder: None,
            settings: Settings::default(),
            contexts: Vec::new(),
            ignored: Vec::new(),
        })
    }

    fn read(folder: &Path) -> Result<Self> {
        let config = folder.join("config.yml");
        let settings = match read_text(&config)? {
            Some(text) => Settings::from_yaml(&text, ".webpods/config.yml")?,
            None => Settings::default(),
        };
        let (contexts, ignored) = list(&folder.join("contexts"))?;
        Ok(Self {
            root: folder.parent().unwrap_or(folder).to_owned(),
            folder: Some(folder.to_owned()),
            settings,
            contexts,
            ignored,
        })
    }

    /// The file that defines `name`.
    #[must_use]
    pub fn context(&self, name: &ContextName) -> Option<&ContextFile> {
        self.contexts.iter().find(|file| file.name == *name)
    }

    /// `path` as messages show it: relative to the root.
    #[must_use]
    pub fn shown(&self, path: &Path) -> String {
        path.strip_prefix(&self.root)
            .unwrap_or(path)
            .display()
            .to_string()
    }
}

fn list(folder: &Path) -> Result<(Vec<ContextFile>, Vec<PathBuf>)> {
    let explain = || format!("cannot read `{}`", folder.display());
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok((vec![], vec![])),
        Err(error) => return Err(error).explain(explain),
    };
    let (mut contexts, mut ignored) = (Vec::<ContextFile>::new(), Vec::new());
    for entry in entries {
        let path = entry.explain(explain)?.path();
        let extension = path.extension().and_then(|extension| extension.to_str());
        if !matches!(extension, Some("yml" | "yaml" | "lua")) {
            continue;
        }
        let stem = path.file_stem().and_then(|stem| stem.to_str());
        match stem.map(str::parse) {
            Some(Ok(name)) => contexts.push(ContextFile { name, path }),
            _ => ignored.push(path),
        }
    }
    contexts.sort_by(|a, b| (&a.name, &a.path).cmp(&(&b.name, &b.path)));
    ignored.sort();
    if let Some(pair) = contexts
        .windows(2)
        .find(|pair| pair[0].name == pair[1].name)
    {
        return Err(Error::user(format!(
            "context `{}` is defined twice: in `{}` and in `{}`",
            pair[0].name,
            pair[0].path.display(),
            pair[1].path.display()
        ))
        .hint("remove one of the two files"));
    }
    Ok((contexts, ignored))
}

/// A file's text; none when it does not exist.
pub(super) fn read_text(path: &Path) -> Result<Option<String>> {
    match fs::read(path) {
        Ok(bytes) => match String::from_utf8(bytes) {
            Ok(text) => Ok(Some(text)),
            Err(_) => Err(Error::user(format!(
                "`{}` is not UTF-8 text",
                path.display()
            ))),
        },
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).explain(|| format!("cannot read `{}`", path.display())),
    }
}
