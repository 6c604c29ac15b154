//! Hosts by themselves, before and besides any project (spec §17): list, examine, prepare.
//!
//! In: a context and the hosts of it that were asked for. Out: rows, findings with what to type,
//! and the changes that were made. A host that cannot be reached is a row or a finding like any
//! other; it never hides the others.

mod bootstrap;
mod check;
mod facts;
mod judge;
mod list;
#[cfg(test)]
mod tests;

pub use bootstrap::{Need, Preparation, Survey};
pub use check::check;
pub use judge::{Finding, Level};
pub use list::{Answer, Row, list, select};
