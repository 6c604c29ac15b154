//! `webpods.on(event, fn)`: what `hooks.lua` registers.

use mlua::{Function, Table};

use super::Api;
use crate::error::{Error, near_miss};
use crate::script::fault::external;

/// Registry key of the table event → list of functions.
pub(crate) const HOOKS: &str = "webpods.hooks";

/// Step kinds, which `before_` and `after_` take.
const STEPS: [&str; 11] = [
    "ship", "load", "prepare", "start", "health", "route", "drain", "stop", "remove", "commit",
    "prune",
];

/// Events without a step.
const MOMENTS: [&str; 3] = ["plan", "released", "failed"];

pub(super) fn register(api: &Api<'_>) -> mlua::Result<()> {
    api.lua
        .set_named_registry_value(HOOKS, api.lua.create_table()?)?;
    let on = api
        .lua
        .create_function(|lua, (event, function): (String, Function)| {
            if !known_event(&event) {
                return Err(external(unknown(&event)));
            }
            let hooks: Table = lua.named_registry_value(HOOKS)?;
            if let Some(list) = hooks.raw_get::<Option<Table>>(event.as_str())? {
                return list.raw_push(function);
            }
            let list = lua.create_table()?;
            hooks.raw_set(event.as_str(), &list)?;
            list.raw_push(function)
        })?;
    api.table.set("on", on)
}

/// Whether something ever announces this event.
pub(crate) fn known_event(event: &str) -> bool {
    MOMENTS.contains(&event)
        || event
            .strip_prefix("before_")
            .or_else(|| event.strip_prefix("after_"))
            .is_some_and(|step| STEPS.contains(&step))
}

fn unknown(event: &str) -> Error {
    let steps = STEPS
        .iter()
        .flat_map(|step| [format!("before_{step}"), format!("after_{step}")]);
    let all: Vec<String> = MOMENTS
        .iter()
        .map(ToString::to_string)
        .chain(steps)
        .collect();
    let message = format!("there is no event `{event}`");
    let message = match near_miss(event, all.iter().map(String::as_str)) {
        Some(near) => format!("{message}; did you mean `{near}`?"),
        None => message,
    };
    Error::user(message).hint(format!(
        "events are `{}`, and `before_` or `after_` with a step: `{}`",
        MOMENTS.join("`, `"),
        STEPS.join("`, `")
    ))
}
