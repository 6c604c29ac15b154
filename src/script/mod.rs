//! The Lua side: scripts that decide before a plan is frozen, and one script per step after.
//!
//! In: built-in scripts (`lua/`, embedded) under a project's own (`.webpods/`, spec §4), and the
//! questions of the planner and of apply. Out: answers as validated data, or an error that names
//! the script and the line. The dialect is Luau, because its sandbox and interrupt stop what plain
//! Lua's hooks cannot: endless loops under `pcall`, pathological patterns, memory bombs.

mod act;
mod api;
mod decider;
mod decode;
mod fault;
mod hooks;
mod inventory;
mod limits;
mod path;
mod safety;
mod scripts;
mod vm;

pub use act::{PhaseFuture, Phases, Pipeline, ProxyDriver, ProxyStatus, Runner, Scene};
pub use decider::Decider;
pub use inventory::load_context;
pub use path::ScriptPath;
pub use safety::AuthorizeRequest;
pub use scripts::{ScriptEntry, ScriptOrigin, ScriptProblem, Scripts};
