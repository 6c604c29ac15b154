//! What every verb works with: settings resolved once.

use std::collections::BTreeMap;
use std::env;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use super::Global;
use crate::compose;
use crate::config::{self, Resolved, Workspace};
use crate::engine::{self, Engine, Settings};
use crate::error::{Explain, Result};
use crate::event::Events;
use crate::interrupt::Interrupt;
use crate::model::{Context, HostName, Origin};
use crate::report::Report;
use crate::script::{self, Scripts};

/// One invocation: where it runs, what was asked for, and how to answer.
#[derive(Debug)]
pub struct App {
    /// The working folder.
    pub cwd: PathBuf,
    /// The environment; variables that are not UTF-8 are left out.
    pub environment: BTreeMap<String, String>,
    /// The global flags.
    pub global: Global,
    /// Where output goes.
    pub report: Report,
    workspace: OnceLock<Workspace>,
    resolved: OnceLock<Resolved>,
    interrupt: OnceLock<Interrupt>,
}

impl App {
    pub(super) fn new(global: Global, report: Report) -> Result<Self> {
        let cwd = env::current_dir().explain(|| "the working folder cannot be used")?;
        let environment = env::vars_os()
            .filter_map(|(key, value)| Some((key.into_string().ok()?, value.into_string().ok()?)))
            .collect();
        Ok(Self {
            cwd,
            environment,
            global,
            report,
            workspace: OnceLock::new(),
            resolved: OnceLock::new(),
            interrupt: OnceLock::new(),
        })
    }

    /// `.webpods/` and what it lists.
    ///
    /// # Errors
    /// See [`Workspace::discover`].
    pub fn workspace(&self) -> Result<&Workspace> {
        if let Some(workspace) = self.workspace.get() {
            return Ok(workspace);
        }
        let found = Workspace::discover(&self.cwd)?;
        Ok(self.workspace.get_or_init(|| found))
    }

    /// The context of this command and how it was chosen. The line about a default context
    /// (spec §4.2) is printed when this is first called.
    ///
    /// # Errors
    /// See [`config::resolve`].
    pub fn resolved(&self) -> Result<&Resolved> {
        if let Some(resolved) = self.resolved.get() {
            return Ok(resolved);
        }
        let flag = self.global.context.as_deref();
        let resolved = config::resolve(self.workspace()?, flag, &|path| self.load_lua(path))?;
        if let Some(line) = config::one_liner(&resolved) {
            self.report.line(&line);
        }
        Ok(self.resolved.get_or_init(|| resolved))
    }

    /// The context of this command.
    ///
    /// # Errors
    /// See [`App::resolved`].
    pub fn context(&self) -> Result<&Context> {
        Ok(&self.resolved()?.context)
    }

    /// The scripts of this project: its own over the built-in ones.
    ///
    /// # Errors
    /// See [`App::workspace`].
    pub fn scripts(&self) -> Result<Scripts> {
        let workspace = self.workspace()?;
        let root = workspace.folder.as_ref().map(|_| workspace.root.as_path());
        Scripts::discover(root)
    }

    /// Runs a Lua context file.
    pub(super) fn load_lua(&self, path: &Path) -> Result<serde_json::Value> {
        script::load_context(&self.scripts()?, path, &self.events())
    }

    /// The hosts that `--hosts` names, in inventory order; all of the context without it.
    ///
    /// # Errors
    /// A host that the context does not have.
    pub fn hosts(&self) -> Result<Vec<HostName>> {
        self.chosen(&self.global.hosts)
    }

    /// The hosts of these names, in inventory order; none: all of the context.
    fn chosen(&self, wanted: &[String]) -> Result<Vec<HostName>> {
        let context = self.context()?;
        let known = |name: &str| context.hosts.iter().any(|host| host.name.as_str() == name);
        if let Some(name) = wanted.iter().find(|name| !known(name)) {
            return Err(context.unknown_host(name));
        }
        let chosen = |host: &HostName| wanted.iter().any(|name| host.as_str() == name);
        Ok(context
            .hosts
            .iter()
            .filter(|host| wanted.is_empty() || chosen(&host.name))
            .map(|host| host.name.clone())
            .collect())
    }

    /// Where the command is run from (spec §5.4).
    #[must_use]
    pub fn origin(&self) -> Origin {
        config::origin(self.global.from, &self.environment)
    }

    /// Who runs the command, for releases and locks.
    #[must_use]
    pub fn author(&self) -> String {
        config::author(self.origin(), &self.environment)
    }

    /// Where events go.
    #[must_use]
    pub fn events(&self) -> Events {
        self.report.events()
    }

    /// Ctrl-C and SIGTERM, listened for since this was first called, which takes a runtime.
    pub fn interrupt(&self) -> &Interrupt {
        self.interrupt.get_or_init(Interrupt::listen)
    }

    /// How the project is loaded: flags over the context's defaults (spec §5.2).
    ///
    /// # Errors
    /// See [`App::resolved`].
    pub fn compose_options(&self) -> Result<compose::Options> {
        let resolved = self.resolved()?;
        let defaults = &resolved.context.defaults;
        let default_files = || {
            let files = defaults.compose_files.iter();
            files.map(|file| resolved.root.join(file)).collect()
        };
        let default_env = || {
            let file = defaults.env_file.iter();
            file.map(|file| resolved.root.join(file)).collect()
        };
        let or = |given: &Vec<PathBuf>, default: &dyn Fn() -> Vec<PathBuf>| {
            if given.is_empty() {
                default()
            } else {
                given.clone()
            }
        };
        Ok(compose::Options {
            files: or(&self.global.files, &default_files),
            project_dir: self.global.project_directory.clone(),
            project_name: self.global.project_name.clone(),
            default_project_name: defaults.project_name.clone(),
            env_files: or(&self.global.env_files, &default_env),
            profiles: self.global.profiles.clone(),
            environment: self.environment.clone(),
            cwd: self.cwd.clone(),
            ..compose::Options::default()
        })
    }

    /// The engine for this command. Values that are secret in the project are hidden from here
    /// on.
    ///
    /// # Errors
    /// See [`App::resolved`] and [`App::hosts`].
    pub async fn engine(&self) -> Result<Engine> {
        self.engine_on(Vec::new()).await
    }

    /// [`App::engine`] with hosts that the verb itself names, besides those of `--hosts`.
    ///
    /// # Errors
    /// As for [`App::engine`].
    pub async fn engine_on(&self, hosts: Vec<String>) -> Result<Engine> {
        let resolved = self.resolved()?;
        let engine = Engine::new(Settings {
            context: resolved.context.clone(),
            root: resolved.root.clone(),
            scripts: self.scripts()?,
            compose: self.compose_options()?,
            origin: self.origin(),
            by: self.author(),
            confirm: self.global.confirm.clone(),
            hosts: self.chosen(&[self.global.hosts.as_slice(), &hosts].concat())?,
            events: self.events(),
            interrupt: self.interrupt().clone(),
        });
        // A project that cannot be loaded is reported by the verb that needs it; `-p` does not.
        if self.global.project_name.is_none()
            && let Ok(project) = engine.project().await
        {
            self.report
                .redactor()
                .add(engine::publish::secret_values(project));
        }
        Ok(engine)
    }

    /// Prints the banner of a verb that changes hosts (spec §6.4).
    ///
    /// # Errors
    /// The project has no name.
    pub async fn banner(&self, engine: &Engine) -> Result<()> {
        let key = engine.key().await?;
        let settings = engine.settings();
        self.report
            .banner(&settings.context, &key.project, &settings.hosts);
        Ok(())
    }
}
