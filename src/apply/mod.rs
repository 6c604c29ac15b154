//! Walks a plan: stage after stage, the steps of a stage side by side.
//!
//! In: a frozen [`Plan`] and a [`StepRunner`] (the Lua step scripts). Out: everything done, or
//! everything undone, or a clear word on where things stand. This room decides nothing about
//! what to do; it only decides when to stop and what to take back (spec §12.7, §21.1).

mod undo;
mod walk;

pub use walk::{OnFailure, Walk};

use std::future::Future;
use std::pin::Pin;

use crate::error::Result;
use crate::plan::Step;

/// A boxed future, so that runners can be trait objects.
pub type StepFuture<'a> = Pin<Box<dyn Future<Output = Result<()>> + Send + 'a>>;

/// Carries out single steps.
pub trait StepRunner: Send + Sync {
    /// Does `step`.
    fn run<'a>(&'a self, step: &'a Step) -> StepFuture<'a>;

    /// Takes `step` back, as far as its kind can be taken back. Called for steps that succeeded
    /// and for steps that failed half-way.
    fn undo<'a>(&'a self, step: &'a Step) -> StepFuture<'a>;
}

#[cfg(test)]
mod tests;
