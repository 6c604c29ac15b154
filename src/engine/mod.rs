//! The one facade: load, observe, plan, guard, apply. `cli`, `tower` and `lab` call this and
//! nothing below it.
//!
//! In: [`Settings`], resolved once from flags and context. Out: plans, releases, lists of
//! containers; progress as events.

mod ahead;
mod artifacts;
mod containers;
mod exec;
mod files;
mod gather;
mod guard;
mod inventory;
mod lock;
mod logs;
mod phases;
mod platforms;
mod proxy;
mod registry;
mod releases;
mod rollout;
mod send;
mod session;
mod survey;
mod surveyed;
mod upkeep;

pub mod merge;
pub mod publish;
pub mod select;

pub use crate::image::BuildMode;
pub use artifacts::{ImageRow, Sent};
pub use containers::Lifecycle;
pub use exec::{ExecRequest, Streams};
pub use guard::Authority;
pub use inventory::{HostImage, HostImages};
pub use logs::{Line, LogOptions};
pub use proxy::{ProxyConfig, ProxyRow};
pub use releases::{ReleaseRow, ServiceStatus, Status};
pub use rollout::{Outcome, RolloutOptions, View};
pub use session::{Engine, Settings};
pub use upkeep::Freed;
