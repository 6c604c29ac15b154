//! What steps need besides themselves.

use std::sync::Arc;

use crate::docker::{Node, Nodes};
use crate::event::Events;
use crate::image::Store;
use crate::model::{Context, ProjectState};
use crate::plan::{Plan, Step};
use crate::state::Lease;

/// The rollout that a step is part of.
#[derive(Clone)]
pub struct Scene {
    /// Where.
    pub context: Context,
    /// The hosts that were reached.
    pub nodes: Nodes,
    /// What is carried out.
    pub plan: Arc<Plan>,
    /// This machine's blobs.
    pub store: Store,
    /// The lock; its fencing token guards what `commit` writes.
    pub lease: Option<Lease>,
    /// What `commit` writes, complete with date and author.
    pub state: Option<ProjectState>,
    /// Who is told.
    pub events: Events,
}

/// Where a script stands: a host, and for steps the step and its scene.
#[derive(Clone)]
pub(crate) struct Stage {
    pub node: Arc<Node>,
    pub events: Events,
    pub step: Option<(Arc<Step>, Arc<Scene>)>,
}

impl Stage {
    /// The scene, for primitives that only make sense in a step.
    pub fn scene(&self) -> crate::error::Result<(&Arc<Step>, &Arc<Scene>)> {
        match &self.step {
            Some((step, scene)) => Ok((step, scene)),
            None => Err(crate::error::Error::user(
                "this primitive works in step scripts and step hooks only",
            )),
        }
    }
}
