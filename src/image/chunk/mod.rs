//! Below the blob: which pieces a layer consists of, and how to make one layer of another's pieces.
//!
//! In: a blob of the store, indexes of blobs that a host has. Out: an [`Index`] that travels with
//! the blob and stays beside it, and a [`Recipe`] that names what to copy from where and what to
//! send. Headers of tar entries and the contents of files are separate pieces, so that new file
//! times cost headers only; large files are cut by content, so that an insertion moves no later
//! cut. Of what is nearly the same in both the difference is sent, by who has both. Names of pieces
//! are short: whoever rebuilds a blob checks its digest in the end.

mod batch;
mod cut;
mod form;
mod index;
mod kept;
mod patch;
mod recipe;
mod rest;
mod sketch;
mod tar;
#[cfg(test)]
pub(super) mod tests;

pub(super) use self::batch::Stretch;
pub(super) use self::form::LARGEST as LARGEST_INDEX;
pub(super) use self::index::Index;
pub(super) use self::recipe::{Base, Recipe};

/// Blobs smaller than this have no index: they are sent whole.
pub(super) const SMALLEST: u64 = 64 << 10;
