//! Flags that every verb takes, before or after its name (spec §6.3).

use std::path::PathBuf;

use clap::builder::PossibleValuesParser;
use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};

use crate::error::{Error, Kind, Result};
use crate::model::Origin;
use crate::report::{Format, Look};

/// Heading of these flags in help texts.
const HEADING: &str = "Global options";

/// The global flags as given. Lists keep what was written before the verb and after it.
#[derive(Debug, Clone, Default)]
pub struct Global {
    /// `-c`.
    pub context: Option<String>,
    /// `-f`, in order; `-` is stdin.
    pub files: Vec<PathBuf>,
    /// `-p`.
    pub project_name: Option<String>,
    /// `--profile`.
    pub profiles: Vec<String>,
    /// `--env-file`.
    pub env_files: Vec<PathBuf>,
    /// `--project-directory`.
    pub project_directory: Option<PathBuf>,
    /// `--from`.
    pub from: Option<Origin>,
    /// `--confirm`.
    pub confirm: Option<String>,
    /// `--hosts`, as written.
    pub hosts: Vec<String>,
    /// `--format`.
    pub format: Format,
    /// `-v`.
    pub verbose: bool,
    /// `--no-color`.
    pub no_color: bool,
    /// Flags of Docker Compose that `config` takes.
    pub compose: ForConfig,
}

/// Global flags of Docker Compose that only mean something to `config`.
#[derive(Debug, Clone, Default)]
pub struct ForConfig {
    /// `--all-resources`.
    pub all_resources: bool,
    /// `--compatibility`.
    pub compatibility: bool,
    /// Those that were given, for the other verbs to refuse.
    pub given: Vec<&'static str>,
}

/// Adds the global flags to `command` and everything below it. A verb that uses one of their
/// letters itself keeps it, as in Docker Compose: `logs -f` follows, `down -v` removes volumes.
pub(super) fn spread(command: Command) -> Command {
    add(command, &flags())
}

fn add(mut command: Command, flags: &[Arg]) -> Command {
    let below: Vec<String> = command
        .get_subcommands()
        .map(|verb| verb.get_name().to_owned())
        .collect();
    for verb in below {
        command = command.mut_subcommand(verb, |verb| add(verb, flags));
    }
    for flag in flags {
        let own = |same: &dyn Fn(&Arg) -> bool| command.get_arguments().any(same);
        if own(&|arg| arg.get_long().is_some() && arg.get_long() == flag.get_long()) {
            continue;
        }
        let taken = own(&|arg| arg.get_short().is_some() && arg.get_short() == flag.get_short());
        let flag = flag.clone();
        command = command.arg(if taken { flag.short(None) } else { flag });
    }
    command
}

fn flag(id: &'static str, long: &'static str, help: &'static str) -> Arg {
    Arg::new(id).long(long).help(help).help_heading(HEADING)
}

fn flags() -> Vec<Arg> {
    let path = || value_parser!(PathBuf);
    let words = |words: [&'static str; 2]| PossibleValuesParser::new(words);
    vec![
        flag(
            "global-context",
            "context",
            "Context to work on [default: default_context in .webpods/config.yml]",
        )
        .short('c')
        .value_name("NAME"),
        flag(
            "global-file",
            "file",
            "Compose file; repeat for overlays, `-` for stdin",
        )
        .short('f')
        .value_name("PATH")
        .value_parser(path())
        .action(ArgAction::Append),
        flag(
            "global-project-name",
            "project-name",
            "Project name, over the Compose file's `name:`",
        )
        .short('p')
        .value_name("NAME"),
        flag(
            "global-profile",
            "profile",
            "Compose profile to enable; repeatable",
        )
        .value_name("NAME")
        .action(ArgAction::Append)
        .hide_short_help(true),
        flag(
            "global-env-file",
            "env-file",
            "File with variables for the Compose file; repeatable",
        )
        .value_name("PATH")
        .value_parser(path())
        .action(ArgAction::Append),
        flag(
            "global-project-directory",
            "project-directory",
            "Folder that relative paths start from",
        )
        .value_name("PATH")
        .value_parser(path())
        .hide_short_help(true),
        flag(
            "global-hosts",
            "hosts",
            "Only these hosts of the context, with commas between them",
        )
        .value_name("HOSTS")
        .value_delimiter(',')
        .action(ArgAction::Append),
        flag(
            "global-confirm",
            "confirm",
            "Token that a guarded context asks for",
        )
        .value_name("TOKEN"),
        flag(
            "global-from",
            "from",
            "Where this runs, instead of finding out",
        )
        .value_name("ORIGIN")
        .value_parser(words(["local", "ci"]))
        .hide_short_help(true),
        flag("global-format", "format", "How to print data")
            .value_name("FORMAT")
            .value_parser(words(["table", "json"])),
        flag("global-verbose", "verbose", "Say more on stderr")
            .short('v')
            .action(ArgAction::SetTrue),
        flag(
            "global-no-color",
            "no-color",
            "No colours; NO_COLOR in the environment does the same",
        )
        .action(ArgAction::SetTrue)
        .hide_short_help(true),
    ]
    .into_iter()
    .chain(flags_of_compose())
    .collect()
}

/// What people have in their scripts before `config`.
fn flags_of_compose() -> impl Iterator<Item = Arg> {
    let switches = ["all-resources", "compatibility", "dry-run"].into_iter();
    let switches = switches
        .zip(COMPOSE_IDS)
        .map(|(long, id)| flag(id, long, "As in Docker Compose").action(ArgAction::SetTrue));
    let words = |words: &'static [&'static str]| PossibleValuesParser::new(words);
    let values = [
        flag("global-parallel", "parallel", "As in Docker Compose")
            .value_parser(value_parser!(i64))
            .allow_negative_numbers(true),
        flag("global-progress", "progress", "As in Docker Compose")
            .value_parser(words(&["auto", "tty", "plain", "json", "quiet"])),
        flag("global-ansi", "ansi", "As in Docker Compose"),
    ];
    switches.chain(values).map(|flag| flag.hide(true))
}

const COMPOSE_IDS: [&str; 3] = [
    "global-all-resources",
    "global-compatibility",
    "global-dry-run",
];

impl Global {
    /// Reads the flags at every level of the command line: lists add up, and of single values the
    /// one nearest to the verb wins.
    pub(super) fn collect(matches: &ArgMatches) -> Self {
        let mut global = Self::default();
        let mut level = Some(matches);
        while let Some(matches) = level {
            global.read(matches);
            level = matches.subcommand().map(|(_, below)| below);
        }
        global
    }

    fn read(&mut self, matches: &ArgMatches) {
        let text = |id| one::<String>(matches, id);
        let path = |id| one::<PathBuf>(matches, id);
        self.context = text("global-context").or_else(|| self.context.take());
        self.project_name = text("global-project-name").or_else(|| self.project_name.take());
        self.confirm = text("global-confirm").or_else(|| self.confirm.take());
        self.project_directory =
            path("global-project-directory").or_else(|| self.project_directory.take());
        self.files.extend(all::<PathBuf>(matches, "global-file"));
        self.env_files
            .extend(all::<PathBuf>(matches, "global-env-file"));
        self.profiles
            .extend(all::<String>(matches, "global-profile"));
        self.hosts.extend(all::<String>(matches, "global-hosts"));
        match text("global-from").as_deref() {
            Some("ci") => self.from = Some(Origin::Ci),
            Some(_) => self.from = Some(Origin::Local),
            None => {}
        }
        match text("global-format").as_deref() {
            Some("json") => self.format = Format::Json,
            Some(_) => self.format = Format::Table,
            None => {}
        }
        self.verbose |= one(matches, "global-verbose").unwrap_or(false);
        self.no_color |= one(matches, "global-no-color").unwrap_or(false);
        self.no_color |= text("global-ansi").as_deref() == Some("never");
        self.read_compose(matches);
    }

    fn read_compose(&mut self, matches: &ArgMatches) {
        let switch = |id| one(matches, id).unwrap_or(false);
        let given = [
            ("--all-resources", switch("global-all-resources")),
            ("--compatibility", switch("global-compatibility")),
            ("--dry-run", switch("global-dry-run")),
            (
                "--parallel",
                one::<i64>(matches, "global-parallel").is_some(),
            ),
            (
                "--progress",
                one::<String>(matches, "global-progress").is_some(),
            ),
        ];
        let names = given.iter().filter(|(_, given)| *given);
        self.compose.given.extend(names.map(|(name, _)| *name));
        self.compose.all_resources |= given[0].1;
        self.compose.compatibility |= given[1].1;
    }

    /// The flags that say nothing to any verb but `config`.
    ///
    /// # Errors
    /// One was given.
    pub(super) fn refuse_compose_flags(&self) -> Result<()> {
        let Some(flag) = self.compose.given.first() else {
            return Ok(());
        };
        let error = Error::new(Kind::Usage, format!("only `config` takes `{flag}`"));
        Err(if *flag == "--dry-run" {
            error.hint("`webpods diff` shows what `webpods up` would do")
        } else {
            error
        })
    }

    /// What decides how output looks.
    pub(super) fn look(&self) -> Look {
        let no_color = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        Look {
            format: self.format,
            no_color: self.no_color || no_color,
            verbose: self.verbose,
        }
    }
}

/// The flag's value at this level; none when absent or when the verb has its own of that name.
fn one<T: Clone + Send + Sync + 'static>(matches: &ArgMatches, id: &str) -> Option<T> {
    matches.try_get_one::<T>(id).ok().flatten().cloned()
}

fn all<T: Clone + Send + Sync + 'static>(matches: &ArgMatches, id: &str) -> Vec<T> {
    match matches.try_get_many::<T>(id) {
        Ok(Some(values)) => values.cloned().collect(),
        _ => Vec::new(),
    }
}
