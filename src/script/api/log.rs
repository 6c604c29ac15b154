//! `webpods.log.debug|info|warn|error(…)`; `print` is `info`.

use mlua::Variadic;

use super::Api;
use crate::event::{Event, Events};

/// The levels, which are also the function names.
const LEVELS: [&str; 4] = ["debug", "info", "warn", "error"];

pub(super) fn register(api: &Api<'_>) -> mlua::Result<()> {
    let log = api.lua.create_table()?;
    for level in LEVELS {
        log.set(level, say(api, level)?)?;
    }
    log.set_readonly(true);
    api.table.set("log", log)?;
    api.lua.globals().set("print", say(api, "info")?)
}

fn say(api: &Api<'_>, level: &'static str) -> mlua::Result<mlua::Function> {
    let events: Events = api.events.clone();
    api.lua
        .create_function(move |_, words: Variadic<mlua::Value>| {
            let words = words
                .iter()
                .map(mlua::Value::to_string)
                .collect::<mlua::Result<Vec<_>>>()?;
            events.emit(Event::ScriptLog {
                level: level.to_owned(),
                message: words.join(" "),
            });
            Ok(())
        })
}
