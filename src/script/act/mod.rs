//! Scripts that act: steps, hooks around them, proxy drivers on hosts, pipelines.
//!
//! One VM serves all steps of a rollout. It runs one script at a time, but scripts spend their
//! time waiting for hosts, and that work runs outside the VM and side by side.

mod driver;
mod metered;
mod pipeline;
mod runner;
mod scene;

pub use driver::{ProxyDriver, ProxyStatus};
pub(crate) use metered::{Metered, outside};
pub use pipeline::{PhaseFuture, Phases, Pipeline};
pub use runner::Runner;
pub use scene::Scene;
pub(crate) use scene::Stage;
