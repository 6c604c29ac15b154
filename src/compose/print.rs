//! The printed forms of a loaded project.
//!
//! Printing goes service by service: the whole text, and the tree it is made from, would each be as
//! much as the model itself.

use std::io;

use serde::ser::{Serialize, SerializeMap as _, Serializer};
use serde_json::Value as Json;

use super::hash::{self, escaped};
use super::node::{Node, Value};
use super::render::{self, Form, Part};
use super::{Loaded, yaml};
use crate::error::{Error, Explain as _, Result, near_miss};

/// How `config` prints the model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Format {
    /// Compose's YAML.
    #[default]
    Yaml,
    /// JSON, two spaces, objects at the top sorted by key.
    Json,
}

/// Gets one piece of text after the other.
pub type Out<'a> = &'a mut dyn FnMut(&str) -> Result<()>;

/// As much text is handed over at once, in bytes.
const PIECE: usize = 64 << 10;

/// Prints the model. `$` is doubled, so that the output is a Compose file again; text that was
/// never interpolated is kept.
///
/// # Errors
/// What JSON cannot hold, before anything is printed; whatever `out` fails with.
pub fn print(loaded: &Loaded, format: Format, out: Out<'_>) -> Result<()> {
    let model = &loaded.model;
    let form = match format {
        Format::Json => Form::Json,
        Format::Yaml => Form::Yaml,
    };
    if format == Format::Json {
        check_json(loaded)?;
    }
    let parts = if loaded.raw {
        // Only JSON shows what looking up variables did.
        render::raw_parts(model, form, loaded.normalized && format == Format::Json)
    } else {
        render::parts(model, form)
    };
    let mut pieces = Pieces {
        text: String::new(),
        format,
        doubled: !loaded.raw,
        out,
        failed: None,
    };
    let printed = match format {
        Format::Json => {
            let printed = serde_json::to_writer_pretty(&mut pieces, &Document(&parts));
            printed.explain(|| "cannot print the model")
        }
        Format::Yaml => yaml(&parts, &mut pieces),
    };
    match pieces.failed.take() {
        Some(error) => Err(error),
        None => printed.and_then(|()| pieces.hand_over()),
    }
}

/// The same as one text.
///
/// # Errors
/// What JSON cannot hold.
pub fn printed(loaded: &Loaded, format: Format) -> Result<String> {
    let mut text = String::new();
    print(loaded, format, &mut |piece| {
        text.push_str(piece);
        Ok(())
    })?;
    Ok(text)
}

/// Text on its way out.
struct Pieces<'a> {
    text: String,
    format: Format,
    /// `$` becomes `$$`.
    doubled: bool,
    out: Out<'a>,
    /// Why no more is wanted.
    failed: Option<Error>,
}

impl Pieces<'_> {
    fn hand_over(&mut self) -> Result<()> {
        let mut text = std::mem::take(&mut self.text);
        if self.format == Format::Json {
            text = escaped(text);
        }
        if self.doubled && text.contains('$') {
            text = text.replace('$', "$$");
        }
        (self.out)(&text)
    }

    fn hand_over_much(&mut self) -> Result<()> {
        if self.text.len() < PIECE {
            return Ok(());
        }
        self.hand_over()
    }
}

/// For the JSON writer, which writes whole characters at a time, however many at once.
impl io::Write for Pieces<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let piece = bytes.get(..PIECE).unwrap_or(bytes);
        let text = match std::str::from_utf8(piece) {
            // The piece ends inside of a character.
            Err(error) if error.valid_up_to() > 0 => {
                std::str::from_utf8(&piece[..error.valid_up_to()])
            }
            whole => whole,
        };
        let text = text.map_err(io::Error::other)?;
        self.text.push_str(text);
        if let Err(error) = self.hand_over_much() {
            self.failed = Some(error);
            return Err(io::Error::other("no more is wanted"));
        }
        Ok(text.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The parts as one JSON object, each entry of a section made when it is written.
struct Document<'a>(&'a [(&'a str, Part<'a>)]);

impl Serialize for Document<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for (key, part) in self.0 {
            map.serialize_entry(key, part)?;
        }
        map.end()
    }
}

impl Serialize for Part<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Part::Whole(value) => value.serialize(serializer),
            Part::Section(section) => serializer.collect_map(section.entries()),
        }
    }
}

fn yaml(parts: &[(&str, Part<'_>)], pieces: &mut Pieces<'_>) -> Result<()> {
    if parts.is_empty() {
        pieces.text.push_str("{}\n");
    }
    for (key, part) in parts {
        match part {
            Part::Whole(value) => yaml::entry(key, value, 0, &mut pieces.text),
            Part::Section(section) if section.is_empty() => {
                yaml::entry(
                    key,
                    &Json::Object(serde_json::Map::new()),
                    0,
                    &mut pieces.text,
                );
            }
            Part::Section(section) => {
                yaml::key(key, 0, &mut pieces.text);
                pieces.text.push('\n');
                for (key, value) in section.entries() {
                    yaml::entry(key, &value, 2, &mut pieces.text);
                    pieces.hand_over_much()?;
                }
            }
        }
        pieces.hand_over_much()?;
    }
    Ok(())
}

/// Refuses what has no JSON form.
fn check_json(loaded: &Loaded) -> Result<()> {
    let model = loaded.model.as_map();
    let mut whole = model.into_iter().flatten();
    // Elsewhere such a number would not have the type of its key.
    if whole.any(|(key, entry)| (loaded.raw || key.starts_with("x-")) && !finite(&entry.node)) {
        let error = Error::user("JSON has no numbers that are not finite");
        return Err(error.hint("use `--format yaml`"));
    }
    if loaded.raw {
        return Ok(());
    }
    // Docker Compose cannot print `build.ssh` with a path as JSON, so nobody's scripts may count
    // on it.
    for (name, service) in loaded.services() {
        let keys = service.find(&["build", "ssh"]).map(render::ssh);
        if let Some(key) = keys.into_iter().flatten().find(|key| key.contains('=')) {
            let message = format!(
                "services.{name}.build.ssh: `{}` cannot be printed as JSON, as in Docker Compose",
                key.escape_debug()
            );
            return Err(Error::user(message).hint("use `--format yaml`"));
        }
    }
    Ok(())
}

fn finite(node: &Node) -> bool {
    match &node.value {
        Value::Float(value) => value.is_finite(),
        Value::List(items) => items.iter().all(finite),
        Value::Map(map) => map.values().all(|entry| finite(&entry.node)),
        _ => true,
    }
}

/// The hash Compose labels the containers of a service with, of each named service (`*`: all), by
/// name.
pub fn hash(loaded: &Loaded, wanted: &str) -> Result<Vec<(String, String)>> {
    let services = loaded.services();
    let known = || services.iter().map(|(name, _)| *name);
    let mut names: Vec<&str> = if wanted == "*" {
        known().collect()
    } else {
        wanted.split(',').collect()
    };
    names.sort_unstable();
    let platform = loaded.environment.get("DOCKER_DEFAULT_PLATFORM");
    let mut hashes = Vec::with_capacity(names.len());
    for name in names {
        let place = services.binary_search_by_key(&name, |(name, _)| name);
        let tree = place.map(|place| render::service(name, services[place].1));
        let Ok(Json::Object(service)) = tree else {
            let near = near_miss(name, known())
                .map_or(String::new(), |near| format!("; did you mean `{near}`?"));
            let name = name.escape_debug();
            return Err(Error::user(format!("there is no service `{name}`{near}")));
        };
        let platform = platform.map(String::as_str);
        hashes.push((name.to_owned(), hash::service(&service, platform)));
    }
    Ok(hashes)
}
