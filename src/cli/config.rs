//! `webpods config`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::App;
use crate::compose::{self, Loaded};
use crate::error::Result;

/// Print the Compose project as webpods understood it.
///
/// Files merged, variables filled in, defaults written out: the model that `docker compose config`
/// prints. Values are printed as they are, secrets too.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  webpods config
  webpods -f compose.yml -f compose.prod.yml config --format json
  webpods config --services")]
pub struct Config {
    /// Only these services, with what they depend on.
    services: Vec<String>,
    /// How to print the model.
    #[arg(long, value_enum, default_value_t = Form::Yaml)]
    format: Form,
    /// Check only; print nothing when the files are right.
    #[arg(short, long)]
    quiet: bool,
    #[command(flatten)]
    list: List,
    #[command(flatten)]
    skip: Skip,
}

/// One thing instead of the whole model.
#[derive(Debug, Args)]
#[group(multiple = false)]
struct List {
    /// Print the names of the services, one a line.
    #[arg(long = "services")]
    names: bool,
    /// Print the images, one a line.
    #[arg(long)]
    images: bool,
    /// Print the names of the volumes, one a line.
    #[arg(long)]
    volumes: bool,
    /// Print the names of the networks, one a line.
    #[arg(long)]
    networks: bool,
    /// Print the profiles that services name, one a line.
    #[arg(long)]
    profiles: bool,
    /// Print a digest of the configuration of this service, or of each with `*`.
    #[arg(long, value_name = "SERVICE")]
    hash: Option<String>,
}

/// Passes to leave out.
#[derive(Debug, Args)]
struct Skip {
    /// Do not check the rules between parts.
    #[arg(long)]
    no_consistency: bool,
    /// Keep variables as written.
    #[arg(long)]
    no_interpolate: bool,
    /// Leave out what the model implies.
    #[arg(long)]
    no_normalize: bool,
    /// Keep paths as written.
    #[arg(long)]
    no_path_resolution: bool,
    /// Keep `env_file` entries.
    #[arg(long)]
    no_env_resolution: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Form {
    Yaml,
    Json,
}

impl Config {
    /// Runs it.
    pub fn run(self, app: &App) -> Result<()> {
        let interpolated = !self.skip.no_interpolate;
        let loaded = compose::load(&compose::Options {
            services: self.services,
            no_consistency: self.skip.no_consistency,
            no_interpolate: self.skip.no_interpolate,
            no_normalize: self.skip.no_normalize,
            no_path_resolution: self.skip.no_path_resolution,
            no_env_resolution: self.skip.no_env_resolution,
            ..options(app)?
        })?;
        for warning in &loaded.warnings {
            app.report.warn(warning);
        }
        if self.quiet {
            return Ok(());
        }
        let format = match self.format {
            Form::Yaml => compose::Format::Yaml,
            Form::Json => compose::Format::Json,
        };
        let text = match self.list.lines(&loaded)? {
            Some(lines) if lines.is_empty() => return Ok(()),
            Some(lines) => lines.join("\n"),
            None => compose::print(&loaded, format, interpolated)?,
        };
        app.report
            .out_unredacted(&format!("{}\n", text.trim_end_matches('\n')))
    }
}

impl List {
    fn lines(&self, loaded: &Loaded) -> Result<Option<Vec<String>>> {
        let keys = |section: &str| {
            let map = loaded.tree[section].as_object();
            map.into_iter()
                .flat_map(|map| map.keys().cloned())
                .collect()
        };
        Ok(Some(if self.names {
            keys("services")
        } else if self.volumes {
            keys("volumes")
        } else if self.networks {
            keys("networks")
        } else if self.images {
            compose::images(loaded)
        } else if self.profiles {
            loaded.profiles.clone()
        } else if let Some(wanted) = &self.hash {
            compose::hash(loaded, wanted)?
                .into_iter()
                .map(|(service, hash)| format!("{service} {hash}"))
                .collect()
        } else {
            return Ok(None);
        }))
    }
}

/// Flags over the context's defaults (spec §5.2).
fn options(app: &App) -> Result<compose::Options> {
    let resolved = app.resolved()?;
    let defaults = &resolved.context.defaults;
    let below_root = |files: &[String]| -> Vec<PathBuf> {
        files.iter().map(|file| resolved.root.join(file)).collect()
    };
    let mut options = compose::Options {
        files: app.global.files.clone(),
        project_dir: app.global.project_directory.clone(),
        project_name: app.global.project_name.clone(),
        default_project_name: defaults.project_name.clone(),
        env_files: app.global.env_files.clone(),
        profiles: app.global.profiles.clone(),
        environment: app.environment.clone(),
        cwd: app.cwd.clone(),
        ..compose::Options::default()
    };
    if options.files.is_empty() {
        options.files = below_root(&defaults.compose_files);
    }
    if options.env_files.is_empty() {
        options.env_files = below_root(defaults.env_file.as_slice());
    }
    Ok(options)
}
