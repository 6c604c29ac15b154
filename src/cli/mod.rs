//! The command line: one file per verb with its arguments, help text and run.
//!
//! In: arguments and environment, read once. Out: an exit code. Parser types never leave this
//! room; nothing is started (no runtime, no Lua) before the arguments are understood.

mod app;
mod build;
mod completion;
mod config;
mod context;
mod diff;
mod down;
mod exec;
mod global;
mod images;
mod init;
mod lab;
mod lifecycle;
mod logs;
mod node;
mod not_yet;
mod proxy;
mod ps;
mod pull;
mod push;
mod release;
mod rollback;
mod rollout;
mod script;
mod several;
mod status;
mod up;
mod upkeep;
mod which;

use std::env;
use std::ffi::OsString;
use std::future::Future;
use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};

use crate::engine::Lifecycle;
use crate::error::{Error, Explain, Kind, Result};
use crate::interrupt::interrupted;
use crate::report::{self, Report};
pub use app::App;
use global::Global;

/// Runs Docker Compose apps on any number of servers, over plain SSH.
#[derive(Debug, Parser)]
#[command(
    name = "webpods",
    version,
    subcommand_required = true,
    arg_required_else_help = true,
    after_help = AFTER_HELP,
)]
struct Cli {
    #[command(subcommand)]
    verb: Verb,
}

const AFTER_HELP: &str = "\
Start with `webpods init`, then `webpods diff` and `webpods up`.
Exit codes: 0 done, 1 wrong input, 2 wrong command line, 3 refused by safety rules, 4 rollout
failed and was undone, 5 rollout needs attention, 6 locked, 7 hosts unreachable, 130 interrupted.";

#[derive(Debug, Subcommand)]
enum Verb {
    Init(init::Init),
    Config(config::Config),
    Build(build::Build),
    Images(images::Images),
    Pull(pull::Pull),
    Push(push::Push),
    Diff(diff::Diff),
    Up(up::Up),
    /// The same as `up`
    Deploy(up::Up),
    Down(down::Down),
    Rollback(rollback::Rollback),
    Ps(ps::Ps),
    Logs(logs::Logs),
    Exec(exec::Exec),
    /// Start containers that were stopped
    #[command(after_help = "\
Examples:
  webpods start                    all that is stopped
  webpods start worker --replica 2")]
    Start(lifecycle::Containers),
    /// Stop containers; they stay where they are
    #[command(after_help = "\
Examples:
  webpods -c staging stop worker             on every host
  webpods -c staging stop --host web-1       everything of the project there")]
    Stop(lifecycle::Containers),
    /// Stop containers and start them again
    #[command(after_help = "\
Examples:
  webpods -c staging restart web
  webpods -c staging restart web --host web-2 --replica 3")]
    Restart(lifecycle::Containers),
    Rm(lifecycle::Rm),
    Status(status::Status),
    #[command(subcommand)]
    Release(release::Release),
    Cleanup(upkeep::Cleanup),
    Prune(upkeep::Prune),
    #[command(subcommand)]
    Context(context::Context),
    #[command(subcommand)]
    Node(node::Node),
    #[command(subcommand)]
    Proxy(proxy::Proxy),
    #[command(subcommand)]
    Script(script::Script),
    #[command(subcommand)]
    Lab(lab::Lab),
    Completion(completion::Completion),
}

/// Parses the arguments, runs the verb, and reports how it ended.
pub fn main() -> ExitCode {
    let arguments: Vec<OsString> = env::args_os().collect();
    let (global, verb) = match parse(&arguments) {
        Ok(parsed) => parsed,
        Err(code) => return code,
    };
    let report = Report::new(global.look());
    if !matches!(verb, Verb::Config(_))
        && let Err(error) = global.refuse_compose_flags()
    {
        return fail(&report, &error);
    }
    let result = App::new(global, report.clone()).and_then(|app| dispatch(verb, &app));
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(&report, &error),
    }
}

fn dispatch(verb: Verb, app: &App) -> Result<()> {
    match verb {
        Verb::Init(_) => init::Init::run(app),
        Verb::Config(verb) => verb.run(app),
        Verb::Context(verb) => verb.run(app),
        Verb::Script(verb) => verb.run(app),
        Verb::Completion(verb) => verb.run(app),
        Verb::Node(verb) => until_stopped(app, TO_REPEAT, verb.run(app)),
        Verb::Proxy(verb) => until_stopped(app, TO_REPEAT, verb.run(app)),
        Verb::Lab(verb) => until_stopped(app, TO_REPEAT, verb.run(app)),
        Verb::Build(verb) => until_stopped(app, MADE, verb.run(app)),
        Verb::Pull(verb) => until_stopped(app, MADE, verb.run(app)),
        Verb::Images(verb) => until_stopped(app, LOOKED, verb.run(app)),
        Verb::Diff(verb) => until_stopped(app, LOOKED, verb.run(app)),
        Verb::Ps(verb) => until_stopped(app, LOOKED, verb.run(app)),
        Verb::Status(verb) => until_stopped(app, LOOKED, verb.run(app)),
        Verb::Release(verb) => until_stopped(app, LOOKED, verb.run(app)),
        Verb::Exec(verb) => until_stopped(app, INSIDE, verb.run(app)),
        // Following logs ends well when it is stopped.
        Verb::Logs(verb) => block_on(app, verb.run(app)),
        // These hold the project's lock, and let it go before they end.
        Verb::Push(verb) => block_on(app, verb.run(app)),
        Verb::Up(verb) | Verb::Deploy(verb) => block_on(app, verb.run(app)),
        Verb::Down(verb) => block_on(app, verb.run(app)),
        Verb::Rollback(verb) => block_on(app, verb.run(app)),
        Verb::Start(verb) => block_on(app, verb.run(app, Lifecycle::Start)),
        Verb::Stop(verb) => block_on(app, verb.run(app, Lifecycle::Stop)),
        Verb::Restart(verb) => block_on(app, verb.run(app, Lifecycle::Restart)),
        Verb::Rm(verb) => block_on(app, verb.run(app)),
        Verb::Cleanup(verb) => block_on(app, verb.run(app)),
        Verb::Prune(verb) => block_on(app, verb.run(app)),
    }
}

/// How things stand when a verb was left, and what to do about it.
type Stands = (&'static str, &'static str);

const LOOKED: Stands = ("nothing was changed", "run the command again");
const MADE: Stands = (
    "nothing was changed on any host",
    "run the command again; what was built is not built again",
);
const TO_REPEAT: Stands = (
    "a part of it may be done",
    "run the command again: it goes on from what it finds",
);
const INSIDE: Stands = (
    "the command in the container may go on",
    "see what runs there: `webpods exec SERVICE -- ps`",
);

/// Runs a verb that talks to hosts and that may be left at any moment.
fn until_stopped(
    app: &App,
    (stands, next): Stands,
    verb: impl Future<Output = Result<()>>,
) -> Result<()> {
    let stopped = || interrupted(stands).hint(next);
    block_on(app, async {
        app.interrupt().unless_requested(stopped, verb).await
    })
}

/// Runs a verb that talks to hosts and heeds the app's interrupt itself.
fn block_on(app: &App, verb: impl Future<Output = Result<()>>) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .explain(|| "cannot start")?;
    let result = runtime.block_on(async {
        // From here on Ctrl-C is a request.
        app.interrupt();
        verb.await
    });
    // A read of the terminal cannot be taken back; waiting for it would need one more key press.
    runtime.shutdown_background();
    result
}

fn fail(report: &Report, error: &Error) -> ExitCode {
    // A command in a container that exited with a status has said itself what went wrong.
    if !matches!(error.kind(), Kind::Status(_)) || !error.message().is_empty() {
        report.error(error);
    }
    ExitCode::from(error.kind().exit_code())
}

/// The complete command, global flags included at every level.
fn command() -> clap::Command {
    global::spread(Cli::command())
}

fn parse(arguments: &[OsString]) -> std::result::Result<(Global, Verb), ExitCode> {
    let parsed = command()
        .try_get_matches_from(arguments)
        .and_then(|matches| {
            let global = Global::collect(&matches);
            Cli::from_arg_matches(&matches).map(|cli| (global, cli.verb))
        });
    parsed.map_err(|error| refuse(arguments, &error))
}

fn refuse(arguments: &[OsString], error: &clap::Error) -> ExitCode {
    if let Some(answer) = not_yet::answer(arguments, error) {
        let report = Report::new(report::Look::default());
        return fail(&report, &answer);
    }
    report::usage(error);
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => ExitCode::SUCCESS,
        _ => ExitCode::from(Kind::Usage.exit_code()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_has_no_contradictions() {
        command().debug_assert();
    }

    #[test]
    fn every_verb_and_every_flag_says_what_it_does() {
        fn look(verb: &clap::Command, path: &str, silent: &mut Vec<String>) {
            if verb.get_about().is_none() {
                silent.push(path.to_owned());
            }
            for flag in verb.get_arguments() {
                if flag.get_help().is_none() && !flag.is_hide_set() {
                    silent.push(format!("{path} {}", flag.get_id()));
                }
            }
            for below in verb.get_subcommands() {
                look(below, &format!("{path} {}", below.get_name()), silent);
            }
        }
        let mut silent = Vec::new();
        look(&command(), "webpods", &mut silent);
        assert_eq!(silent, Vec::<String>::new());
    }

    /// The command lines among a verb's examples, without what a shell makes of the rest.
    fn examples(verb: &clap::Command) -> Vec<String> {
        let help = verb.get_after_help().map(ToString::to_string);
        let lines = help.unwrap_or_default();
        let lines = lines
            .lines()
            .filter_map(|line| line.strip_prefix("  webpods "));
        let commands = lines.map(|line| {
            let ends = ["  ", " > ", " && "];
            let end = ends.iter().filter_map(|end| line.find(end)).min();
            let line = &line[..end.unwrap_or(line.len())];
            format!("webpods {}", line.replace('\'', ""))
        });
        commands.collect()
    }

    #[test]
    fn every_verb_has_examples_and_they_can_be_typed() {
        fn look(verb: &clap::Command, path: &str, wrong: &mut Vec<String>) {
            let path = format!("{path} {}", verb.get_name());
            for below in verb.get_subcommands() {
                look(below, &path, wrong);
            }
            let examples = examples(verb);
            if !verb.has_subcommands() && examples.is_empty() {
                wrong.push(format!("{path} has none"));
            }
            for example in examples {
                if let Err(error) = command().try_get_matches_from(example.split_whitespace()) {
                    wrong.push(format!("{example}: {error}"));
                }
            }
        }
        let mut wrong = Vec::new();
        for verb in command().get_subcommands() {
            look(verb, "webpods", &mut wrong);
        }
        assert_eq!(wrong, Vec::<String>::new());
    }

    fn global(line: &str) -> Global {
        let matches = command().try_get_matches_from(line.split(' ')).unwrap();
        Global::collect(&matches)
    }

    #[test]
    fn global_flags_stand_anywhere_and_lists_add_up() {
        let line = "webpods -f a.yml --hosts a,b -c one context -f b.yml ls -f - --hosts c -c two";
        let global = global(line);
        let files: Vec<_> = global.files.iter().map(|file| file.to_str()).collect();
        assert_eq!(files, [Some("a.yml"), Some("b.yml"), Some("-")]);
        assert_eq!(global.hosts, ["a", "b", "c"]);
        assert_eq!(global.context.as_deref(), Some("two"));
        assert!(!global.verbose);
    }
}
