//! `webpods config`.

use std::path::PathBuf;

use serde_json::{Value, json};

use super::App;
use crate::compose::{self, Loaded, Options};
use crate::config::{self, Resolved};
use crate::error::{Explain, Result};
use crate::report::{Format, Table};

/// Check the Compose files and print the model they make.
///
/// Reads them exactly as `docker compose config` does and takes its flags. Needs no context, no
/// host and no engine.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  webpods config
  webpods config -q && webpods up
  webpods -f compose.yml -f compose.prod.yml config --format json
  webpods --profile '*' config --services")]
pub struct Config {
    /// Only these services and what they depend on
    services: Vec<String>,
    /// How to print the model
    #[arg(long, value_parser = ["yaml", "json"])]
    format: Option<String>,
    /// Print nothing; exit 1 when something is wrong
    #[arg(long, short)]
    quiet: bool,
    /// Write to this file instead of stdout
    #[arg(long, short, value_name = "PATH")]
    output: Option<PathBuf>,
    #[command(flatten)]
    show: Show,
    #[command(flatten)]
    keep: Keep,
}

/// Print one aspect, one per line.
#[derive(Debug, clap::Args)]
#[group(multiple = false)]
struct Show {
    /// Print the services
    #[arg(long = "services", id = "print-services")]
    services: bool,
    /// Print the images
    #[arg(long)]
    images: bool,
    /// Print the volumes
    #[arg(long)]
    volumes: bool,
    /// Print the networks
    #[arg(long)]
    networks: bool,
    /// Print the profiles
    #[arg(long)]
    profiles: bool,
    /// Print the models
    #[arg(long)]
    models: bool,
    /// Print what variables are replaced with
    #[arg(long)]
    environment: bool,
    /// Print the variables the files mention
    #[arg(long)]
    variables: bool,
    /// Print a hash of the configuration of services, `*` for all
    #[arg(long, value_name = "SERVICES")]
    hash: Option<String>,
}

/// Leave out a pass.
#[derive(Debug, clap::Args)]
struct Keep {
    /// Skip the rules between services, networks, volumes
    #[arg(long)]
    no_consistency: bool,
    /// Accepted as Docker Compose does; env files are kept only with --no-interpolate
    #[arg(long)]
    no_env_resolution: bool,
    /// Keep variables as written
    #[arg(long)]
    no_interpolate: bool,
    /// Leave out what is implied, like the default network
    #[arg(long)]
    no_normalize: bool,
    /// Keep paths as written
    #[arg(long)]
    no_path_resolution: bool,
}

impl Config {
    pub fn run(&self, app: &App) -> Result<()> {
        let loaded = compose::load(&self.options(app)?)?;
        for warning in &loaded.warnings {
            app.report.warn(warning);
        }
        if self.quiet {
            return Ok(());
        }
        if let Some(lines) = self.lines(&loaded)? {
            return self.write(
                app,
                &(lines.join("\n") + if lines.is_empty() { "" } else { "\n" }),
            );
        }
        if self.show.variables {
            return self.variables(app, &loaded);
        }
        let format = if self.json(app) {
            compose::Format::Json
        } else {
            compose::Format::Yaml
        };
        let mut text = compose::print(&loaded, format, !self.keep.no_interpolate)?;
        if !text.ends_with('\n') {
            text.push('\n');
        }
        self.write(app, &text)
    }

    fn options(&self, app: &App) -> Result<Options> {
        let keep = &self.keep;
        let mut options = Options {
            files: app.global.files.clone(),
            project_dir: app.global.project_directory.clone(),
            project_name: app.global.project_name.clone(),
            env_files: app.global.env_files.clone(),
            profiles: app.global.profiles.clone(),
            services: self.services.clone(),
            environment: app.environment.clone(),
            cwd: app.cwd.clone(),
            model_only: true,
            no_interpolate: keep.no_interpolate,
            no_normalize: keep.no_normalize,
            no_consistency: keep.no_consistency,
            no_path_resolution: keep.no_path_resolution,
            ..Options::default()
        };
        if let Some(resolved) = context(app)? {
            let below_root = |files: &[String]| -> Vec<PathBuf> {
                files.iter().map(|file| resolved.root.join(file)).collect()
            };
            let defaults = &resolved.context.defaults;
            options
                .default_project_name
                .clone_from(&defaults.project_name);
            if options.files.is_empty() {
                options.files = below_root(&defaults.compose_files);
            }
            if options.env_files.is_empty() {
                options.env_files = below_root(defaults.env_file.as_slice());
            }
        }
        Ok(options)
    }

    fn json(&self, app: &App) -> bool {
        match self.format.as_deref() {
            Some(format) => format == "json",
            None => app.global.format == Format::Json,
        }
    }

    /// The lines of the aspect that was asked for.
    fn lines(&self, loaded: &Loaded) -> Result<Option<Vec<String>>> {
        let show = &self.show;
        let keys = |section: &str| -> Vec<String> {
            let map = loaded.tree[section].as_object();
            map.into_iter()
                .flatten()
                .map(|(key, _)| key.clone())
                .collect()
        };
        let lines = if show.services {
            keys("services")
        } else if show.volumes {
            keys("volumes")
        } else if show.networks {
            keys("networks")
        } else if show.models {
            keys("models")
        } else if show.profiles {
            loaded.profiles.clone()
        } else if show.images {
            compose::images(loaded)
        } else if show.environment {
            let pairs = loaded.environment.iter();
            pairs.map(|(key, value)| format!("{key}={value}")).collect()
        } else if let Some(wanted) = &show.hash {
            let hashes = compose::hash(loaded, wanted)?;
            hashes
                .iter()
                .map(|(name, hash)| format!("{name} {hash}"))
                .collect()
        } else {
            return Ok(None);
        };
        Ok(Some(lines))
    }

    fn variables(&self, app: &App, loaded: &Loaded) -> Result<()> {
        let mut table = Table::new(&["name", "required", "default value", "alternate value"]);
        let mut values = serde_json::Map::new();
        for (name, variable) in &loaded.variables {
            table.row([
                name.clone(),
                variable.required.to_string(),
                variable.default.clone(),
                variable.alternative.clone(),
            ]);
            let value = json!({
                "Name": name,
                "DefaultValue": variable.default,
                "PresenceValue": variable.alternative,
                "Required": variable.required,
            });
            values.insert(name.clone(), value);
        }
        if self.json(app) {
            return app.report.json(&Value::Object(values));
        }
        app.report.table(&table, &Value::Object(values))
    }

    fn write(&self, app: &App, text: &str) -> Result<()> {
        match &self.output {
            Some(path) => {
                std::fs::write(path, text).explain(|| format!("cannot write `{}`", path.display()))
            }
            None => app.report.out_unredacted(text),
        }
    }
}

/// The context whose defaults (spec §5.2) apply. One that was not asked for and cannot be read does
/// not stop `config`.
fn context(app: &App) -> Result<Option<Resolved>> {
    let workspace = app.workspace()?;
    let flag = app.global.context.as_deref();
    let resolved = config::resolve(workspace, flag, &|path| app.load_lua(path));
    match resolved {
        Ok(resolved) => Ok(Some(resolved)),
        Err(error) if flag.is_some() => Err(error),
        Err(error) => {
            app.report
                .warn(&format!("{error}; its defaults are left out"));
            Ok(None)
        }
    }
}
