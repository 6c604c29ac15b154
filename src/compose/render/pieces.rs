//! The printed model piece by piece: as a whole it takes several times the memory of what it is made
//! from.

use serde_json::{Map as Object, Value as Json};

use super::fields::{self, TOP};
use super::pass::Pass;
use super::{Field, Form, Keep, Type, order, raw, value};
use crate::compose::diagnose::{Checked, all_right};
use crate::compose::node::{Entry, Map, Node, Text};
use crate::compose::path::Path;

const SERVICE: Type = Type::Object(fields::SERVICE);

/// What stands under one key of the top level.
pub enum Part<'a> {
    /// A value.
    Whole(Json),
    /// A mapping, made entry by entry.
    Section(Section<'a>),
}

/// A mapping of the top level.
pub struct Section<'a> {
    entries: Vec<(&'a Text, &'a Entry)>,
    form: Form,
    kind: Kind<'a>,
}

#[derive(Clone, Copy)]
enum Kind<'a> {
    /// A section of the model and the type of its values; whether a missing one is an empty one.
    Typed(&'static str, &'static Type, bool),
    /// Values as they are, at this path.
    Raw(&'a str, bool),
    /// An extension.
    Extension,
}

impl<'a> Section<'a> {
    /// Whether nothing is in it.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Keys and values in their order, each made when it is asked for. What is wrong is left out:
    /// [`super::check`] says it.
    pub fn entries(&self) -> impl Iterator<Item = (&'a str, Json)> {
        let entries = self.entries.iter();
        entries.filter_map(|(key, entry)| Some((key.as_str(), self.value(key, &entry.node)?)))
    }

    fn value(&self, key: &str, node: &Node) -> Option<Json> {
        let (root, form) = (Path::ROOT, self.form);
        match self.kind {
            Kind::Typed(section, kind, filled) => {
                let mut path = vec![section.to_owned()];
                Pass::new(form).entry(key, node, kind, filled, &mut path)
            }
            Kind::Raw(section, normalized) => {
                let section = root.key(section);
                Some(raw::at(node, form, normalized, &section.key(key)))
            }
            Kind::Extension => Some(raw::at(node, form, false, &root.key(key))),
        }
    }
}

/// The parts of the model in the order of the form.
pub fn parts(model: &Node, form: Form) -> Vec<(&str, Part<'_>)> {
    let mut parts = Vec::new();
    for Field(key, kind, keep) in TOP {
        let node = model.get(key).filter(|node| !node.is_null());
        let (values, filled) = match kind {
            Type::Map(values) => (*values, false),
            Type::Filled(values) => (*values, true),
            _ => {
                let name = node.and_then(Node::as_str).filter(|name| !name.is_empty());
                parts.extend(name.map(|name| (*key, Part::Whole(Json::from(name)))));
                continue;
            }
        };
        let map = node.and_then(Node::as_map).filter(|map| !map.is_empty());
        match (map, keep) {
            (Some(_), Keep::OnlyYaml) if form == Form::Json => {}
            (Some(map), _) => {
                let kind = Kind::Typed(key, values, filled);
                parts.push((*key, section(map, form, kind)));
            }
            (None, Keep::Both) => parts.push((*key, Part::Whole(Json::Object(Object::new())))),
            (None, _) => {}
        }
    }
    for (key, entry) in sorted(model, form) {
        if key.starts_with("x-") {
            let part = match entry.node.as_map() {
                Some(map) => section(map, form, Kind::Extension),
                None => Part::Whole(raw::tree(&entry.node, form, false)),
            };
            parts.push((key.as_str(), part));
        }
    }
    if form == Form::Json {
        parts.sort_by(|a, b| a.0.cmp(b.0));
    }
    parts
}

/// The parts of a model whose variables were not replaced: everything as it is.
pub fn raw_parts(model: &Node, form: Form, normalized: bool) -> Vec<(&str, Part<'_>)> {
    let mut parts = Vec::new();
    for (key, entry) in sorted(model, form) {
        let root = Path::ROOT;
        let part = match entry.node.as_map() {
            Some(map) => section(map, form, Kind::Raw(key, normalized)),
            None => Part::Whole(raw::at(&entry.node, form, normalized, &root.key(key))),
        };
        parts.push((key.as_str(), part));
    }
    parts
}

/// All but the services, in the form of JSON.
pub fn others(model: &Node) -> Json {
    let parts = parts(model, Form::Json).into_iter();
    let value = |part| match part {
        Part::Whole(value) => value,
        Part::Section(section) => {
            let entries = section.entries();
            entries
                .map(|(key, value)| (key.to_owned(), value))
                .collect()
        }
    };
    parts
        .filter(|(key, _)| *key != "services")
        .map(|(key, part)| (key.to_owned(), value(part)))
        .collect()
}

/// One service in the form of JSON.
pub fn service(name: &str, node: &Node) -> Json {
    let mut path = vec!["services".to_owned()];
    let value = Pass::new(Form::Json).entry(name, node, &SERVICE, false, &mut path);
    value.unwrap_or_default()
}

/// The keys of `build.ssh` as they are printed.
pub fn ssh(node: &Node) -> Vec<String> {
    value::ssh(node).unwrap_or_default()
}

/// Checks the types of all values and prints nothing.
pub fn check(model: &Node) -> Checked<()> {
    let mut problems = Vec::new();
    for Field(section, kind, _) in TOP {
        let (Type::Map(kind) | Type::Filled(kind)) = kind else {
            continue;
        };
        let mut path = vec![(*section).to_owned()];
        let map = model.get(section).and_then(Node::as_map);
        for (key, entry) in map.into_iter().flatten() {
            let mut pass = Pass::new(Form::Json);
            pass.entry(key, &entry.node, kind, false, &mut path);
            problems.append(&mut pass.problems);
        }
    }
    all_right(problems)
}

fn sorted(model: &Node, form: Form) -> Vec<(&Text, &Entry)> {
    let map = model.as_map();
    map.map_or(Vec::new(), |map| order::sorted(map, form))
}

fn section<'a>(map: &'a Map, form: Form, kind: Kind<'a>) -> Part<'a> {
    Part::Section(Section {
        entries: order::sorted(map, form),
        form,
        kind,
    })
}
