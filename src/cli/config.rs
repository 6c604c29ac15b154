//! `webpods config`.

use std::fs::File;
use std::io::Write as _;
use std::path::PathBuf;

use super::App;
use crate::compose::{self, Loaded, Options};
use crate::config::{self, Resolved};
use crate::error::{Error, Explain, Result};
use crate::report::Format;

/// Check the Compose files and print the model they make
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
    /// How to print the model: yaml or json; with --variables also table
    #[arg(long)]
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

/// Print one aspect, one per line. Of several, Docker Compose's first.
#[derive(Debug, clap::Args)]
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
    /// Print an overlay that pins every image to its digest
    #[arg(long)]
    lock_image_digests: bool,
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
    /// Print images with their digests; they must be written with them, no registry is asked
    #[arg(long)]
    resolve_image_digests: bool,
}

impl Config {
    pub fn run(&self, app: &App) -> Result<()> {
        let loaded = compose::load(&self.options(app)?)?;
        for warning in &loaded.warnings {
            app.report.warn(warning);
        }
        if let Some(lines) = self.lines(app, &loaded)? {
            let end = if lines.is_empty() { "" } else { "\n" };
            return app.report.out_unredacted(&(lines.join("\n") + end));
        }
        if self.show.variables {
            return self.variables(app, &loaded);
        }
        if self.show.environment {
            return self.environment(app, &loaded);
        }
        if self.show.lock_image_digests {
            let text = compose::lock_images(&loaded)?;
            return self.write(app, &|out| out(&text));
        }
        if self.keep.resolve_image_digests {
            compose::pinned_images(&loaded)?;
        }
        let format = match self.format(app) {
            "yaml" => compose::Format::Yaml,
            "json" => compose::Format::Json,
            other => return Err(unknown_format(other, "`yaml` or `json`")),
        };
        if self.quiet {
            return compose::print(&loaded, format, &mut |_| Ok(()));
        }
        self.write(app, &|out| compose::print(&loaded, format, out))
    }

    fn options(&self, app: &App) -> Result<Options> {
        let (keep, show) = (&self.keep, &self.show);
        // Only these look at single services; the others list the whole project.
        let some = show.profiles || show.images || show.environment || !show.any();
        let mut options = Options {
            files: app.global.files.clone(),
            project_dir: app.global.project_directory.clone(),
            project_name: app.global.project_name.clone(),
            env_files: app.global.env_files.clone(),
            profiles: app.global.profiles.clone(),
            services: if some {
                self.services.clone()
            } else {
                Vec::new()
            },
            environment: app.environment.clone(),
            cwd: app.cwd.clone(),
            model_only: true,
            no_interpolate: show.not_interpolated(keep.no_interpolate),
            no_normalize: keep.no_normalize || app.global.compose.compatibility,
            no_consistency: keep.no_consistency,
            no_path_resolution: keep.no_path_resolution,
            keep_env_files: show.any() && !show.environment && !show.lock_image_digests,
            all_resources: app.global.compose.all_resources,
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

    /// How to print, in lower case.
    fn format(&self, app: &App) -> &str {
        match self.format.as_deref() {
            None | Some("") if app.global.format == Format::Json => "json",
            None | Some("") => "yaml",
            Some(format) => format,
        }
    }

    /// The lines of the aspect that was asked for.
    fn lines(&self, app: &App, loaded: &Loaded) -> Result<Option<Vec<String>>> {
        let show = &self.show;
        let keys = |section: &str| -> Vec<String> {
            let keys = loaded.keys(section).into_iter();
            keys.map(str::to_owned).collect()
        };
        let lines = if show.services {
            keys("services")
        } else if show.volumes {
            keys("volumes")
        } else if show.networks {
            keys("networks")
        } else if show.models {
            compose::models(loaded)
        } else if let Some(wanted) = show.hash.as_deref().filter(|wanted| !wanted.is_empty()) {
            let hashes = compose::hash(loaded, wanted)?;
            hashes
                .iter()
                .map(|(name, hash)| format!("{name} {hash}"))
                .collect()
        } else if show.profiles {
            loaded.profiles.clone()
        } else if show.images {
            let compatible = app.global.compose.compatibility || compatibility(app);
            compose::images(loaded, if compatible { '_' } else { '-' })
        } else {
            return Ok(None);
        };
        Ok(Some(lines))
    }

    fn environment(&self, app: &App, loaded: &Loaded) -> Result<()> {
        if self.quiet {
            return Ok(());
        }
        let pairs = loaded.environment.iter();
        let lines: Vec<String> = pairs
            .map(|(name, value)| format!("{name}={value}\n"))
            .collect();
        app.report.out_unredacted(&lines.concat())
    }

    fn variables(&self, app: &App, loaded: &Loaded) -> Result<()> {
        let format = match (self.format.as_deref(), self.format(app)) {
            (None, "yaml") => "table".to_owned(),
            (_, format) => format.to_ascii_lowercase(),
        };
        let text = match format.as_str() {
            "table" | "pretty" => compose::variables_table(&loaded.variables),
            "json" => compose::variables_json(&loaded.variables)?,
            "yaml" => compose::variables_yaml(&loaded.variables),
            other => return Err(unknown_format(other, "`table`, `json` or `yaml`")),
        };
        app.report.out_unredacted(&text)
    }

    /// Writes what `print` hands over to where the output goes.
    fn write(&self, app: &App, print: &dyn Fn(compose::Out<'_>) -> Result<()>) -> Result<()> {
        let Some(path) = &self.output else {
            return print(&mut |text| app.report.out_unredacted(text));
        };
        let reason = || format!("cannot write `{}`", path.display());
        // Not before there is something to write: what cannot be printed leaves the file alone.
        let mut file: Option<File> = None;
        print(&mut |text| {
            let open = match &mut file {
                Some(open) => open,
                None => file.insert(File::create(path).explain(reason)?),
            };
            open.write_all(text.as_bytes()).explain(reason)
        })
    }
}

impl Show {
    /// Whether one aspect is printed in place of the model.
    fn any(&self) -> bool {
        let hash = self
            .hash
            .as_deref()
            .is_some_and(|wanted| !wanted.is_empty());
        let lists = self.services || self.volumes || self.networks || self.models;
        let more = self.images || self.profiles || self.environment || self.variables;
        hash || lists || more || self.lock_image_digests
    }

    /// Whether variables are kept as written: `--variables` is about what is written, and what
    /// needs the finished model always has it.
    fn not_interpolated(&self, asked: bool) -> bool {
        let first = self.services || !self.any();
        let earlier = self.volumes || self.networks || self.models || self.hash.is_some();
        let variables = self.variables && !earlier && !self.profiles && !self.images;
        asked && first || variables && !self.services
    }
}

/// What Docker Compose takes for true in `COMPOSE_COMPATIBILITY`.
fn compatibility(app: &App) -> bool {
    let value = app.environment.get("COMPOSE_COMPATIBILITY");
    value.is_some_and(|value| matches!(value.as_str(), "1" | "t" | "T" | "true" | "TRUE" | "True"))
}

fn unknown_format(format: &str, known: &str) -> Error {
    let format = format.escape_debug();
    Error::user(format!(
        "`--format {format}` is not known here; use {known}"
    ))
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
