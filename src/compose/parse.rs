//! YAML text to nodes with positions: aliases expanded, merge keys resolved, keys made unique.

use std::borrow::Cow;
use std::collections::HashMap;

use granit_parser::{Event, Options, Parser, ScalarStyle, Tag};

use super::diagnose::{Checked, Problem, fail, tell};
use super::node::{Entry, List, Map, Mark, Node, Text, Value};
use super::source::{FileId, Source, Span};
use super::{budget, escapes, syntax, tagged};

/// Deepest nesting that is read. Compose files need about ten levels.
const DEEPEST: usize = 160;

/// Most that aliases may repeat, in nodes (64 bytes of text count as one): enough for thousands of
/// services built from anchors, too little for an alias bomb.
const MOST_ALIASED: usize = 400_000;

/// The documents of a file, of which an empty one is `None`, and what is wrong with them that does
/// not keep the rest from being read.
pub type Documents = (Vec<Option<Node>>, Vec<Problem>);

/// Reads the documents of a file. `count` is how many values were read before, and becomes how many
/// were read after this.
pub fn documents(source: &Source, file: FileId, count: &mut usize) -> Checked<Documents> {
    let mut text = Cow::Borrowed(source.text.as_str());
    let mut stand_in = None;
    // Each turn mends one scalar.
    for _ in 0..MOST_MENDED {
        match attempt(&text, file, stand_in, count) {
            Err((at, problems)) => match escapes::mend(&text, at) {
                Some((mended, instead)) => {
                    text = Cow::Owned(mended);
                    stand_in = Some(instead);
                }
                None => return Err(problems),
            },
            Ok(documents) => return Ok(documents),
        }
    }
    attempt(&text, file, stand_in, count).map_err(|(_, problems)| problems)
}

/// Most scalars of a file that are mended.
const MOST_MENDED: usize = 64;

/// Reads the text, or says where it went wrong and how.
fn attempt(
    text: &str,
    file: FileId,
    stand_in: Option<char>,
    count: &mut usize,
) -> Result<Documents, (usize, Vec<Problem>)> {
    let mut options = Options::default();
    options.set_emit_comments(false);
    options.block_nesting_limit = DEEPEST;
    options.flow_nesting_limit = DEEPEST;
    let mut builder = Builder {
        file,
        stand_in,
        open: Vec::new(),
        anchors: HashMap::new(),
        aliased: 0,
        count: *count,
        documents: Vec::new(),
        root: None,
        problems: Vec::new(),
    };
    for next in Parser::new_from_str_with_options(text, options) {
        let (event, span) = next.map_err(|error| {
            let at = error.marker().byte_offset().unwrap_or_default();
            let problem = syntax::problem(text, file, at, &error.info());
            (at, vec![problem])
        })?;
        let range = span.byte_range().unwrap_or_default();
        let at = Span::new(file, range.start, range.end);
        if matches!(event, Event::Scalar(_, ScalarStyle::DoubleQuoted, ..))
            && let Some((offset, message)) = text.get(range).and_then(escapes::wrong)
        {
            let at = at.range().start + offset;
            let problem = Problem::new(Span::new(file, at, at + 2), message);
            return Err((usize::MAX, vec![problem]));
        }
        builder
            .event(event, at)
            .map_err(|problems| (usize::MAX, problems))?;
    }
    *count = builder.count;
    Ok((builder.documents, builder.problems))
}

struct Builder {
    file: FileId,
    /// What stands for a `'` that was escaped.
    stand_in: Option<char>,
    open: Vec<Open>,
    /// Finished anchored nodes by id, with their weight.
    anchors: HashMap<usize, (Node, usize)>,
    aliased: usize,
    /// Values of all files so far, weighed as [`budget::weight`] does.
    count: usize,
    documents: Vec<Option<Node>>,
    root: Option<Node>,
    /// About keys that are left out.
    problems: Vec<Problem>,
}

/// A collection that is being read.
struct Open {
    collection: Collection,
    start: Span,
    mark: Mark,
    anchor: usize,
    weight: usize,
}

enum Collection {
    List(List),
    Map {
        map: Map,
        merges: Vec<Node>,
        key: Option<(Key, Span)>,
    },
}

enum Key {
    Plain(Text),
    Merge,
    /// What cannot be one.
    Wrong,
}

impl Builder {
    fn event(&mut self, event: Event<'_>, at: Span) -> Checked<()> {
        match event {
            Event::DocumentStart(explicit, ..) => {
                if !explicit && !self.documents.is_empty() {
                    return fail(at, "a further document must start with `---`");
                }
                self.anchors.clear();
                self.root = None;
            }
            Event::DocumentEnd => {
                let root = self.root.take().filter(|root| !root.is_null());
                self.documents.push(root);
            }
            Event::Alias(id) => {
                let Some((node, weight)) = self.anchors.get(&id) else {
                    return fail(at, "an alias stands inside the value it repeats");
                };
                let (node, weight) = (node.clone(), *weight);
                self.repeat(weight, at)?;
                self.count(weight, at)?;
                self.place(node, weight, None);
            }
            Event::Scalar(text, style, anchor, tag) => {
                let quoted = style != ScalarStyle::Plain;
                let text = match self.stand_in {
                    Some(stand_in) if text.contains(stand_in) => {
                        Cow::Owned(text.replace(stand_in, "'"))
                    }
                    _ => text,
                };
                // A key is part of the value under it.
                let weight = usize::from(!self.expects_key()) + text.len() / 64;
                self.count(weight, at)?;
                let mark = mark(tag.as_deref());
                let merge = !quoted && tag.is_none() && text == "<<";
                let mut node = Node::new(tagged::value(&text, quoted, tag.as_deref(), at)?, at);
                node.mark = mark;
                if anchor != 0 {
                    self.repeat(weight, at)?;
                    self.anchors.insert(anchor, (node.clone(), weight));
                }
                self.place(node, weight, Some(merge));
            }
            Event::SequenceStart(_, anchor, tag) => {
                self.start(
                    Collection::List(List::new()),
                    at,
                    mark(tag.as_deref()),
                    anchor,
                )?;
            }
            Event::MappingStart(_, anchor, tag) => {
                let (map, merges, key) = (Map::new(), Vec::new(), None);
                let collection = Collection::Map { map, merges, key };
                self.start(collection, at, mark(tag.as_deref()), anchor)?;
            }
            Event::SequenceEnd | Event::MappingEnd => self.finish(at)?,
            _ => {}
        }
        Ok(())
    }

    fn start(
        &mut self,
        collection: Collection,
        at: Span,
        mark: Mark,
        anchor: usize,
    ) -> Checked<()> {
        if self.open.len() >= DEEPEST {
            return fail(at, format!("more than {DEEPEST} levels of nesting"));
        }
        self.count(1, at)?;
        self.open.push(Open {
            collection,
            start: at,
            mark,
            anchor,
            weight: 1,
        });
        Ok(())
    }

    fn finish(&mut self, end: Span) -> Checked<()> {
        let Some(open) = self.open.pop() else {
            return Ok(());
        };
        let value = match open.collection {
            Collection::List(mut items) => {
                items.shrink_to_fit();
                Value::List(items)
            }
            Collection::Map {
                mut map, merges, ..
            } => {
                for merge in merges {
                    merge_into(&mut map, merge)?;
                }
                map.shrink_to_fit();
                Value::Map(map)
            }
        };
        let at = Span::new(self.file, open.start.range().start, end.range().end);
        let mut node = Node::new(value, at);
        node.mark = open.mark;
        if open.anchor != 0 {
            self.repeat(open.weight, open.start)?;
            let mut repeated = node.clone();
            without_resets(&mut repeated);
            self.anchors.insert(open.anchor, (repeated, open.weight));
        }
        self.place(node, open.weight, None);
        Ok(())
    }

    /// Whether a key of a mapping comes next.
    fn expects_key(&self) -> bool {
        let open = self.open.last().map(|open| &open.collection);
        matches!(open, Some(Collection::Map { key: None, .. }))
    }

    /// Counts a copy: what an alias stands for, or what an anchor keeps for it.
    fn repeat(&mut self, weight: usize, at: Span) -> Checked<()> {
        self.aliased += weight;
        if self.aliased > MOST_ALIASED {
            let message = "aliases repeat too much: the document would not fit in memory";
            return fail(at, message);
        }
        Ok(())
    }

    /// Counts what takes memory from now on.
    fn count(&mut self, weight: usize, at: Span) -> Checked<()> {
        self.count += weight;
        if self.count > budget::MOST_VALUES {
            return budget::too_many(at);
        }
        Ok(())
    }

    /// Puts a finished node where it belongs. `merge` is set for scalars: whether it is `<<`.
    fn place(&mut self, node: Node, weight: usize, merge: Option<bool>) {
        let Some(open) = self.open.last_mut() else {
            self.root = Some(node);
            return;
        };
        open.weight += weight;
        match &mut open.collection {
            Collection::List(items) => items.push(node),
            Collection::Map { map, merges, key } => match key.take() {
                None if merge == Some(true) => {
                    if !merges.is_empty() {
                        let problem = Problem::new(node.at, "the key `<<` is repeated")
                            .hint("give one `<<` a list: `<<: [*a, *b]`");
                        tell(&mut self.problems, problem);
                    }
                    *key = Some((Key::Merge, node.at));
                }
                None => {
                    let at = node.at;
                    let kind = node.kind();
                    if let Value::Str(name) = node.value {
                        *key = Some((Key::Plain(name), at));
                    } else {
                        let message = format!("a key must be a string, not {kind}");
                        let hint = match node.value {
                            Value::Map(_) => {
                                "fill in `{{ … }}` before webpods reads the file, or put it in quotes"
                            }
                            _ => "put the key in quotes",
                        };
                        let problem = Problem::new(at, message).hint(hint);
                        tell(&mut self.problems, problem);
                        *key = Some((Key::Wrong, at));
                    }
                }
                Some((Key::Merge, _)) => merges.push(node),
                Some((Key::Wrong, _)) => {}
                Some((Key::Plain(name), key_at)) => {
                    if let Some(first) = map.get(&name) {
                        let message = format!("the key `{}` is repeated", name.escape_debug());
                        let problem = Problem::new(key_at, message)
                            .also(first.key_at, "first here")
                            .hint("keep one of them, with what both say");
                        tell(&mut self.problems, problem);
                        return;
                    }
                    map.insert(name, Entry { key_at, node });
                }
            },
        }
    }
}

/// Adds what `<<` brings, without replacing keys that are there.
fn merge_into(map: &mut Map, merge: Node) -> Checked<()> {
    let at = merge.at;
    match merge.value {
        Value::Map(from) => {
            for (key, entry) in from {
                map.or_insert_with(key, || entry);
            }
        }
        Value::List(items) if items.iter().all(|item| item.as_map().is_some()) => {
            for item in items {
                merge_into(map, item)?;
            }
        }
        _ => return fail(at, "`<<` takes a mapping or a list of mappings"),
    }
    Ok(())
}

/// A `!reset` inside an anchored value counts where the anchor stands, not where it is repeated.
fn without_resets(node: &mut Node) {
    match &mut node.value {
        Value::List(items) => {
            items.retain(|item| item.mark != Mark::Reset);
            items.iter_mut().for_each(without_resets);
        }
        Value::Map(map) => {
            map.retain(|_, entry| entry.node.mark != Mark::Reset);
            map.values_mut()
                .for_each(|entry| without_resets(&mut entry.node));
        }
        _ => {}
    }
}

fn mark(tag: Option<&Tag>) -> Mark {
    match tag.map(Tag::parts) {
        Some(("!", "reset")) => Mark::Reset,
        Some(("!", "override")) => Mark::Override,
        _ => Mark::None,
    }
}
