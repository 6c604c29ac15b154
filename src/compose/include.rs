//! `include:`: other projects' resources taken into this one.

use std::path::{Path, PathBuf};

use super::diagnose::{Checked, Problem, all_right, fail};
use super::extends::remote;
use super::interpolate::warn;
use super::loader::{Loader, Scope};
use super::node::{Entry, Map, Node, Value};
use super::paths;
use super::source::Span;
use super::{budget, environment};

/// The sections that are taken.
const SECTIONS: [&str; 6] = [
    "services", "volumes", "networks", "secrets", "configs", "models",
];

/// Deepest chain of files that include each other.
const DEEPEST: usize = 50;

impl Loader {
    /// Loads what `document` includes and adds it, and removes the key.
    pub fn include(&mut self, document: &mut Node, path: &Path, scope: Scope<'_>) {
        let entry = document
            .as_map_mut()
            .and_then(|map| map.shift_remove("include"));
        let Some(include) = entry.map(|entry| entry.node).filter(|node| !node.is_null()) else {
            return;
        };
        let Value::List(items) = include.value else {
            let message = format!(
                "include: must be a list, not {}; write `include: [file.yml]`",
                Node::kind(&include)
            );
            let problem = Problem::new(include.at, message);
            self.problems.add(vec![problem]);
            self.problems.incomplete = true;
            return;
        };
        let mut included = scope.included.to_vec();
        included.push(path.to_owned());
        for item in &items {
            // One circle is enough: following every way through it would take for ever.
            if self.circle {
                break;
            }
            match self.included(item, scope, &included) {
                Ok(Some(imported)) => {
                    let imported = import(document, imported, item.at);
                    self.problems.note(imported);
                }
                Ok(None) => {}
                Err(problems) => {
                    self.problems.add(problems);
                    self.problems.incomplete = true;
                }
            }
        }
    }

    fn included(
        &mut self,
        item: &Node,
        scope: Scope<'_>,
        included: &[PathBuf],
    ) -> Checked<Option<Node>> {
        check(item, &mut self.warnings)?;
        let written = strings(match item.as_str() {
            Some(_) => Some(item),
            None => item.get("path"),
        });
        let env_files = strings(item.get("env_file"));
        let working = self.cwd.join(scope.working);
        if let Some((path, at)) = env_files
            .iter()
            .find(|(path, _)| !working.join(path).is_file())
        {
            let path = path.escape_debug();
            return fail(*at, format!("include: env file `{path}` does not exist"));
        }
        let Some((first, at)) = written.first().cloned() else {
            // Compose makes nothing of it.
            let line = "include: an entry without `path` includes nothing";
            warn(&mut self.warnings, line.to_owned());
            return Ok(None);
        };
        if let Some((url, at)) = written.iter().find(|(path, _)| paths::is_remote(path)) {
            return Err(vec![remote(*at, "include", url)]);
        }
        let base = self.base(scope.folder);
        let files: Vec<PathBuf> = written.iter().map(|(path, _)| base.path(path)).collect();
        let main = base.path(&first);
        let place = self.place(item.get("project_directory"), &main, scope);
        if included.contains(&main) || included.len() >= DEEPEST {
            let chain: Vec<String> = included
                .iter()
                .chain(std::iter::once(&main))
                .map(|path| {
                    format!(
                        "`{}`",
                        path.strip_prefix(&self.cwd).unwrap_or(path).display()
                    )
                })
                .collect();
            self.circle = true;
            let message = format!(
                "files include each other in a circle: {}",
                chain.join(" → ")
            );
            return fail(at, message);
        }
        let env_files: Vec<PathBuf> = match env_files.as_slice() {
            [] => Some(place.env.join(".env"))
                .filter(|path| path.is_file())
                .into_iter()
                .collect(),
            files => files.iter().map(|(path, _)| working.join(path)).collect(),
        };
        let own;
        let environment = if env_files.is_empty() {
            scope.environment
        } else {
            own = environment::with_files(scope.environment, &env_files).map_err(|message| {
                let problem = Problem::new(item.at, format!("include: {message}"));
                vec![if self.interpolate {
                    problem
                } else {
                    problem.hint(
                        "with `--no-interpolate` env files of an include see their own variables \
                         only, as in Docker Compose",
                    )
                }]
            })?;
            // Every file of the chain has all the variables of those before it.
            let weights = own
                .iter()
                .map(|(name, value)| budget::variable(name, value));
            if weights.sum::<usize>() * included.len() > 4 * budget::MOST_VARIABLES {
                return fail(
                    item.at,
                    "include: the env files of these files do not fit in memory",
                );
            }
            &own
        };
        let scope = Scope {
            folder: &place.folder,
            working: &place.working,
            resolve: true,
            environment,
            included,
        };
        if let Some(message) = files
            .iter()
            .find_map(|file| environment::endless(file).err())
        {
            return fail(at, message);
        }
        let before = self.sources.count();
        let model = self.model(&files, scope);
        self.brings(before, at, "included");
        let placed = |problem: Problem| problem.placed(at);
        let mut model =
            model.map_err(|problems| problems.into_iter().map(placed).collect::<Vec<_>>())?;
        environment::resolve_bare(&mut model, environment);
        environment::fill_configs(&mut model, environment);
        Ok(Some(model))
    }

    /// Where the included project is.
    fn place(&self, given: Option<&Node>, main: &Path, scope: Scope<'_>) -> Place {
        let Some(given) = given.and_then(Node::as_str).filter(|text| !text.is_empty()) else {
            let folder = main.parent().unwrap_or(Path::new("/")).to_owned();
            return Place {
                working: paths::relative(scope.folder, &folder),
                env: folder.clone(),
                folder,
            };
        };
        let absolute = Path::new(given).is_absolute();
        let named = self.base(scope.folder).path(given);
        // One that does not exist stands for the folder it would be in, as Compose has it.
        let folder = match named.parent() {
            Some(parent) if !named.is_dir() && !absolute => parent.to_owned(),
            _ => named,
        };
        Place {
            working: if absolute {
                folder.clone()
            } else {
                paths::relative(scope.folder, &folder)
            },
            env: self.cwd.join(scope.working).join(given),
            folder,
        }
    }
}

/// The folder of an included project.
struct Place {
    /// Absolute.
    folder: PathBuf,
    /// As paths of its files start.
    working: PathBuf,
    /// Where its `.env` is looked for.
    env: PathBuf,
}

/// What an include may be. Keys it does not have are ignored by Compose; `warnings` name them.
fn check(item: &Node, warnings: &mut Vec<String>) -> Checked<()> {
    let Some(map) = item.as_map() else {
        return match &item.value {
            Value::Str(_) | Value::Null => Ok(()),
            _ => fail(
                item.at,
                format!(
                    "include: must be a string or a mapping, not {}",
                    item.kind()
                ),
            ),
        };
    };
    for key in ["path", "env_file"] {
        let items = map.get(key).and_then(|entry| entry.node.as_list());
        let other = |item: &&Node| item.as_str().is_none();
        if let Some(item) = items.unwrap_or_default().iter().find(other) {
            let message = format!("include.{key}: must be strings, not {}", item.kind());
            return fail(item.at, message);
        }
    }
    let known = ["path", "env_file", "project_directory"];
    for key in map.keys() {
        if !known.contains(&key.as_str()) {
            let near = crate::error::near_miss(key, known)
                .map_or(String::new(), |near| format!("; did you mean `{near}`?"));
            let key = key.escape_debug();
            warn(
                warnings,
                format!("include: unknown key `{key}` is ignored{near}"),
            );
        }
    }
    Ok(())
}

/// A string or a list of strings, with places.
fn strings(node: Option<&Node>) -> Vec<(String, Span)> {
    match node.map(|node| (&node.value, node.at)) {
        Some((Value::Str(text), at)) => vec![(text.to_string(), at)],
        Some((Value::List(items), _)) => items
            .iter()
            .filter_map(|item| Some((item.as_str()?.to_owned(), item.at)))
            .collect(),
        _ => Vec::new(),
    }
}

/// Adds the resources of `imported`; two different ones under one name do not mix.
fn import(document: &mut Node, imported: Node, at: Span) -> Checked<()> {
    let Value::Map(mut imported) = imported.value else {
        return Ok(());
    };
    let Some(target) = document.as_map_mut() else {
        return Ok(());
    };
    let mut problems = Vec::new();
    for section in SECTIONS {
        let Some(Value::Map(from)) = imported.shift_remove(section).map(|entry| entry.node.value)
        else {
            continue;
        };
        let to = target.or_insert_with(section.to_owned(), || {
            Entry::made(Node::mapping(Map::new(), at))
        });
        if to.node.is_null() {
            to.node.value = Value::Map(Map::new());
        }
        let Some(to) = to.node.as_map_mut() else {
            continue;
        };
        for (name, entry) in from {
            match to.get(&name) {
                None => {
                    to.insert(name, entry);
                }
                Some(own) if own.node == entry.node => {}
                Some(own) => problems.push(
                    Problem::new(
                        own.key_at,
                        format!("{section}.{name}: an included file defines this too"),
                    )
                    .also(entry.key_at, "the included one")
                    .hint("rename one of them, or change it in an override file of the include"),
                ),
            }
        }
    }
    all_right(problems)
}
