//! `webpods script`.

use serde_json::{Value, json};

use super::App;
use crate::error::{Error, Result};
use crate::report::{Format, Table};
use crate::script::ScriptOrigin;

/// Look at, copy and check the Lua scripts that make decisions
///
/// A file `.webpods/<name>.lua` replaces the built-in script of that name. `eject` copies a
/// built-in there, ready to be edited; `diff` then shows what the change does.
#[derive(Debug, clap::Subcommand)]
pub enum Script {
    Ls(Ls),
    Eject(Eject),
    Check(Check),
}

/// List every script, where it comes from, and its digest.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  webpods script ls")]
pub struct Ls {}

/// Copy a built-in script into `.webpods/` for editing.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  webpods script eject placement/spread
  webpods script eject proxy/caddy")]
pub struct Eject {
    /// The script, as `webpods script ls` calls it.
    name: String,
}

/// Compile every script without running it; exit 1 when one is wrong.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  webpods script check")]
pub struct Check {}

impl Script {
    pub fn run(self, app: &App) -> Result<()> {
        match self {
            Self::Ls(_) => Ls::run(app),
            Self::Eject(verb) => verb.run(app),
            Self::Check(_) => Check::run(app),
        }
    }
}

impl Ls {
    fn run(app: &App) -> Result<()> {
        let mut table = Table::new(&["name", "from", "digest"]);
        let mut values: Vec<Value> = Vec::new();
        for entry in app.scripts()?.ls()? {
            let (origin, file) = match &entry.origin {
                ScriptOrigin::BuiltIn => ("built in".to_owned(), None),
                ScriptOrigin::File { path, replaces } => {
                    let shown = app.workspace()?.shown(path);
                    let note = if *replaces {
                        " (replaces the built-in)"
                    } else {
                        ""
                    };
                    (format!("{shown}{note}"), Some(shown))
                }
            };
            table.row([
                entry.path.to_string(),
                origin,
                entry.digest.short().to_owned(),
            ]);
            values.push(json!({
                "name": entry.path.to_string(),
                "file": file,
                "digest": entry.digest,
            }));
        }
        app.report.table(&table, &values)
    }
}

impl Eject {
    fn run(self, app: &App) -> Result<()> {
        let file = app.scripts()?.eject(&self.name)?;
        let shown = app.workspace()?.shown(&file);
        match app.report.format() {
            Format::Json => app.report.json(&json!({ "created": shown })),
            Format::Table => app.report.out(&format!("created  {shown}")),
        }
    }
}

impl Check {
    fn run(app: &App) -> Result<()> {
        let problems = app.scripts()?.check()?;
        for problem in &problems {
            app.report.error(&problem.error);
        }
        match problems.len() {
            0 => {
                app.report.line("every script compiles");
                Ok(())
            }
            1 => Err(Error::user("a script is wrong")),
            count => Err(Error::user(format!("{count} scripts are wrong"))),
        }
    }
}
