//! The one facade: load, observe, plan, guard, apply. `cli` and `lab` call this and nothing below.

pub mod merge;
pub mod publish;
pub mod select;
