//! What every verb shares: settings, connections, the loaded project.

use std::collections::BTreeMap;
use std::future::Future;
use std::path::PathBuf;
use std::sync::OnceLock;

use indexmap::IndexMap;
use tokio::sync::OnceCell;

use crate::compose;
use crate::docker::{self, Nodes};
use crate::error::Result;
use crate::event::Events;
use crate::image::{self, Store};
use crate::interrupt::{Interrupt, interrupted};
use crate::model::{Context, HostName, Image, Observed, Origin, Project, ProjectName, StackKey};
use crate::observe;
use crate::plan::{Policy as _, RenderRequest};
use crate::script::{Decider, Scripts};

/// Everything a command was told, resolved once.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where to deploy.
    pub context: Context,
    /// The folder that holds `.webpods/`, else the working directory.
    pub root: PathBuf,
    /// Built-in scripts and the files that replace them.
    pub scripts: Scripts,
    /// How the project is loaded.
    pub compose: compose::Options,
    /// Where the command is run from (spec §5.4).
    pub origin: Origin,
    /// `user@machine` or the CI job's URL; goes into releases, the lock and the audit log.
    pub by: String,
    /// `--confirm`.
    pub confirm: Option<String>,
    /// The hosts of this command, in inventory order: `--hosts`, else all.
    pub hosts: Vec<HostName>,
    /// Where events go.
    pub events: Events,
    /// Ctrl-C: long work ends where it does no harm.
    pub interrupt: Interrupt,
}

/// A command's view of one context and project. Connections and files are opened once, when
/// first needed.
#[derive(Debug)]
pub struct Engine {
    pub(super) settings: Settings,
    selected: OnceLock<Nodes>,
    nodes: OnceCell<Nodes>,
    project: OnceCell<compose::Loaded>,
    store: OnceCell<Store>,
    local: OnceCell<Option<docker::Engine>>,
    decider: OnceLock<Decider>,
    silent: OnceLock<Decider>,
}

impl Engine {
    /// An engine that has done nothing yet.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        Self {
            settings,
            selected: OnceLock::new(),
            nodes: OnceCell::new(),
            project: OnceCell::new(),
            store: OnceCell::new(),
            local: OnceCell::new(),
            decider: OnceLock::new(),
            silent: OnceLock::new(),
        }
    }

    /// The context.
    pub fn context(&self) -> &Context {
        &self.settings.context
    }

    /// What the engine was told.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The loaded Compose project.
    ///
    /// # Errors
    /// The files are missing or wrong; see `compose`.
    pub async fn project(&self) -> Result<&Project> {
        Ok(&self.loaded().await?.project)
    }

    async fn loaded(&self) -> Result<&compose::Loaded> {
        self.project
            .get_or_try_init(|| async {
                let loaded = compose::load(&self.settings.compose)?;
                for warning in loaded.warnings.iter().chain(&loaded.project.warnings) {
                    self.settings.events.warn(warning);
                }
                Ok(loaded)
            })
            .await
    }

    /// Whose containers this command is about. Works without Compose files when `-p` is given.
    ///
    /// # Errors
    /// No project name can be found.
    pub async fn key(&self) -> Result<StackKey> {
        let project = match &self.settings.compose.project_name {
            Some(name) => name.parse::<ProjectName>()?,
            None => self.project().await?.name.clone(),
        };
        Ok(StackKey {
            context: self.settings.context.name.clone(),
            project,
        })
    }

    /// The project by name only, for verbs that work from what is on the hosts.
    pub(super) async fn bare_project(&self) -> Result<Project> {
        Ok(Project {
            name: self.key().await?.project,
            working_dir: self.settings.root.clone(),
            services: IndexMap::new(),
            networks: IndexMap::new(),
            volumes: IndexMap::new(),
            warnings: Vec::new(),
        })
    }

    /// Connections to every host of the context, made when first asked for. Their engines are
    /// greeted when they are first asked something.
    ///
    /// Hosts that `--hosts` leaves out are connected too: a plan must know what runs there.
    ///
    /// # Errors
    /// Every host that cannot be used is named (exit 7).
    pub async fn nodes(&self) -> Result<&Nodes> {
        self.nodes
            .get_or_try_init(|| async {
                let (context, events) = (&self.settings.context, &self.settings.events);
                let nodes = self.selected_nodes()?.and_others(context, events)?;
                self.while_looking(nodes.open()).await?;
                Ok(nodes)
            })
            .await
    }

    /// The hosts of this command, not connected yet.
    ///
    /// # Errors
    /// ssh settings that cannot be used.
    pub(super) fn selected_nodes(&self) -> Result<&Nodes> {
        if let Some(nodes) = self.selected.get() {
            return Ok(nodes);
        }
        let settings = &self.settings;
        let made = Nodes::select(&settings.context, &settings.hosts, &settings.events)?;
        Ok(self.selected.get_or_init(|| made))
    }

    /// Connections to the hosts of this command and their engines, for verbs that leave the others
    /// alone.
    ///
    /// # Errors
    /// Every host that cannot be used is named (exit 7).
    pub(super) async fn connect_selected(&self) -> Result<&Nodes> {
        let nodes = self.selected_nodes()?;
        self.while_looking(nodes.greet()).await?;
        Ok(nodes)
    }

    /// `work` that changes nothing, unless a stop is requested.
    pub(super) fn while_looking<'a, T>(
        &'a self,
        work: impl Future<Output = Result<T>> + 'a,
    ) -> impl Future<Output = Result<T>> + 'a {
        let stopped = || interrupted("nothing was changed on any host");
        self.settings.interrupt.unless_requested(stopped, work)
    }

    /// The local blob store.
    ///
    /// # Errors
    /// Its folder cannot be made.
    pub async fn store(&self) -> Result<&Store> {
        self.store.get_or_try_init(|| async { Store::open() }).await
    }

    /// This machine's engine, if there is one that answers.
    pub(super) async fn local(&self) -> Option<&docker::Engine> {
        let reach = || async { image::local_engine(&self.settings.events).await.ok() };
        self.local.get_or_init(reach).await.as_ref()
    }

    /// The scripts that decide, loaded once.
    ///
    /// # Errors
    /// The VM cannot be made.
    pub(super) fn decider(&self) -> Result<&Decider> {
        self.decider_telling(&self.decider, &self.settings.events)
    }

    /// The same scripts for plans that only look ahead. What scripts say of those is not passed on:
    /// they say it of the plan that is made in the end.
    ///
    /// # Errors
    /// As [`Engine::decider`].
    pub(super) fn silent_decider(&self) -> Result<&Decider> {
        self.decider_telling(&self.silent, &Events::none())
    }

    fn decider_telling<'a>(
        &self,
        kept: &'a OnceLock<Decider>,
        events: &Events,
    ) -> Result<&'a Decider> {
        if let Some(decider) = kept.get() {
            return Ok(decider);
        }
        let made = Decider::new(&self.settings.scripts, events)?;
        Ok(kept.get_or_init(|| made))
    }

    /// The fleet as it is now, asking about the blobs of `images`.
    ///
    /// # Errors
    /// A host cannot be reached or asked; the proxy driver's script fails.
    pub async fn observe(&self, images: &[Image]) -> Result<Observed> {
        self.observe_telling(images, None, &self.settings.events)
            .await
    }

    /// As [`Engine::observe`], with what is to be said of the hosts said to somebody else: nobody,
    /// where they are looked at again later. What was seen `before` stands for hosts that do not
    /// answer any more.
    pub(super) async fn observe_telling(
        &self,
        images: &[Image],
        before: Option<&Observed>,
        events: &Events,
    ) -> Result<Observed> {
        let key = self.key().await?;
        let context = &self.settings.context;
        let wanted = observe::Wanted {
            images: images.iter().flat_map(Image::all).collect(),
            proxy_files: self.proxy_files(&key)?,
            before,
        };
        let nodes = self.nodes().await?;
        observe::observe(nodes, context, &key, &wanted, events).await
    }

    /// Per host, the files that the proxy driver writes for this project.
    fn proxy_files(&self, key: &StackKey) -> Result<BTreeMap<HostName, Vec<String>>> {
        let context = &self.settings.context;
        let decider = self.decider()?;
        context
            .hosts
            .iter()
            .map(|host| {
                let request = RenderRequest {
                    context: key.context.to_string(),
                    project: key.project.to_string(),
                    host: host.name.clone(),
                    routes: Vec::new(),
                };
                let files = decider.render(&context.proxy.driver, &request)?;
                let paths = files.into_iter().map(|file| file.path).collect();
                Ok((host.name.clone(), paths))
            })
            .collect()
    }
}
