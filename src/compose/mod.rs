//! Compose files to a project, exactly as Docker Compose reads them (spec §8).
//!
//! In: file names, flags and the process environment. Out: the canonical model that
//! `webpods config` prints, and the typed [`Project`] that the planner and the builder use. Only
//! files are read; nothing else of the machine is looked at.
//!
//! The passes, one file each: [`parse`] → [`interpolate`] → [`extends`] → [`reset`] → [`include`] →
//! [`merge`] → [`unique`] → [`schema`] → [`canonical`] for every document; then [`defaults`] →
//! [`validate`] → [`paths`] → [`normalize`] → [`profiles`] → [`consistency`] → [`environment`] →
//! [`render`] → [`typed`].

mod budget;
mod canonical;
mod cast;
mod consistency;
mod defaults;
mod diagnose;
mod discover;
mod dotenv;
mod encoding;
mod environment;
mod escapes;
mod explain;
mod extends;
mod hash;
mod images;
mod include;
mod interpolate;
mod loader;
mod map;
mod merge;
mod mount;
mod name;
mod node;
mod normalize;
mod options;
mod origin;
mod parse;
mod path;
mod paths;
mod ports;
mod print;
mod problems;
mod profiles;
mod render;
mod repair;
mod reset;
mod scalar;
mod schema;
mod shell;
mod snippet;
mod source;
mod syntax;
mod tagged;
mod template;
mod typed;
mod unique;
mod units;
mod validate;
mod variables;
mod yaml;

use std::collections::BTreeMap;
use std::path::PathBuf;

pub use images::{images, lock_images, models, pinned_images};
pub use options::Options;
pub use print::{Format, Out, hash, print, printed};
pub use template::Variable;
/// The page `docs/compose.md`: what becomes of every key.
pub use typed::page as reference;
pub use variables::{variables_json, variables_table, variables_yaml};

use crate::error::{Error, Result};
use crate::model::Project;
use diagnose::Problem;
use loader::{Loader, Scope};
use node::{Map, Node};
use problems::Problems;

/// A loaded project in all its forms.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// Typed, for the planner and the builder.
    pub project: Project,
    /// What the printed forms are made from.
    model: Node,
    /// Variables were not replaced: `model` is printed as it is.
    raw: bool,
    /// What the model implies was filled in.
    normalized: bool,
    /// The files that were read, absolute.
    pub files: Vec<PathBuf>,
    /// One line each.
    pub warnings: Vec<String>,
    /// What variables are replaced with: the process environment over the env files.
    pub environment: BTreeMap<String, String>,
    /// Variables the files mention, by name; only known when none was replaced.
    pub variables: BTreeMap<String, Variable>,
    /// Every profile a service names, sorted.
    pub profiles: Vec<String>,
}

impl Loaded {
    /// The keys of a section of the top level, sorted.
    pub fn keys(&self, section: &str) -> Vec<&str> {
        let map = self.model.get(section).and_then(Node::as_map);
        let keys = map.into_iter().flat_map(Map::keys);
        let mut keys: Vec<&str> = keys.map(node::Text::as_str).collect();
        keys.sort_unstable();
        keys
    }

    /// Services by name, sorted.
    fn services(&self) -> Vec<(&str, &Node)> {
        let map = self.model.get("services").and_then(Node::as_map);
        let services = map.into_iter().flatten();
        let mut services: Vec<(&str, &Node)> = services
            .map(|(name, entry)| (name.as_str(), &entry.node))
            .collect();
        services.sort_unstable_by_key(|(name, _)| *name);
        services
    }
}

/// Loads a project.
///
/// # Errors
/// Everything that is wrong with the files, each with file, line, column and the line itself.
pub fn load(options: &Options) -> Result<Loaded> {
    let mut own = options.environment.clone();
    own.insert("PWD".to_owned(), options.cwd.display().to_string());
    // An env file may say which files to read, and the folder of those may have an env file too:
    // the first one found wins.
    let given = discover::given_env_files(&options.env_files, &options.cwd, &own)?;
    let add = |own: &environment::Variables, folder: &std::path::Path| {
        let files = match &given {
            Some(files) => files.clone(),
            None => discover::default_env_file(folder, &options.environment)?,
        };
        environment::with_files(own, &files).map_err(Error::user)
    };
    let place = discover::place(&options.files, options.project_dir.as_deref(), &options.cwd);
    let own = add(&own, &place)?;
    let found = discover::run(
        &options.files,
        options.project_dir.as_deref(),
        &options.cwd,
        &own,
    )?;
    let mut environment = if given.is_some() || found.folder == place {
        own
    } else {
        add(&own, &found.folder)?
    };

    let mut loader = Loader {
        sources: source::Sources::default(),
        warnings: Vec::new(),
        cwd: options.cwd.clone(),
        home: options.environment.get("HOME").cloned(),
        interpolate: !options.no_interpolate,
        parsed: std::collections::HashMap::new(),
        read: 0,
        extended: 0,
        problems: problems::Problems::default(),
        brought: std::collections::HashMap::new(),
        circle: false,
    };
    let outcome = run(options, &found, &mut environment, &mut loader);
    outcome.map_err(|fault| match fault {
        Fault::Problems(problems) => {
            loader.problems.add(problems);
            loader.parsed.clear();
            explain::error(&loader.sources, &loader.brought, loader.problems.take())
        }
        Fault::Plain(error) => error,
    })
}

enum Fault {
    Problems(Vec<Problem>),
    Plain(Error),
}

impl From<Vec<Problem>> for Fault {
    fn from(problems: Vec<Problem>) -> Self {
        Self::Problems(problems)
    }
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        Self::Plain(error)
    }
}

fn run(
    options: &Options,
    found: &discover::Found,
    environment: &mut BTreeMap<String, String>,
    loader: &mut Loader,
) -> Result<Loaded, Fault> {
    let mut written = None;
    for path in &found.files {
        match loader.peek(path) {
            Ok(documents) => {
                let mut names = documents.iter().flatten().filter_map(|one| one.get("name"));
                written = names.next_back().cloned().or(written);
            }
            Err(problems) => {
                loader.problems.add(problems);
                loader.problems.incomplete = true;
            }
        }
    }
    // What the others say without the file that cannot be read is not worth telling.
    if loader.problems.incomplete {
        return Err(Fault::Problems(Vec::new()));
    }
    let named = name::resolve(&name::Candidates {
        given: options.project_name.as_deref(),
        environment,
        written: written.as_ref(),
        default: options.default_project_name.as_deref(),
        folder: &found.folder,
        interpolate: loader.interpolate,
    });
    let name = match named {
        Ok(name) => name,
        Err(name::NameFault::Written(problem)) => {
            loader.problems.add(vec![problem]);
            name::STAND_IN.parse().map_err(|_| Vec::new())?
        }
        Err(name::NameFault::Plain(error)) => return Err(Fault::Plain(error)),
    };
    environment.insert("COMPOSE_PROJECT_NAME".to_owned(), name.to_string());
    let known = environment::known(environment, options.no_interpolate);

    let scope = Scope {
        folder: &found.folder,
        working: &found.folder,
        resolve: !options.no_path_resolution,
        environment: &known,
        included: &[],
    };
    let mut model = loader.model(&found.files, scope)?;
    if options.no_interpolate {
        environment::resolve_bare(&mut model, &known);
        environment::fill_configs(&mut model, &known);
    }
    if let Some(map) = model.as_map_mut()
        && !(options.no_normalize && options.no_interpolate)
    {
        let entry = node::Entry::made(Node::string(name.as_str(), source::Span::NOWHERE));
        map.insert("name".to_owned(), entry);
    }
    let profiles = profiles::names(&model);
    if !options.no_normalize {
        normalize::run(&mut model, name.as_str(), &known);
    }
    if options.no_interpolate {
        loader.none_wrong()?;
        // Templates are not values: they have neither types nor rules to keep.
        let mut variables = BTreeMap::new();
        interpolate::variables(&model, &mut variables);
        return Ok(Loaded {
            project: typed::empty(name, &found.folder),
            model,
            raw: true,
            normalized: !options.no_normalize,
            files: loader.sources.paths(),
            warnings: std::mem::take(&mut loader.warnings),
            environment: std::mem::take(environment),
            variables,
            profiles,
        });
    }
    render::set_apart(&mut model);
    select(
        options,
        environment,
        &found.folder,
        &mut model,
        &mut loader.problems,
    );
    loader.problems.note_types(render::check(&model));
    if options.model_only {
        loader.none_wrong()?;
    }
    let mut warnings = std::mem::take(&mut loader.warnings);
    let fallback = name.clone();
    let project = typed::project(&mut typed::Input {
        name,
        folder: &found.folder,
        files: &found.files,
        model: &model,
        tree: &render::others(&model),
        environment,
        warnings: &mut warnings,
        check_only: options.model_only || !loader.problems.is_empty(),
    });
    let project = match project {
        Err(problems) if options.model_only => {
            for problem in problems {
                let place = explain::place(&loader.sources, problem.at);
                let place = place.map_or(String::new(), |place| format!("{place}: "));
                interpolate::warn(&mut warnings, format!("{place}{}", problem.message));
            }
            typed::empty(fallback, &found.folder)
        }
        // What it warns of is said; nobody asks for more.
        Ok(_) if options.model_only => typed::empty(fallback, &found.folder),
        other => other?,
    };
    loader.none_wrong()?;
    Ok(Loaded {
        project,
        model,
        raw: false,
        normalized: !options.no_normalize,
        files: loader.sources.paths(),
        warnings,
        environment: std::mem::take(environment),
        variables: BTreeMap::new(),
        profiles,
    })
}

/// Checks the whole model, then leaves the services that take part and what they use.
fn select(
    options: &Options,
    environment: &environment::Variables,
    folder: &std::path::Path,
    model: &mut Node,
    problems: &mut Problems,
) {
    let active = profiles::active(&options.profiles, environment);
    let mut disabled = profiles::disable(model, &active);
    if !options.no_consistency {
        problems.note(consistency::run(model, &disabled, problems));
        consistency::align(model);
    }
    if !options.keep_env_files {
        problems.note(environment::env_files(model, environment, folder));
    }
    problems.note(environment::label_files(model, folder));
    // What takes no part must be right nevertheless.
    let mut rest = Map::new();
    if !options.services.is_empty() {
        problems.note_types(render::check(model));
        profiles::enable(model, &mut disabled, &active, &options.services);
        problems.note(environment::env_files(model, environment, folder));
        problems.note(profiles::select(model, &disabled, &options.services));
    }
    if !options.all_resources {
        rest = profiles::drop_unused(model);
    }
    let disabled = node::Entry::made(Node::mapping(disabled, source::Span::NOWHERE));
    rest.insert("services".to_owned(), disabled);
    problems.note_types(render::check(&Node::mapping(rest, source::Span::NOWHERE)));
    if !options.no_consistency && !options.keep_env_files {
        problems.note(consistency::container_names(model));
    }
}
