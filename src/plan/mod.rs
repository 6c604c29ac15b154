//! From what is wanted and what is there to what will be done.
//!
//! In: context, project, images, observation, and the policy (decisions made by Lua scripts).
//! Out: a [`Plan`] that can be shown, stored and carried out. No I/O, no clock, no randomness: the
//! same inputs give the same plan. `check` verifies plans independently of the code that makes
//! them.

mod policy;
mod types;

pub use policy::{Batch, Change, PlaceHost, PlaceRequest, Policy, RenderRequest, RolloutRequest};
pub use types::{
    Action, BlobShipment, FileSource, HttpProbe, ImagePlan, ImageShipment, Plan, PlannedHost,
    Reason, ReplicaAction, ReplicaPlan, RouteChange, ServicePlan, Stage, StagedFile, Step,
    StepKind,
};
