//! Images that hosts pull themselves: looked up once, pulled by digest, with credentials that are
//! passed along for one call and kept nowhere.
//!
//! In: names of images, engines, the Docker configuration of this machine. Out: [`Image`]s that
//! name their registry, in engines under their host tag.
//!
//! [`Image`]: crate::model::Image

mod credentials;
mod fault;
mod look_up;
mod pull;
mod push;

pub(super) use fault::advice;
pub use look_up::{Offer, look_up};
pub(super) use pull::{held, is_for, pull};
