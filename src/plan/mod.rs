//! From what is wanted and what is there to what will be done.
//!
//! In: context, project, images, observation, and the policy (decisions made by Lua scripts).
//! Out: a [`Plan`] that can be shown, stored and carried out. No I/O, no clock, no randomness: the
//! same inputs give the same plan. `check` verifies plans independently of the code that makes
//! them.

mod allocate;
mod batches;
pub mod check;
mod converge;
mod current;
mod diff;
mod domains;
mod down;
mod eligible;
mod engines;
mod fanout;
mod fleet;
mod goal;
mod health;
mod images;
mod ingress;
mod inputs;
mod mounts;
pub mod names;
mod networks;
mod next;
mod order;
pub mod paths;
mod place;
mod policy;
mod ports;
mod prepare;
mod prune;
mod published;
mod replicas;
mod rollback;
mod rollout;
mod routes;
mod shares;
mod shipment;
mod spread;
mod stages;
mod summary;
mod template;
mod together;
mod types;
mod up;
mod volumes;
mod warnings;
mod work;

pub use down::down;
pub use inputs::{Inputs, PlanOptions, bind_sources};
pub use rollback::{rollback, rollback_target};
pub use up::up;

pub use policy::{Batch, Change, PlaceHost, PlaceRequest, Policy, RenderRequest, RolloutRequest};
pub use shipment::{BlobShipment, ImagePlan, ImageShipment, Way};
pub use types::{
    Action, FileSource, HttpProbe, Plan, PlannedHost, Reason, ReplicaAction, ReplicaPlan,
    RouteChange, ServicePlan, Stage, StagedFile, Step, StepKind,
};
