//! One load: reads files, takes each document through the passes and lays it over the ones before.

use std::collections::{BTreeMap, HashMap};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::diagnose::{Brought, Checked, Problem, fail};
use super::node::{Map, Node, Value};
use super::problems::Problems;
use super::reset::Resets;
use super::source::{FileId, Sources, Span};
use super::{
    budget, canonical, defaults, encoding, interpolate, merge, parse, paths, repair, schema,
    unique, validate,
};

/// Biggest Compose file that is read, in bytes.
const BIGGEST: u64 = 32 << 20;
/// Most text of all files together, in bytes: it is kept for messages.
const MOST_READ: usize = 32 << 20;

/// Misspelt keys below misspelt keys are looked for this often.
const MOST_REPAIRS: usize = 4;

/// State of one load.
#[derive(Debug)]
pub struct Loader {
    /// Files read so far.
    pub sources: Sources,
    /// What a person should know, once each.
    pub warnings: Vec<String>,
    /// Where the command runs; messages name files relative to it.
    pub cwd: PathBuf,
    /// `$HOME`, for `~`.
    pub home: Option<String>,
    /// Replace variables.
    pub interpolate: bool,
    /// What each file holds; no file is read twice.
    pub parsed: HashMap<PathBuf, (FileId, Vec<Option<Node>>)>,
    /// How many values were read, against [`budget::MOST_VALUES`].
    pub read: usize,
    /// How many values `extends` made, against [`budget::MOST_VALUES`].
    pub extended: usize,
    /// What is wrong so far. A project with problems is refused in the end, when all passes have
    /// said what they find.
    pub problems: Problems,
    /// Who asked for the files that are not the project's own.
    pub brought: HashMap<FileId, Brought>,
    /// Files include each other in a circle.
    pub circle: bool,
}

/// A file's documents and the environment and folder they are read with.
#[derive(Debug, Clone, Copy)]
pub struct Scope<'a> {
    /// The project directory of these files, absolute.
    pub folder: &'a Path,
    /// The same as Compose calls it: relative to the including file's folder below an `include:`.
    pub working: &'a Path,
    /// Put `working` before relative paths.
    pub resolve: bool,
    /// What variables are set to.
    pub environment: &'a BTreeMap<String, String>,
    /// The chain of files that include each other, outermost first.
    pub included: &'a [PathBuf],
}

impl Loader {
    /// Merges `files` in order and completes the result: defaults, rules, absolute paths.
    pub fn model(&mut self, files: &[PathBuf], scope: Scope<'_>) -> Checked<Node> {
        let mut model = Node::mapping(Map::new(), Span::NOWHERE);
        for path in files {
            model = self.file(path, model, scope)?;
        }
        defaults::run(&mut model);
        self.problems.note(validate::run(&model));
        if scope.resolve {
            self.problems.note(validate::paths(&model));
            paths::resolve(&mut model, &self.base(scope.working));
        }
        Ok(model)
    }

    /// Where relative paths of files in `folder` start.
    pub fn base<'a>(&'a self, folder: &'a Path) -> paths::Base<'a> {
        paths::Base {
            folder,
            home: self.home.as_deref(),
        }
    }

    /// Lays every document of a file over `model`.
    fn file(&mut self, path: &Path, mut model: Node, scope: Scope<'_>) -> Checked<Node> {
        // The project's own files are read once; only those that others extend are kept.
        let (file, documents) = match self.parsed.remove(path) {
            Some(parsed) => parsed,
            None => self.parse(path)?,
        };
        for document in documents {
            let Some(mut document) = self.prepare(document, file, scope) else {
                continue;
            };
            let resets = Resets::take(&mut document);
            let extended = self.extend_services(&mut document, path, scope, &resets);
            self.problems.note(extended);
            if self.extended > budget::MOST_VALUES {
                return Err(Vec::new());
            }
            resets.apply(&mut model);
            self.include(&mut document, path, scope);
            let doubtful;
            (model, doubtful) = self.lay(model, document);
            self.check(&mut model);
            // What the schema says of an item is plainer.
            self.problems.note(doubtful);
            self.forget_version(&mut model);
            self.canonical(&mut model)?;
        }
        Ok(model)
    }

    /// The services of a file that another file extends: long forms, but neither merged nor
    /// checked, since only the result must be complete.
    pub fn base_file(&mut self, path: &Path, scope: Scope<'_>) -> Checked<(Node, Resets)> {
        let (file, documents) = self.read(path)?;
        let mut model = Node::mapping(Map::new(), Span::new(file, 0, 0));
        let mut all = Resets::default();
        for document in documents {
            let Some(mut document) = self.prepare(document, file, scope) else {
                continue;
            };
            all = Resets::take(&mut document);
            all.apply(&mut model);
            let doubtful;
            (model, doubtful) = self.lay(model, document);
            self.problems.note(doubtful);
            self.canonical(&mut model)?;
        }
        Ok((model, all))
    }

    /// Ends the load when something is wrong.
    pub fn none_wrong(&self) -> Checked<()> {
        if self.problems.is_empty() {
            Ok(())
        } else {
            Err(Vec::new())
        }
    }

    /// Notes who asked for the files that were read since there were `before`.
    pub fn brings(&mut self, before: usize, at: Span, how: &str) {
        for file in self.sources.since(before) {
            let how = || Brought {
                at,
                how: how.to_owned(),
            };
            self.brought.entry(file).or_insert_with(how);
        }
    }

    /// A document with its variables replaced; none when it is no mapping.
    fn prepare(&mut self, document: Option<Node>, file: FileId, scope: Scope<'_>) -> Option<Node> {
        let usable = match document {
            None => fail(
                Span::new(file, 0, 0),
                "the document is empty; write `services:`, or remove its `---`",
            ),
            Some(document) if document.as_map().is_none() => {
                let message = format!(
                    "a Compose file is a mapping with keys like `services:`, not {}",
                    document.kind()
                );
                fail(document.at, message)
            }
            Some(document) => Ok(document),
        };
        let Some(mut document) = self.problems.note(usable) else {
            self.problems.incomplete = true;
            return None;
        };
        if self.interpolate {
            let replaced = interpolate::run(&mut document, scope.environment, &mut self.warnings);
            self.problems.note(replaced);
        }
        Some(document)
    }

    /// `document` laid over `model`, and whether items of lists could be told apart.
    fn lay(&mut self, model: Node, document: Node) -> (Node, Checked<()>) {
        let mut clashes = Vec::new();
        let mut model = merge::documents(model, document, &mut clashes);
        self.problems.add(clashes);
        let unique = unique::run(&mut model);
        (model, unique)
    }

    /// Checks the shape. Of a misspelt key the value is looked at as that of the key that is meant.
    fn check(&mut self, model: &mut Node) {
        for _ in 0..MOST_REPAIRS {
            let Err(problems) = schema::check(model) else {
                return;
            };
            let meant = |problem: &Problem| problem.meant.map(|key| (problem.at, key));
            let meant: repair::Meant = problems.iter().filter_map(meant).collect();
            self.problems.incomplete |= meant.values().any(|key| *key == "include");
            self.problems.add(problems);
            if meant.is_empty() || !repair::rename(model, &meant) {
                return;
            }
        }
    }

    fn canonical(&mut self, model: &mut Node) -> Checked<()> {
        budget::ports(model)?;
        self.problems.note(canonical::run(model, !self.interpolate));
        budget::values(model)?;
        drop_empty_dns(model);
        self.problems.note(unique::run(model));
        Ok(())
    }

    fn forget_version(&mut self, model: &mut Node) {
        let entry = model
            .as_map_mut()
            .and_then(|map| map.shift_remove("version"));
        if let Some(file) = entry.and_then(|entry| entry.node.at.file())
            && let Some(source) = self.sources.get(file)
        {
            let warning = format!(
                "{}: `version` is obsolete and ignored; remove it",
                source.shown
            );
            interpolate::warn(&mut self.warnings, warning);
        }
    }

    /// The documents of a file as they are written.
    pub fn peek(&mut self, path: &Path) -> Checked<&[Option<Node>]> {
        if !self.parsed.contains_key(path) {
            let read = self.parse(path)?;
            self.parsed.insert(path.to_owned(), read);
        }
        Ok(self
            .parsed
            .get(path)
            .map_or(&[], |(_, documents)| documents))
    }

    fn read(&mut self, path: &Path) -> Checked<(FileId, Vec<Option<Node>>)> {
        if let Some(known) = self.parsed.get(path) {
            return Ok(known.clone());
        }
        let read = self.parse(path)?;
        self.parsed.insert(path.to_owned(), read.clone());
        Ok(read)
    }

    /// Reads and parses a file; `-` is standard input.
    fn parse(&mut self, path: &Path) -> Checked<(FileId, Vec<Option<Node>>)> {
        let shown = || {
            let shown = path.strip_prefix(&self.cwd).unwrap_or(path).display();
            shown.to_string()
        };
        let bytes = match bytes(path) {
            Ok(bytes) => bytes,
            Err(problem) if problem.kind() == ErrorKind::NotFound => {
                let problem = Problem::nowhere(format!("there is no file `{}`", shown()));
                return Err(vec![problem.hint(
                    "paths start in the folder of the project, or of the file that is included",
                )]);
            }
            Err(problem) => {
                let message = format!("cannot read `{}`: {problem}", shown());
                return fail(Span::NOWHERE, message);
            }
        };
        let text = encoding::text(bytes)
            .or_else(|problem| fail(Span::NOWHERE, format!("`{}` {problem}", shown())))?;
        if self.sources.size() + text.len() > MOST_READ {
            let message = format!(
                "`{}`: with it the files are bigger than 32 MiB together",
                shown()
            );
            return fail(Span::NOWHERE, message);
        }
        let file = self.sources.add(path, &self.cwd, text);
        let Some(source) = self.sources.get(file) else {
            return Ok((file, Vec::new()));
        };
        let (documents, problems) = parse::documents(source, file, &mut self.read)?;
        self.problems.add(problems);
        if documents.is_empty() {
            return fail(
                Span::new(file, 0, 0),
                "the file is empty; a Compose file has at least `services:`",
            );
        }
        Ok((file, documents))
    }
}

fn bytes(path: &Path) -> std::io::Result<Vec<u8>> {
    use std::io::Read as _;
    let mut bytes = Vec::new();
    let read = if path == Path::new("-") {
        std::io::stdin()
            .lock()
            .take(BIGGEST + 1)
            .read_to_end(&mut bytes)
    } else {
        std::fs::File::open(path).and_then(|file| file.take(BIGGEST + 1).read_to_end(&mut bytes))
    };
    match read {
        Err(error) => Err(error),
        Ok(size) if size as u64 > BIGGEST => Err(std::io::Error::other("it is bigger than 32 MiB")),
        Ok(_) => Ok(bytes),
    }
}

/// An empty item of `dns` counts as not written.
fn drop_empty_dns(model: &mut Node) {
    let services = model.get_mut("services").and_then(Node::as_map_mut);
    for service in services.into_iter().flat_map(Map::values_mut) {
        if let Some(Value::List(items)) = service.node.get_mut("dns").map(|dns| &mut dns.value) {
            items.retain(|item| item.as_str() != Some(""));
        }
    }
}
