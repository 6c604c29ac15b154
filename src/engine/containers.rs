//! Day 2: which containers there are, and starting, stopping, restarting and removing them
//! (spec §18).

use std::time::Duration;

use futures_util::future::join_all;

use crate::docker::{Node, Nodes};
use crate::error::{Error, Result};
use crate::model::{ContainerObserved, HostName, RunState, StackKey};

use super::select::{Seen, Selected, Selection, select};
use super::upkeep::in_part;
use super::{Authority, Engine};

/// What to do with containers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lifecycle {
    /// Start what is stopped.
    Start,
    /// Stop what runs.
    Stop,
    /// Stop and start.
    Restart,
    /// Remove; running ones only with `stop`.
    Remove {
        /// Stop running containers first.
        stop: bool,
    },
}

impl Lifecycle {
    /// The verb as typed.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Stop => "stop",
            Self::Restart => "restart",
            Self::Remove { .. } => "rm",
        }
    }

    /// What was done, for people.
    #[must_use]
    pub fn past(self) -> &'static str {
        match self {
            Self::Start => "started",
            Self::Stop => "stopped",
            Self::Restart => "restarted",
            Self::Remove { .. } => "removed",
        }
    }

    fn concerns(self, state: RunState) -> bool {
        match self {
            Self::Start => state == RunState::Stopped,
            Self::Stop => state != RunState::Stopped,
            Self::Restart | Self::Remove { .. } => true,
        }
    }
}

/// How long a container that says nothing about it may take to stop.
const GRACE: Duration = Duration::from_secs(10);

impl Engine {
    /// The project's containers on the hosts of this command.
    ///
    /// A host that cannot be asked is named in a warning; what the others hold is still shown.
    ///
    /// # Errors
    /// No host can be asked at all.
    pub async fn containers(&self) -> Result<Seen> {
        let key = self.key().await?;
        let nodes = self.selected_nodes()?;
        let asked = nodes.ask_each(async |node| of(node, &key).await);
        let mut seen = Seen::default();
        let mut failures = Vec::new();
        for answer in asked.await {
            match answer {
                Ok((host, containers)) => {
                    seen.insert(host, containers);
                }
                Err(error) => failures.push(error),
            }
        }
        if seen.is_empty()
            && let Some(error) = failures.pop()
        {
            return Err(failures
                .into_iter()
                .fold(error, |error, other| error.cause(format!("also: {other}"))));
        }
        for error in failures {
            self.settings.events.warn(format!("left out: {error}"));
        }
        Ok(seen)
    }

    /// Starts, stops, restarts or removes the selected containers under the project's lock.
    ///
    /// Returns what was done; containers that were in the wanted state already are left alone.
    ///
    /// # Errors
    /// A host cannot be reached, the lock is held, nothing matches, or a container refuses.
    pub async fn lifecycle(
        &self,
        authority: &Authority,
        verb: Lifecycle,
        selection: &Selection,
        wait: Option<Duration>,
    ) -> Result<Vec<Selected>> {
        let key = self.key().await?;
        let nodes = self.connect_selected().await?;
        let lease = self.lease(nodes, &key, authority, wait).await?;
        let stopped = || in_part(verb.name());
        let acted = self.act(nodes, verb, selection);
        let interrupt = &self.settings.interrupt;
        let result = interrupt.unless_requested(stopped, acted).await;
        self.let_go(lease, &result).await;
        result
    }

    async fn act(
        &self,
        nodes: &Nodes,
        verb: Lifecycle,
        selection: &Selection,
    ) -> Result<Vec<Selected>> {
        let seen = self.containers().await?;
        let chosen: Vec<Selected> = select(&seen, selection)?
            .into_iter()
            .filter(|selected| verb.concerns(selected.container.state))
            .collect();
        if verb == (Lifecycle::Remove { stop: false })
            && let Some(running) = chosen
                .iter()
                .find(|selected| selected.container.state != RunState::Stopped)
        {
            return Err(Error::user(format!(
                "container `{}` on host `{}` is running",
                running.container.name, running.host
            ))
            .hint("stop it first with `webpods stop`, or use `webpods rm --stop`"));
        }
        let done = join_all(chosen.iter().map(|selected| one(nodes, verb, selected))).await;
        done.into_iter().collect::<Result<Vec<()>>>()?;
        Ok(chosen)
    }
}

/// A host's containers of the project.
pub(super) async fn of(node: &Node, key: &StackKey) -> Result<(HostName, Vec<ContainerObserved>)> {
    let asked = node.ask(|engine| async move { Ok(engine.observe(key).await?) });
    Ok((node.name().clone(), asked.await?))
}

async fn one(nodes: &Nodes, verb: Lifecycle, selected: &Selected) -> Result<()> {
    let node = nodes
        .get(&selected.host)
        .ok_or_else(|| Error::user(format!("host `{}` is not connected", selected.host)))?;
    let engine = node.engine().await?;
    let id = &selected.container.id;
    match verb {
        Lifecycle::Start => engine.start(id).await?,
        Lifecycle::Stop => engine.stop(id, grace(engine, id).await?).await?,
        Lifecycle::Restart => engine.restart(id, grace(engine, id).await?).await?,
        Lifecycle::Remove { .. } => {
            if selected.container.state != RunState::Stopped {
                engine.stop(id, grace(engine, id).await?).await?;
            }
            engine.remove_container(id, true).await?;
        }
    }
    Ok(())
}

async fn grace(engine: &crate::docker::Engine, id: &str) -> Result<Duration> {
    let seconds = engine
        .inspect(id)
        .await?
        .config
        .and_then(|config| config.stop_timeout)
        .and_then(|seconds| u64::try_from(seconds).ok());
    Ok(seconds.map_or(GRACE, Duration::from_secs))
}
