//! The decisions that scripts take before a plan is frozen.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::model::{HostName, ProxyFile, Route, ServiceName};

/// Decides what the planner does not: implemented over Lua by `script`.
pub trait Policy {
    /// `placement/<strategy>.lua`: how many replicas each eligible host gets (spec §8.4).
    ///
    /// # Errors
    /// The script is missing, fails, runs too long or returns something else than host → count;
    /// the script refuses because the placement cannot be met.
    fn place(&self, strategy: &str, request: &PlaceRequest) -> Result<BTreeMap<HostName, u32>>;

    /// `rollout/<strategy>.lua`: in which batches a service's replicas change (spec §13.4).
    ///
    /// # Errors
    /// As for [`Policy::place`].
    fn order(&self, strategy: &str, request: &RolloutRequest) -> Result<Vec<Batch>>;

    /// `proxy/<driver>.lua` `render`: the proxy files of `host` for these routes (spec §11.1).
    /// An empty route list renders what an absent project needs: files with no content.
    ///
    /// # Errors
    /// As for [`Policy::place`].
    fn render(&self, driver: &str, request: &RenderRequest) -> Result<Vec<ProxyFile>>;
}

/// What `place` gets.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PlaceRequest {
    /// The service.
    pub service: ServiceName,
    /// Replicas wanted.
    pub replicas: u32,
    /// Eligible hosts in inventory order.
    pub hosts: Vec<PlaceHost>,
    /// Cap per host.
    pub max_per_host: Option<u32>,
    /// Replicas now, by host.
    pub current: BTreeMap<HostName, u32>,
}

/// An eligible host as `place` sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlaceHost {
    /// Its name.
    pub name: HostName,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
}

/// What `order` gets: the replicas of one service that change.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RolloutRequest {
    /// The service.
    pub service: ServiceName,
    /// In replica order.
    pub changes: Vec<Change>,
    /// `deploy.update_config.parallelism`; 0: all at once.
    pub parallelism: u32,
    /// False when a fixed port, name or volume makes two containers at once impossible.
    pub start_first: bool,
}

/// One replica that changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// The replica's number.
    pub replica: u32,
    /// Its host; the new one when it moves.
    pub host: HostName,
    /// A container must be created.
    pub start: bool,
    /// A container must be stopped; with `start` it is replaced, here or by one on another host.
    pub stop: bool,
}

/// Replicas that change together: all start, are health-gated, traffic switches, old ones stop.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Batch {
    /// Replica numbers.
    pub replicas: Vec<u32>,
    /// True: new containers run before old ones stop.
    pub start_first: bool,
}

/// What `render` gets.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RenderRequest {
    /// The context's name.
    pub context: String,
    /// The project's name.
    pub project: String,
    /// The host whose proxy is configured.
    pub host: HostName,
    /// Routes with the upstreams this host's proxy may use, addresses already chosen
    /// (`127.0.0.1` for its own replicas).
    pub routes: Vec<Route>,
}
