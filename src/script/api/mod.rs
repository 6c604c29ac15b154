//! The Lua modules under `webpods`, one file each with one `register`.

mod blobs;
mod commit;
mod docker;
mod each;
mod exec;
mod files;
mod hooks;
mod host;
mod http;
mod json;
mod log;
mod options;
mod plan;
mod sh;
mod sleep;
mod stage;
mod template;
mod verdict;
mod yaml;

use std::sync::Arc;

use mlua::{Lua, Table};

use super::scripts::Scripts;
use super::vm::Powers;
use crate::event::Events;

pub(crate) use hooks::{HOOKS, known_event};
pub(crate) use host::ScriptHost;
pub(crate) use plan::{offer_plan, plan_of};
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
        Powers::Decide => {}
        Powers::Inventory => modules.push(sh::register_blocking),
        Powers::Act => modules.extend([
            each::register as Register,
            plan::register,
            sh::register,
            sleep::register,
        ]),
    }
    modules
}
