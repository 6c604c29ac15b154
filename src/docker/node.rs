//! Hosts that were reached, each with its engine.

use std::future::Future;
use std::sync::Arc;

use futures_util::future::join_all;
use indexmap::IndexMap;
use tokio::sync::{OnceCell, Semaphore};

use crate::error::{Error, Kind, Result};
use crate::event::Events;
use crate::model::{Context, HostName};
use crate::remote::Host;

use super::wire::Wire;
use super::{Engine, EngineIdentity, acquaintance};

/// Hosts connected to at once, below the 10 that sshd's `MaxStartups` lets in without a limit:
/// behind one bastion all of them knock on the same door.
const AT_ONCE: usize = 8;

/// A host and its engine.
pub struct Node {
    /// The session.
    pub host: Arc<Host>,
    wire: Wire,
    engine: OnceCell<Engine>,
}

impl Node {
    /// A node for `host`; its engine is reached when it is asked for.
    #[must_use]
    pub fn new(host: Arc<Host>) -> Arc<Self> {
        Arc::new(Self {
            wire: Wire::new(Arc::clone(&host)),
            host,
            engine: OnceCell::new(),
        })
    }

    /// The host's name.
    #[must_use]
    pub fn name(&self) -> &HostName {
        self.host.name()
    }

    /// The host's engine, reached on first use.
    ///
    /// # Errors
    /// It does not answer, with the likely reason (exit 7), or is too old.
    pub async fn engine(&self) -> Result<&Engine> {
        let greet = || Engine::greet(&self.wire);
        Ok(self.engine.get_or_try_init(greet).await?)
    }

    /// The answer to a question that changes nothing.
    ///
    /// An engine that was reached before is asked while it is still being greeted, and taken for
    /// what it was then. What it said counts only once it has said that it still is that engine;
    /// otherwise it is asked again.
    ///
    /// # Errors
    /// As [`Node::engine`]; what `question` reports.
    pub async fn ask<T, F>(&self, question: impl Fn(Engine) -> F) -> Result<T>
    where
        F: Future<Output = Result<T>>,
    {
        // Boxed: what is asked of an engine at once is large, and the future has room for two.
        let question = |engine| Box::pin(question(engine));
        let greeted = self.engine.initialized();
        let presumed = (!greeted).then(|| Engine::presumed(&self.wire)).flatten();
        let Some(presumed) = presumed else {
            return question(self.engine().await?.clone()).await;
        };
        let early = async { Ok(question(presumed.clone()).await) };
        let (engine, early) = tokio::try_join!(self.engine(), early)?;
        match early {
            Ok(answer) if engine.identity() == presumed.identity() => Ok(answer),
            _ => question(engine.clone()).await,
        }
    }

    /// What kind of engine it is, or was when it last answered this machine; none: it never did.
    #[must_use]
    pub fn acquaintance(&self) -> Option<EngineIdentity> {
        match self.engine.get() {
            Some(engine) => Some(engine.identity().clone()),
            None => acquaintance::recall(&self.host),
        }
    }
}

impl std::fmt::Debug for Node {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Node({})", self.name())
    }
}

/// The hosts a command works on, in the order of the inventory.
#[derive(Debug, Clone, Default)]
pub struct Nodes(IndexMap<HostName, Arc<Node>>);

impl Nodes {
    /// Reaches these hosts of the context and their engines, all in parallel; no names mean every
    /// host.
    ///
    /// # Errors
    /// A name that the context does not have (exit 1); hosts or engines that cannot be reached,
    /// all of them in one error (exit 7).
    pub async fn connect(context: &Context, hosts: &[HostName], events: &Events) -> Result<Self> {
        let nodes = Self::select(context, hosts, events)?;
        nodes.greet().await?;
        Ok(nodes)
    }

    /// As [`Nodes::connect`], without asking for the engines: for what must work before Docker
    /// does, and for what greets them while it asks them something.
    ///
    /// # Errors
    /// As [`Nodes::connect`].
    pub async fn connect_hosts(
        context: &Context,
        hosts: &[HostName],
        events: &Events,
    ) -> Result<Self> {
        let nodes = Self::select(context, hosts, events)?;
        nodes.open().await?;
        Ok(nodes)
    }

    /// Nodes for these hosts without contacting any; no names mean every host.
    ///
    /// # Errors
    /// A name that the context does not have; ssh settings that cannot be used.
    pub fn select(context: &Context, hosts: &[HostName], events: &Events) -> Result<Self> {
        for name in hosts {
            if context.host(name).is_none() {
                return Err(context.unknown_host(name.as_str()));
            }
        }
        let wanted = |name: &HostName| hosts.is_empty() || hosts.contains(name);
        let chosen = context.hosts.iter().filter(|host| wanted(&host.name));
        chosen
            .map(|host| {
                let session = Host::new(&context.ssh, host, events)?;
                Ok((host.name.clone(), Node::new(session)))
            })
            .collect::<Result<_>>()
            .map(Self)
    }

    /// Every host of the context, these with the sessions they have.
    ///
    /// # Errors
    /// As [`Nodes::select`].
    pub fn and_others(&self, context: &Context, events: &Events) -> Result<Self> {
        let all = context.hosts.iter();
        let others: Vec<HostName> = all
            .map(|host| host.name.clone())
            .filter(|name| self.get(name).is_none())
            .collect();
        if others.is_empty() {
            return Ok(self.clone());
        }
        let others = Self::select(context, &others, events)?;
        let all = context.hosts.iter().filter_map(|host| {
            let node = self.get(&host.name).or_else(|| others.get(&host.name))?;
            Some((host.name.clone(), Arc::clone(node)))
        });
        Ok(Self(all.collect()))
    }

    /// All nodes in inventory order.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Node>> {
        self.0.values()
    }

    /// The node of this name.
    #[must_use]
    pub fn get(&self, name: &HostName) -> Option<&Arc<Node>> {
        self.0.get(name)
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// True without any host.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Asks every host at once, reaching it first. What each answered, in inventory order: one that
    /// cannot be reached does not keep the others from answering.
    pub async fn ask_each<T>(
        &self,
        question: impl AsyncFn(&Arc<Node>) -> Result<T>,
    ) -> Vec<Result<T>> {
        let doors = Semaphore::new(AT_ONCE);
        let (doors, question) = (&doors, &question);
        let answers = self.iter().map(async |node| {
            let door = doors.acquire().await;
            node.host.connect().await?;
            drop(door);
            question(node).await
        });
        join_all(answers).await
    }

    /// Connects to the hosts that are not connected yet, all in parallel.
    ///
    /// # Errors
    /// As [`Nodes::connect`].
    pub async fn open(&self) -> Result<()> {
        self.reach(|_| false).await
    }

    /// Reaches the engines that were not reached yet, all in parallel.
    ///
    /// # Errors
    /// As [`Nodes::connect`].
    pub async fn greet(&self) -> Result<()> {
        self.reach(|_| true).await
    }

    /// Reaches the engines that never answered this machine, all in parallel: afterwards every
    /// node has an [`Node::acquaintance`].
    ///
    /// # Errors
    /// As [`Nodes::connect`].
    pub async fn acquaint(&self) -> Result<()> {
        self.reach(|node| node.acquaintance().is_none()).await
    }

    /// Connects to all hosts, and to the engines of some.
    async fn reach(&self, engines: impl Fn(&Node) -> bool) -> Result<()> {
        let reach = async |node: &Arc<Node>| {
            if engines(node) {
                node.engine().await?;
            }
            Ok(())
        };
        let results = self.ask_each(reach).await;
        let total = results.len();
        let failures: Vec<Error> = results.into_iter().filter_map(Result::err).collect();
        together(failures, total)
    }
}

/// One error out of those of several hosts.
fn together(mut failures: Vec<Error>, total: usize) -> Result<()> {
    if failures.len() <= 1 {
        return failures.pop().map_or(Ok(()), Err);
    }
    let message = format!("{} of {total} hosts cannot be used", failures.len());
    let mut all = Error::new(Kind::Unreachable, message);
    let mut hints: Vec<&String> = Vec::new();
    for failure in &failures {
        all = all.cause(failure);
        for hint in failure.hints() {
            if !hints.contains(&hint) {
                hints.push(hint);
            }
        }
    }
    Err(hints.into_iter().fold(all, Error::hint))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_of_several_hosts_become_one() {
        assert!(together(Vec::new(), 3).is_ok());
        let one = together(vec![Error::unreachable("a").hint("h")], 3).unwrap_err();
        assert_eq!(one.message(), "a");
        let failures = vec![
            Error::unreachable("host `a` is down")
                .cause("timeout")
                .hint("same"),
            Error::unreachable("host `b` is down")
                .hint("same")
                .hint("other"),
        ];
        let error = together(failures, 3).unwrap_err();
        assert_eq!(error.message(), "2 of 3 hosts cannot be used");
        assert_eq!(
            error.causes(),
            ["host `a` is down: timeout", "host `b` is down"]
        );
        assert_eq!(error.hints(), ["same", "other"]);
        assert_eq!(error.kind(), Kind::Unreachable);
    }
}
