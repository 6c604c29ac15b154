//! Which context a command runs against (spec §4.2, §6.1). No environment variable takes part.

use std::path::{Path, PathBuf};

use serde_json::Value;

use super::discover::read_text;
use super::{ContextFile, Workspace, builtin_dev, from_lua, from_yaml};
use crate::error::{Error, Result, near_miss};
use crate::model::{Context, ContextName};

/// Runs a Lua context file and returns its table; given by the caller, which owns the Lua side.
pub type LoadLua<'a> = &'a dyn Fn(&Path) -> Result<Value>;

/// The name of the context that exists without being written.
const DEV: &str = "dev";

/// Why this context was chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// `-c`.
    Explicit,
    /// `default_context` in `.webpods/config.yml`.
    Default,
    /// Nothing says, so it is `dev`.
    Fallback,
}

/// The context of a command.
#[derive(Debug, Clone)]
pub struct Resolved {
    /// The context itself.
    pub context: Context,
    /// The folder that holds `.webpods/`, or the working folder when there is none.
    pub root: PathBuf,
    /// Why this one.
    pub source: Source,
    /// Where it is written; none: built in.
    pub path: Option<PathBuf>,
}

/// Chooses and loads the context: `flag`, else the default, else `dev`.
///
/// # Errors
/// An unknown or impossible name, no default to fall back to, or a wrong context file.
pub fn resolve(workspace: &Workspace, flag: Option<&str>, lua: LoadLua<'_>) -> Result<Resolved> {
    let (name, source) = choose(workspace, flag)?;
    let (context, path) = match workspace.context(&name) {
        Some(file) => (load(workspace, file, lua)?, Some(file.path.clone())),
        None if name.as_str() == DEV => (builtin_dev()?, None),
        None => return Err(unknown(workspace, &name, source)),
    };
    Ok(Resolved {
        context,
        root: workspace.root.clone(),
        source,
        path,
    })
}

/// Loads one context file.
///
/// # Errors
/// A file that vanished, cannot be read, or is wrong.
pub fn load(workspace: &Workspace, file: &ContextFile, lua: LoadLua<'_>) -> Result<Context> {
    let shown = workspace.shown(&file.path);
    let mut context = if file.path.extension().is_some_and(|kind| kind == "lua") {
        from_lua(lua(&file.path)?, &shown, &file.name)?
    } else {
        let text = read_text(&file.path)?
            .ok_or_else(|| Error::user(format!("`{shown}` does not exist any more")))?;
        from_yaml(&text, &shown, &file.name)?
    };
    // Files of the repository are found from wherever the command is typed.
    let ssh = &mut context.ssh;
    for path in [&mut ssh.key, &mut ssh.known_hosts].into_iter().flatten() {
        *path = workspace.root.join(&*path);
    }
    Ok(context)
}

/// The line of spec §4.2, when it is due.
#[must_use]
pub fn one_liner(resolved: &Resolved) -> Option<String> {
    let name = &resolved.context.name;
    (resolved.source == Source::Default && name.as_str() != DEV)
        .then(|| format!("Using default context: {name} (from .webpods/config.yml)"))
}

fn choose(workspace: &Workspace, flag: Option<&str>) -> Result<(ContextName, Source)> {
    if let Some(flag) = flag {
        return Ok((flag.parse()?, Source::Explicit));
    }
    if let Some(name) = &workspace.settings.default_context {
        return Ok((name.clone(), Source::Default));
    }
    let dev: ContextName = DEV.parse()?;
    if workspace.contexts.is_empty() || workspace.context(&dev).is_some() {
        return Ok((dev, Source::Fallback));
    }
    Err(Error::user("no context was chosen and there is no default")
        .cause(format!(
            "`.webpods/config.yml` has no `default_context`, and no context is called `dev`; \
             the contexts are {}",
            names(workspace)
        ))
        .hint(format!(
            "choose one with `-c {}`, or write `default_context: {}` into `.webpods/config.yml`",
            workspace.contexts[0].name, workspace.contexts[0].name
        )))
}

fn unknown(workspace: &Workspace, name: &ContextName, source: Source) -> Error {
    let near = near_miss(
        name.as_str(),
        workspace
            .contexts
            .iter()
            .map(|file| file.name.as_str())
            .chain([DEV]),
    );
    let said = match near {
        Some(near) => format!("context `{name}` does not exist; did you mean `{near}`?"),
        None => format!("context `{name}` does not exist"),
    };
    let mut error = Error::user(said);
    if source == Source::Default {
        error = error.cause("`.webpods/config.yml` names it as `default_context`");
    }
    if workspace.contexts.is_empty() {
        return error
            .cause(match &workspace.folder {
                Some(folder) => format!("`{}` has no contexts", folder.display()),
                None => format!(
                    "there is no `.webpods/` in `{}` or above it",
                    workspace.root.display()
                ),
            })
            .hint("write a starting set with `webpods init`");
    }
    error
        .cause(format!("the contexts are {}", names(workspace)))
        .hint(format!(
            "choose one of them with `-c`, or write `.webpods/contexts/{name}.yml`"
        ))
}

fn names(workspace: &Workspace) -> String {
    let names: Vec<String> = workspace
        .contexts
        .iter()
        .map(|file| format!("`{}`", file.name))
        .collect();
    names.join(", ")
}
