//! The Lua modules under `webpods`, one file each with one `register`.

mod hooks;
mod json;
mod log;
mod sh;
mod template;
mod verdict;
mod yaml;

use std::sync::Arc;

use mlua::{Lua, Table};

use super::scripts::Scripts;
use super::vm::Powers;
use crate::event::Events;

pub(crate) use hooks::{HOOKS, known_event};
pub(crate) use verdict::Verdict;

/// What a module registers itself with.
pub(crate) struct Api<'a> {
    pub lua: &'a Lua,
    /// The global `webpods`.
    pub table: &'a Table,
    pub events: &'a Events,
    pub scripts: &'a Arc<Scripts>,
}

type Register = fn(&Api<'_>) -> mlua::Result<()>;

/// The modules of a VM with these powers.
pub(crate) fn modules(powers: Powers) -> Vec<Register> {
    let mut modules: Vec<Register> = vec![
        hooks::register,
        json::register,
        log::register,
        template::register,
        verdict::register,
        yaml::register,
    ];
    match powers {
        Powers::Inventory => modules.push(sh::register_blocking),
        Powers::Decide | Powers::Act => {}
    }
    modules
}
