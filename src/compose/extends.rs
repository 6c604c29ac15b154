//! `extends:`: a service built on another, of the same file or of another one.

use std::path::{Path, PathBuf};

use super::diagnose::{Checked, Problem, all_right, fail};
use super::explain::SHOWN;
use super::loader::{Loader, Scope};
use super::node::{Map, Node, Text, Value};
use super::paths;
use super::reset::Resets;
use super::source::Span;
use super::{budget, environment, merge};

/// Longest chain of services that extend each other.
const LONGEST: usize = 100;

/// A service that is being extended, for cycles.
type Link = (PathBuf, String);

impl Loader {
    /// Replaces every service that extends another by the merged one.
    pub fn extend_services(
        &mut self,
        document: &mut Node,
        path: &Path,
        scope: Scope<'_>,
        resets: &Resets,
    ) -> Checked<()> {
        let Some(node) = document.get_mut("services") else {
            return Ok(());
        };
        let (at, kind) = (node.at, node.kind());
        let Some(services) = node.as_map_mut() else {
            let message = format!("services: must be a mapping, not {kind}");
            let hint =
                "write the names without the dashes before them, and the keys of each below it";
            return Err(vec![Problem::new(at, message).hint(hint)]);
        };
        let mut problems = Vec::new();
        let names: Vec<Text> = services.keys().cloned().collect();
        for name in names {
            let file = File {
                path,
                scope,
                resets: std::slice::from_ref(resets),
            };
            match self.extended(&name, services, file, &mut Vec::new()) {
                Ok(Some(node)) => {
                    if let Some(entry) = services.get_mut(&name) {
                        entry.node = node;
                    }
                }
                Ok(None) => {}
                Err(mut more) => problems.append(&mut more),
            }
            if problems.len() > SHOWN {
                break;
            }
        }
        all_right(problems)
    }

    /// The service `name` laid over what it extends; none when it extends nothing.
    fn extended(
        &mut self,
        name: &str,
        services: &mut Map,
        file: File<'_>,
        chain: &mut Vec<Link>,
    ) -> Checked<Option<Node>> {
        let Some(service) = services.get(name).map(|entry| &entry.node) else {
            return Ok(None);
        };
        if !service.is_null() && service.as_map().is_none() {
            let message = format!("services.{name}: must be a mapping, not {}", service.kind());
            return Err(vec![Problem::new(service.at, message).hint(format!(
                "write the keys of `{name}` below it, like `image: …`"
            ))]);
        }
        let Some(extends) = service.get("extends").cloned() else {
            return Ok(None);
        };
        let over = service.clone();
        let reference = reference(name, &extends)?;
        let link = (file.path.to_owned(), name.to_owned());
        if chain.contains(&link) || chain.len() >= LONGEST {
            return Err(vec![cycle(chain, &link, extends.at)]);
        }
        chain.push(link);
        let (base, resets) = match &reference.file {
            None => self.base_here(name, &reference, services, file, chain)?,
            Some(other) => self.base_there(name, &reference, other, file, chain)?,
        };
        chain.pop();
        let Some(mut base) = base else {
            return Ok(Some(over));
        };
        for resets in &resets {
            resets.apply_to_service(name, &mut base);
        }
        let mut clashes = Vec::new();
        let mut merged = merge::services(name, base, over, &mut clashes);
        self.problems.add(clashes);
        self.extended += budget::weight(&merged);
        if self.extended > budget::MOST_VALUES {
            let most = budget::MOST_VALUES;
            let message = format!(
                "services.{name}.extends: the services that extend others have more than {most} \
                 values together"
            );
            return fail(extends.at, message);
        }
        if let Some(map) = merged.as_map_mut() {
            map.shift_remove("extends");
        }
        // A service that extends this one finds the merged form.
        if let Some(entry) = services.get_mut(name) {
            entry.node = merged.clone();
        }
        Ok(Some(merged))
    }

    fn base_here(
        &mut self,
        name: &str,
        reference: &Reference,
        services: &mut Map,
        file: File<'_>,
        chain: &mut Vec<Link>,
    ) -> Checked<(Option<Node>, Vec<Resets>)> {
        if !services.contains_key(&reference.service) {
            return fail(
                reference.at,
                missing(name, &reference.service, services, "this file"),
            );
        }
        let merged = self.extended(&reference.service, services, file, chain)?;
        let base = merged.or_else(|| {
            let entry = services.get(&reference.service)?;
            Some(entry.node.clone())
        });
        Ok((base.filter(|node| !node.is_null()), file.resets.to_vec()))
    }

    fn base_there(
        &mut self,
        name: &str,
        reference: &Reference,
        other: &Node,
        file: File<'_>,
        chain: &mut Vec<Link>,
    ) -> Checked<(Option<Node>, Vec<Resets>)> {
        let Some(written) = other.as_str() else {
            let message = format!(
                "services.{name}.extends.file: must be a string, not {}",
                other.kind()
            );
            return fail(other.at, message);
        };
        if paths::is_remote(written) {
            return Err(vec![remote(other.at, "extends", written)]);
        }
        let path = self.base(file.scope.folder).path(written);
        if let Err(message) = environment::endless(&path) {
            return fail(other.at, message);
        }
        let folder = path.parent().unwrap_or(Path::new("/")).to_owned();
        let placed = |problem: Problem| problem.placed(other.at);
        let before = self.sources.count();
        let read = self.base_file(&path, file.scope);
        let how = format!("extended by service `{}`", name.escape_debug());
        self.brings(before, other.at, &how);
        let (mut model, resets) =
            read.map_err(|problems| problems.into_iter().map(placed).collect::<Vec<_>>())?;
        // Relative to the file that extends, so that they can be kept as written there.
        let from = paths::relative(file.scope.folder, &folder);
        paths::resolve(&mut model, &self.base(&from));
        let Some(services) = model.get_mut("services").and_then(Node::as_map_mut) else {
            return fail(other.at, format!("`{written}` has no services to extend"));
        };
        if !services.contains_key(&reference.service) {
            let place = format!("`{written}`");
            return fail(
                reference.at,
                missing(name, &reference.service, services, &place),
            );
        }
        let mut all = file.resets.to_vec();
        all.push(resets);
        let there = File {
            path: &path,
            scope: file.scope,
            resets: &all,
        };
        let merged = self.extended(&reference.service, services, there, chain)?;
        let base = merged.or_else(|| {
            let entry = services.get(&reference.service)?;
            Some(entry.node.clone())
        });
        Ok((base.filter(|node| !node.is_null()), all))
    }
}

/// The file whose services are looked at.
#[derive(Clone, Copy)]
struct File<'a> {
    path: &'a Path,
    scope: Scope<'a>,
    /// What this file and those that led to it reset or override.
    resets: &'a [Resets],
}

struct Reference {
    service: String,
    file: Option<Node>,
    at: Span,
}

fn reference(name: &str, extends: &Node) -> Checked<Reference> {
    match &extends.value {
        Value::Str(service) => Ok(Reference {
            service: service.to_string(),
            file: None,
            at: extends.at,
        }),
        Value::Map(map) => {
            let service = map.get("service").map(|entry| &entry.node);
            let Some((service, text)) = service.and_then(|node| Some((node, node.as_str()?)))
            else {
                let message = format!("services.{name}.extends: `service` is missing");
                let problem = Problem::new(extends.at, message);
                return Err(vec![
                    problem.hint("name the service that is extended: `service: …`"),
                ]);
            };
            Ok(Reference {
                service: text.to_owned(),
                file: map
                    .get("file")
                    .map(|entry| entry.node.clone())
                    .filter(|file| !file.is_null()),
                at: service.at,
            })
        }
        _ => {
            let kind = extends.kind();
            let message =
                format!("services.{name}.extends: must be a string or a mapping, not {kind}");
            fail(extends.at, message)
        }
    }
}

fn missing(name: &str, service: &str, services: &Map, place: &str) -> String {
    let near = crate::error::near_miss(service, services.keys().map(Text::as_str))
        .map_or(String::new(), |near| format!("; did you mean `{near}`?"));
    format!("services.{name}.extends: there is no service `{service}` in {place}{near}")
}

fn cycle(chain: &[Link], link: &Link, at: Span) -> Problem {
    let Some(start) = chain.iter().position(|known| known == link) else {
        let message = format!("more than {LONGEST} services extend each other in a row");
        return Problem::new(at, message);
    };
    if chain.len() == start + 1 {
        let message = format!("service `{}` extends itself", link.1.escape_debug());
        return Problem::new(at, message).hint("name another service, or one of another `file:`");
    }
    let shown: Vec<String> = chain[start..]
        .iter()
        .chain(std::iter::once(link))
        .map(|(_, name)| format!("`{name}`"))
        .collect();
    let message = format!(
        "services extend each other in a circle: {}",
        shown.join(" → ")
    );
    Problem::new(at, message)
}

/// Files behind a URL are not fetched.
pub fn remote(at: Span, what: &str, written: &str) -> Problem {
    Problem::new(
        at,
        format!("{what}: `{written}` is remote, and remote files are not fetched"),
    )
    .hint("download the file into the project and name it there")
}
