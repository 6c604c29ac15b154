//! The other places a value comes from: what it was laid over, and the aliases that repeat it.
//!
//! Nobody remembers this while a project is read, which would take memory; when something is wrong
//! the files are read once more.

use std::collections::HashMap;
use std::path::Path;

use granit_parser::{Event, Parser};

use super::diagnose::{Brought, Problem};
use super::node::{Node, Value};
use super::parse;
use super::paths;
use super::source::{FileId, Sources, Span};

/// Longest chain of services that extend each other which is followed.
const LONGEST: usize = 10;

/// Where values of the files that were read come from.
pub struct Origins<'a> {
    sources: &'a Sources,
    brought: &'a HashMap<FileId, Brought>,
    documents: HashMap<FileId, Vec<Node>>,
    aliases: HashMap<FileId, Vec<Alias>>,
}

/// An alias, and what it repeats.
struct Alias {
    name: String,
    at: Span,
    repeats: std::ops::Range<usize>,
}

/// The keys that lead to a value, which is in no list.
type Keys = Vec<String>;

impl<'a> Origins<'a> {
    /// Of these files, of which others asked for some.
    pub fn new(sources: &'a Sources, brought: &'a HashMap<FileId, Brought>) -> Self {
        Self {
            sources,
            brought,
            documents: HashMap::new(),
            aliases: HashMap::new(),
        }
    }

    /// Adds the place that the value `problem` is about was laid over, if it was.
    pub fn explain(&mut self, problem: &mut Problem) {
        let Some((place, keys)) = self.find(problem) else {
            return;
        };
        if let Some((at, label)) = self.below(place, &keys)
            && problem.also.iter().all(|(also, _)| *also != at)
            && at != problem.at
        {
            problem.also.push((at, label));
        }
    }

    /// The aliases that repeat what `problem` is about, as text.
    pub fn through(&mut self, problem: &Problem) -> Vec<String> {
        let Some(file) = problem.at.file() else {
            return Vec::new();
        };
        let sources = self.sources;
        let aliases = self
            .aliases
            .entry(file)
            .or_insert_with(|| aliases(sources, file));
        let start = problem.at.range().start;
        let using = aliases.iter().filter(|alias| {
            // A problem of the anchor alone, in a place of its own, is none of the alias's.
            alias.repeats.contains(&start)
        });
        using
            .filter_map(|alias| {
                let place = super::explain::place(sources, alias.at)?;
                Some(format!("`*{}` in {place}", alias.name))
            })
            .collect()
    }

    /// The file and the keys of what `problem` is about.
    fn find(&mut self, problem: &Problem) -> Option<(FileId, Keys)> {
        let at = problem.at;
        let file = at.file()?;
        let mut keys = Keys::new();
        let documents = self.documents(file);
        let found = documents.iter().any(|node| keys_of(node, at, &mut keys));
        found.then_some((file, keys))
    }

    /// What the value at `keys` of `file` is laid over: in an earlier file, or in a service that
    /// is extended.
    fn below(&mut self, file: FileId, keys: &Keys) -> Option<(Span, String)> {
        let over = self.kind(file, keys)?;
        let earlier: Vec<FileId> = self.sources.since(0).collect();
        let earlier = earlier.into_iter().take_while(|other| *other != file);
        for other in earlier.collect::<Vec<_>>().into_iter().rev() {
            if self.bringer(other) == self.bringer(file)
                && let Some(at) = self.place(other, keys)
            {
                return Some((at, label(over, "")));
            }
        }
        let [services, name, rest @ ..] = keys.as_slice() else {
            return None;
        };
        if services != "services" || rest.is_empty() {
            return None;
        }
        let (mut file, mut name) = (file, name.clone());
        for _ in 0..LONGEST {
            (file, name) = self.extended(file, &name)?;
            let mut keys = vec!["services".to_owned(), name.clone()];
            keys.extend_from_slice(rest);
            if let Some(at) = self.place(file, &keys) {
                return Some((at, label(over, &format!(", of `{}`", name.escape_debug()))));
            }
        }
        None
    }

    /// Files are laid over each other when they were asked for at one place.
    fn bringer(&self, file: FileId) -> Option<Span> {
        self.brought.get(&file).map(|brought| brought.at)
    }

    /// The file and the service that the service `name` of `file` extends.
    fn extended(&mut self, file: FileId, name: &str) -> Option<(FileId, String)> {
        let folder = self.sources.get(file)?.path.parent()?.to_owned();
        let written = self.documents(file).iter().rev();
        let mut services = written.filter_map(|node| node.find(&["services", name, "extends"]));
        let extends = services.next()?;
        let service = extends.as_str();
        let service = service.or_else(|| extends.get("service").and_then(Node::as_str));
        let service = service?.to_owned();
        let Some(other) = extends.get("file").and_then(Node::as_str) else {
            return Some((file, service));
        };
        let wanted = paths::clean(&folder.join(other).display().to_string());
        let mut files = self.sources.since(0);
        let other = files.find(|file| {
            let source = self.sources.get(*file);
            source.is_some_and(|source| source.path == Path::new(&wanted))
        });
        Some((other?, service))
    }

    fn place(&mut self, file: FileId, keys: &Keys) -> Option<Span> {
        let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
        let documents = self.documents(file).iter().rev();
        let mut found = documents.filter_map(|node| node.find(&keys));
        found.next().map(|node| node.at)
    }

    /// What the value is: those of one kind that is no scalar are merged.
    fn kind(&mut self, file: FileId, keys: &Keys) -> Option<bool> {
        let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
        let mut documents = self.documents(file).iter();
        let node = documents.find_map(|node| node.find(&keys))?;
        Some(matches!(node.value, Value::Map(_) | Value::List(_)))
    }

    fn documents(&mut self, file: FileId) -> &[Node] {
        let sources = self.sources;
        self.documents.entry(file).or_insert_with(|| {
            let read = sources
                .get(file)
                .map(|source| parse::documents(source, file, &mut 0));
            let documents = read.and_then(Result::ok).map(|(documents, _)| documents);
            documents.into_iter().flatten().flatten().collect()
        })
    }
}

fn label(merged: bool, whose: &str) -> String {
    let what = if merged {
        "merged with this"
    } else {
        "over this"
    };
    format!("{what}{whose}")
}

/// Finds the keys of the value, or of the key, that stands at `at` and in no list.
fn keys_of(node: &Node, at: Span, keys: &mut Keys) -> bool {
    if node.at == at {
        return true;
    }
    for (key, entry) in node.as_map().into_iter().flatten() {
        keys.push(key.to_string());
        if entry.key_at == at || keys_of(&entry.node, at, keys) {
            return true;
        }
        keys.pop();
    }
    false
}

/// Every alias of a file, in order.
fn aliases(sources: &Sources, file: FileId) -> Vec<Alias> {
    let Some(text) = sources.get(file).map(|source| source.text.as_str()) else {
        return Vec::new();
    };
    let mut aliases = Vec::new();
    let mut anchored: HashMap<usize, std::ops::Range<usize>> = HashMap::new();
    // The start of every collection that is open, and its anchor.
    let mut open: Vec<(usize, usize)> = Vec::new();
    if !text.contains('*') {
        return aliases;
    }
    for next in Parser::new_from_str(text) {
        let Ok((event, span)) = next else { break };
        let range = span.byte_range().unwrap_or_default();
        match event {
            Event::Scalar(_, _, anchor, _) => {
                anchored.insert(anchor, range);
            }
            Event::SequenceStart(_, anchor, _) | Event::MappingStart(_, anchor, _) => {
                open.push((range.start, anchor));
            }
            Event::SequenceEnd | Event::MappingEnd => {
                if let Some((start, anchor)) = open.pop() {
                    anchored.insert(anchor, start..range.end);
                }
            }
            Event::Alias(anchor) => {
                let name = text.get(range.clone()).unwrap_or_default();
                if let Some(repeats) = anchored.get(&anchor) {
                    aliases.push(Alias {
                        name: name.trim_start_matches('*').trim().to_owned(),
                        at: Span::new(file, range.start, range.end),
                        repeats: repeats.clone(),
                    });
                }
            }
            _ => {}
        }
    }
    aliases
}
