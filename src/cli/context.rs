//! `webpods context`.

use serde_json::{Value, json};

use super::App;
use crate::config::{self, ContextFile, Workspace};
use crate::error::Result;
use crate::report::{Format, Table};

/// Show the contexts of this repository
///
/// A context says where to deploy: hosts, proxy, safety rules. Each is one file in
/// `.webpods/contexts/`. There is no command that switches the context for later commands.
#[derive(Debug, clap::Subcommand)]
pub enum Context {
    Ls(Ls),
    Inspect(Inspect),
}

/// List the contexts; `*` marks the one used without `-c`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  webpods context ls
  webpods context ls --format json")]
pub struct Ls {}

/// Print a context with every default filled in.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  webpods context inspect                       the context used without -c
  webpods context inspect staging
  webpods context inspect staging --format json")]
pub struct Inspect {
    /// The context; without it, the one that `-c` or the default selects.
    name: Option<String>,
}

impl Context {
    pub fn run(self, app: &App) -> Result<()> {
        match self {
            Self::Ls(_) => Ls::run(app),
            Self::Inspect(verb) => verb.run(app),
        }
    }
}

impl Ls {
    fn run(app: &App) -> Result<()> {
        let workspace = app.workspace()?;
        let default = match &workspace.settings.default_context {
            Some(name) => Some(name.to_string()),
            None => Some("dev".to_owned()),
        };
        let mut rows: Vec<Row> = Vec::new();
        for file in &workspace.contexts {
            rows.push(row(app, workspace, file));
        }
        if !rows.iter().any(|row| row.name == "dev") {
            let dev = config::builtin_dev()?;
            rows.insert(0, Row::of(&dev, "(built in)".to_owned()));
        }
        for path in &workspace.ignored {
            app.report.warn(&format!(
                "`{}` is ignored: its name cannot be a context's",
                workspace.shown(path)
            ));
        }
        let mut table = Table::new(&["", "name", "safety", "provider", "hosts", "file"]);
        for row in &rows {
            let mark = if default.as_deref() == Some(row.name.as_str()) {
                "*"
            } else {
                ""
            };
            table.row([
                mark.to_owned(),
                row.name.clone(),
                row.safety.clone(),
                row.provider.clone(),
                row.hosts.join(","),
                row.file.clone(),
            ]);
        }
        let values: Vec<Value> = rows
            .iter()
            .map(|row| {
                json!({
                    "name": row.name,
                    "default": default.as_deref() == Some(row.name.as_str()),
                    "safety": row.safety,
                    "provider": row.provider,
                    "hosts": row.hosts,
                    "file": row.file,
                })
            })
            .collect();
        app.report.table(&table, &values)
    }
}

struct Row {
    name: String,
    safety: String,
    provider: String,
    hosts: Vec<String>,
    file: String,
}

impl Row {
    fn of(context: &crate::model::Context, file: String) -> Self {
        let safety = if context.is_guarded() {
            "guarded"
        } else {
            "safe"
        };
        Self {
            name: context.name.to_string(),
            safety: safety.to_owned(),
            provider: context.provider.clone().unwrap_or_default(),
            hosts: context
                .hosts
                .iter()
                .map(|host| host.name.to_string())
                .collect(),
            file,
        }
    }
}

/// A wrong file is a row too: the others must stay visible. Lua contexts are not run for a list,
/// since they may ask the outside world for their inventory.
fn row(app: &App, workspace: &Workspace, file: &ContextFile) -> Row {
    let shown = workspace.shown(&file.path);
    let bare = |safety: &str| Row {
        name: file.name.to_string(),
        safety: safety.to_owned(),
        provider: String::new(),
        hosts: Vec::new(),
        file: shown.clone(),
    };
    if file.path.extension().is_some_and(|kind| kind == "lua") {
        return bare("(in Lua)");
    }
    match config::load(workspace, file, &|path| app.load_lua(path)) {
        Ok(context) => Row::of(&context, shown),
        Err(error) => {
            app.report.warn(error.message());
            bare("(wrong)")
        }
    }
}

impl Inspect {
    fn run(self, app: &App) -> Result<()> {
        let resolved;
        let context = match &self.name {
            Some(name) => {
                let lua = |path: &std::path::Path| app.load_lua(path);
                resolved = config::resolve(app.workspace()?, Some(name), &lua)?;
                &resolved.context
            }
            None => app.context()?,
        };
        let shown = config::show(context);
        match app.report.format() {
            Format::Json => app.report.json(&shown),
            Format::Table => app.report.out(config::to_yaml(&shown)?.trim_end()),
        }
    }
}
