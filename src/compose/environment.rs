//! Variables from env files and from the process, for the project and for its services.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use super::diagnose::{Checked, Problem, all_right, fail};
use super::node::{Entry, Map, Node, Value};
use super::{budget, dotenv};

/// A set of variables.
pub type Variables = BTreeMap<String, String>;

/// `own` with what `files` add; `own` wins, and later files win over earlier ones.
pub fn with_files(own: &Variables, files: &[PathBuf]) -> Result<Variables, String> {
    let mut read = Variables::new();
    for path in files {
        let text = text(path)?;
        let lookup = |name: &str| own.get(name).cloned();
        read = dotenv::parse(&text, std::mem::take(&mut read), &lookup)
            .map_err(|(line, message)| format!("`{}` line {line}: {message}", path.display()))?;
    }
    let mut all = own.clone();
    for (name, value) in read {
        all.entry(name).or_insert(value);
    }
    Ok(all)
}

/// Biggest env file that is read, in bytes.
const BIGGEST: u64 = 32 << 20;

/// What a Compose file names must be a file: reading a pipe may never end.
fn regular(path: &Path) -> Result<(), String> {
    match path.metadata() {
        Ok(found) if !found.is_file() => Err(format!("`{}` is not a file", path.display())),
        _ => Ok(()),
    }
}

/// As [`regular`] for what is read as a Compose file; of a folder that reader says more.
pub fn endless(path: &Path) -> Result<(), String> {
    if path.is_dir() {
        return Ok(());
    }
    regular(path)
}

fn text(path: &Path) -> Result<String, String> {
    let mut bytes = Vec::new();
    std::fs::File::open(path)
        .and_then(|file| file.take(BIGGEST + 1).read_to_end(&mut bytes))
        .map_err(|error| format!("cannot read env file `{}`: {error}", path.display()))?;
    if bytes.len() as u64 > BIGGEST {
        let path = path.display();
        return Err(format!("env file `{path}` is bigger than 32 MiB"));
    }
    if bytes.starts_with(b"\xef\xbb\xbf") {
        bytes.drain(..3);
    }
    let text = String::from_utf8(bytes)
        .map_err(|_| format!("env file `{}` is not valid UTF-8", path.display()))?;
    Ok(if text.contains("\r\n") {
        text.replace("\r\n", "\n")
    } else {
        text
    })
}

/// What the files of a project are read with. Compose gives those whose variables it keeps as
/// written no environment but the project's name, so that neither env files of an `include:` nor
/// names that stand alone in `environment:` see any other variable.
pub fn known(environment: &Variables, no_interpolate: bool) -> Cow<'_, Variables> {
    if !no_interpolate {
        return Cow::Borrowed(environment);
    }
    let name = environment.get_key_value("COMPOSE_PROJECT_NAME");
    let own = |(name, value): (&String, &String)| (name.clone(), value.clone());
    Cow::Owned(name.map(own).into_iter().collect())
}

/// Values for names that stand alone in `environment:` lists, from the environment these files
/// were loaded with; a config's or secret's `environment:` keeps its value for later.
pub fn resolve_bare(model: &mut Node, environment: &Variables) {
    let Some(services) = model.get_mut("services").and_then(Node::as_map_mut) else {
        return;
    };
    for service in services.values_mut() {
        let Some(Value::List(items)) = service.node.get_mut("environment").map(|n| &mut n.value)
        else {
            continue;
        };
        for item in items {
            if let Value::Str(text) = &mut item.value
                && let Some(value) = environment.get(text.as_str())
            {
                *text = format!("{text}={value}").into();
            }
        }
    }
}

/// A config of an included file whose variable is set has its value too, and two sources are one
/// too many: Compose refuses what the same file would be allowed on its own.
pub fn fill_configs(model: &mut Node, environment: &Variables) {
    let Some(configs) = model.get_mut("configs").and_then(Node::as_map_mut) else {
        return;
    };
    for config in configs.values_mut() {
        let Some(name) = config.node.get("environment") else {
            continue;
        };
        let at = name.at;
        let value = name.as_str().and_then(|name| environment.get(name));
        if let (Some(value), Some(map)) = (value, config.node.as_map_mut()) {
            let value = Entry::made(Node::string(value.clone(), at));
            map.insert("content".to_owned(), value);
        }
    }
}

/// Looks up the names in `environment:` or `args:` that have no value. With `keep`, those that stay
/// without one are kept.
pub fn resolve(node: &mut Node, environment: &Variables, keep: bool) {
    match &mut node.value {
        Value::List(items) => items.retain_mut(|item| {
            let Value::Str(text) = &mut item.value else {
                return true;
            };
            if text.contains('=') {
                return true;
            }
            match environment.get(text.as_str()) {
                Some(value) => *text = format!("{text}={value}").into(),
                None => return keep,
            }
            true
        }),
        Value::Map(map) => map.retain(|name, entry| {
            if !entry.node.is_null() {
                return true;
            }
            match environment.get(name.as_str()) {
                Some(value) => entry.node.value = Value::Str(value.into()),
                None => return keep,
            }
            true
        }),
        _ => {}
    }
}

/// Pairs as a mapping: `k=v` items by key, values as text.
fn mapping(node: Node) -> Map {
    let mut map = Map::new();
    match node.value {
        Value::Map(entries) => {
            for (name, mut entry) in entries {
                if let Some(text) = entry.node.scalar_text() {
                    entry.node.value = Value::Str(text.into());
                }
                map.insert(name, entry);
            }
        }
        Value::List(items) => {
            for item in items {
                let at = item.at;
                let Value::Str(text) = item.value else {
                    continue;
                };
                let (name, value) = match text.split_once('=') {
                    Some((name, value)) => (name, Value::Str(value.into())),
                    None => (text.as_str(), Value::Null),
                };
                let node = Node::new(value, at);
                map.insert(name.to_owned(), Entry { key_at: at, node });
            }
        }
        _ => {}
    }
    map
}

/// Reads `env_file:` of every service into its `environment:`.
pub fn env_files(model: &mut Node, environment: &Variables, folder: &Path) -> Checked<()> {
    each(model, "environment", |service| {
        read_env_files(service, environment, folder)
    })
}

/// Reads `label_file:` of every service into its `labels:`.
pub fn label_files(model: &mut Node, folder: &Path) -> Checked<()> {
    each(model, "labels", |service| read_label_files(service, folder))
}

/// Reads files into the `key` of every service.
fn each(
    model: &mut Node,
    key: &str,
    mut read: impl FnMut(&mut Node) -> Checked<()>,
) -> Checked<()> {
    let Some(services) = model.get_mut("services").and_then(Node::as_map_mut) else {
        return Ok(());
    };
    let mut problems = Vec::new();
    let mut count = 0;
    for service in services.values_mut() {
        problems.extend(read(&mut service.node).err().into_iter().flatten());
        // A few files may stand for a lot when every service has them.
        count += service.node.get(key).map_or(0, budget::weight);
        if count > budget::MOST_VALUES {
            return budget::too_many(service.node.at);
        }
    }
    all_right(problems)
}

/// The variables of one entry of `env_file:`, which sees those `earlier` ones set.
fn read_env_file(
    file: &Node,
    folder: &Path,
    earlier: &mut Variables,
    lookup: &dyn Fn(&str) -> Option<String>,
) -> Result<Variables, Problem> {
    let Some(path) = file.get("path").and_then(Node::as_str) else {
        return Ok(Variables::new());
    };
    let place = folder.join(path);
    let exists = !path.is_empty() && place.exists();
    let path = shown(path, folder);
    let required = file.get("required");
    if let Some(required) = required.filter(|required| truth(required).is_none()) {
        let message = format!("env file `{path}`: `required` must be a boolean");
        return Err(Problem::new(required.at, message));
    }
    if !exists {
        if required.and_then(truth) == Some(false) {
            return Ok(Variables::new());
        }
        let message = format!("env file `{path}` does not exist");
        return Err(Problem::new(file.at, message).hint("create it, or write `required: false`"));
    }
    let text = regular(&place)
        .and_then(|()| text(&place))
        .map_err(|message| Problem::new(file.at, message))?;
    let found = match file.get("format").and_then(Node::as_str) {
        None | Some("") => dotenv::parse(&text, std::mem::take(earlier), lookup),
        Some("raw") => dotenv::parse_raw(&text, std::mem::take(earlier), lookup),
        Some(other) => {
            let message =
                format!("env file `{path}`: unknown format `{other}`; only `raw` is known");
            return Err(Problem::new(file.at, message));
        }
    };
    found.map_err(|(line, message)| {
        Problem::new(file.at, format!("env file `{path}` line {line}: {message}"))
    })
}

/// A path as messages name it: relative to the project when inside it.
fn shown(path: &str, folder: &Path) -> String {
    let path = Path::new(path);
    let path = path.strip_prefix(folder).unwrap_or(path);
    path.display().to_string()
}

fn read_env_files(service: &mut Node, project: &Variables, folder: &Path) -> Checked<()> {
    let Some(map) = service.as_map_mut() else {
        return Ok(());
    };
    let files = map.shift_remove("env_file").map(|entry| entry.node);
    let mut own = match map.shift_remove("environment").map(|entry| entry.node) {
        Some(node) => node,
        None => Node::mapping(Map::new(), super::source::Span::NOWHERE),
    };
    resolve(&mut own, project, true);
    let own = mapping(own);
    let mut read: Variables = Variables::new();
    let mut problems = Vec::new();
    for file in files.as_ref().and_then(Node::as_list).unwrap_or_default() {
        // The project's variables win, then the service's own.
        let lookup = |name: &str| {
            project
                .get(name)
                .cloned()
                .or_else(|| own.get(name).and_then(|entry| entry.node.scalar_text()))
        };
        match read_env_file(file, folder, &mut read, &lookup) {
            Ok(found) => read.extend(found),
            Err(problem) => problems.push(problem),
        }
    }
    if !problems.is_empty() {
        return Err(problems);
    }
    let at = files.map_or(super::source::Span::NOWHERE, |node| node.at);
    let mut all = Map::new();
    for (name, value) in read {
        all.insert(name, Entry::made(Node::string(value, at)));
    }
    for (name, entry) in own {
        all.insert(name, entry);
    }
    if !all.is_empty() {
        map.insert(
            "environment".to_owned(),
            Entry::made(Node::mapping(all, at)),
        );
    }
    Ok(())
}

/// A boolean, also one written as text.
pub fn truth(node: &Node) -> Option<bool> {
    match &node.value {
        Value::Bool(value) => Some(*value),
        Value::Str(text) => match super::cast::text(text, super::cast::Type::Bool) {
            Ok((Value::Bool(value), _)) => Some(value),
            _ => None,
        },
        _ => None,
    }
}

fn read_label_files(service: &mut Node, folder: &Path) -> Checked<()> {
    let Some(map) = service.as_map_mut() else {
        return Ok(());
    };
    let Some(files) = map.shift_remove("label_file").map(|entry| entry.node) else {
        return Ok(());
    };
    let mut labels = Map::new();
    for file in files.as_list().unwrap_or_default() {
        let Some(path) = file.as_str() else { continue };
        // Labels of earlier files are variables in later ones.
        let earlier = |name: &str| {
            labels
                .get(name)
                .and_then(|entry: &Entry| entry.node.scalar_text())
        };
        let place = folder.join(path);
        let text = regular(&place)
            .and_then(|()| text(&place))
            .or_else(|message| fail(file.at, message))?;
        let found =
            dotenv::parse(&text, Variables::new(), &earlier).or_else(|(line, message)| {
                fail(
                    file.at,
                    format!("label file `{path}` line {line}: {message}"),
                )
            })?;
        for (name, value) in found {
            labels.insert(name, Entry::made(Node::string(value, file.at)));
        }
    }
    if let Some(own) = map.shift_remove("labels") {
        labels.extend(mapping(own.node));
    }
    map.insert(
        "labels".to_owned(),
        Entry::made(Node::mapping(labels, files.at)),
    );
    Ok(())
}
