//! What is remembered on hosts: state, lease, journal, audit log (spec §20).
//!
//! In: connected nodes and the (context, project). Out: the newest state, a lease that fences every
//! write, and what happened last. Each piece of work on a host is one `sh` script from `sh/`, which
//! runs alone on that host and judges time by that host's clock only.

mod audit;
mod claims;
mod copies;
pub(crate) mod frame;
mod journal;
mod keep;
mod lease;
mod lock;
mod newest;
mod site;
mod take;
mod write;

#[cfg(test)]
mod tests;

pub use audit::Record;
pub use copies::Copies;
pub use journal::{Operation, Outcome};
pub use lease::{Lease, Request};
pub use lock::{Holder, Who};
pub use newest::{Copy, Found, newest};
pub use site::Site;
pub(crate) use site::together;
pub use write::claim;
