//! webpods runs the Docker Compose files you already have on any number of servers, over SSH.
//!
//! A tour of the house, in the order a command passes through it:
//!
//! - [`cli`] parses arguments, one file per verb, and calls the engine.
//! - `config` finds `.webpods/` and loads the context; `compose` loads the project.
//! - `remote` keeps one ssh connection per host; `docker` speaks the Engine API over it; `image`
//!   knows blobs; `state` keeps releases, lock and journal on the hosts.
//! - `plan` turns what is wanted and what was observed into a plan, and checks it.
//! - `script` is the Lua side: decisions before the plan is frozen, one script per step after.
//! - `apply` walks a plan through the step scripts; `engine` is the one facade over all of it.
//! - `report` is the only room that prints.

pub mod apply;
pub mod cli;
pub mod compose;
pub mod config;
pub mod docker;
pub mod engine;
pub mod error;
pub mod event;
pub mod image;
pub mod interrupt;
pub mod lab;
pub mod model;
pub mod node;
pub mod observe;
pub mod plan;
pub mod remote;
pub mod report;
pub mod script;
pub mod state;
