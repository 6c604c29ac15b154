//! What a load is asked for: the flags of `config`, and what is outside of the files.

use std::collections::BTreeMap;
use std::path::PathBuf;

/// What to load and how.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// `-f`, in order; `-` is standard input. None: `COMPOSE_FILE`, then the well-known names.
    pub files: Vec<PathBuf>,
    /// `--project-directory`.
    pub project_dir: Option<PathBuf>,
    /// `-p`.
    pub project_name: Option<String>,
    /// The context's `defaults.project`, used when nothing else names the project but its folder.
    pub default_project_name: Option<String>,
    /// `--env-file`, in order, in place of `.env`.
    pub env_files: Vec<PathBuf>,
    /// `--profile`; none: `COMPOSE_PROFILES`.
    pub profiles: Vec<String>,
    /// Only these services and what they depend on; none means all.
    pub services: Vec<String>,
    /// The process environment.
    pub environment: BTreeMap<String, String>,
    /// The folder the command runs in, absolute.
    pub cwd: PathBuf,
    /// Only the model matters: what keeps it from being deployed becomes a warning.
    pub model_only: bool,
    /// `--no-interpolate`: keep variables as written.
    pub no_interpolate: bool,
    /// `--no-normalize`: leave out what the model implies.
    pub no_normalize: bool,
    /// `--no-consistency`: skip the rules between parts.
    pub no_consistency: bool,
    /// `--no-path-resolution`: keep paths as written.
    pub no_path_resolution: bool,
    /// Leave `env_file:` as it is, which need not exist then: what `config --services` and the
    /// like do.
    pub keep_env_files: bool,
    /// `--all-resources`: also those no service uses.
    pub all_resources: bool,
}
