//! One Luau VM: sandboxed, limited in memory and time, with scripts as modules.

use std::sync::Arc;

use mlua::chunk::ChunkMode;
use mlua::{Function, Lua, LuaOptions, MultiValue, StdLib, Table, Value};

use super::api::{self, Api};
use super::fault::{explain, external};
use super::limits::{self, Meter};
use super::path::ScriptPath;
use super::scripts::{Scripts, Source};
use crate::error::{Error, Result};
use crate::event::Events;

/// Registry key of the table path → module.
const MODULES: &str = "webpods.modules";

/// What a VM may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Powers {
    /// Nothing but answer: placement, rollout, rendering, safety, the `plan` hook.
    Decide,
    /// Also run commands on this machine, for inventories that are not known beforehand.
    Inventory,
    /// Everything: steps, hooks around them, pipelines.
    Act,
}

/// A VM with its limits.
#[derive(Debug, Clone)]
pub(crate) struct Vm {
    pub lua: Lua,
    pub meter: Arc<Meter>,
    pub scripts: Arc<Scripts>,
}

/// What a script's function returned, and where that function is.
pub(crate) struct Answer {
    pub value: Value,
    pub place: String,
}

impl Vm {
    /// A fresh VM in which no script has run yet.
    pub fn new(scripts: &Arc<Scripts>, events: &Events, powers: Powers) -> Result<Self> {
        let build = || -> mlua::Result<Self> {
            let libraries = StdLib::TABLE
                | StdLib::STRING
                | StdLib::MATH
                | StdLib::COROUTINE
                | StdLib::BIT
                | StdLib::UTF8
                | StdLib::BUFFER
                | StdLib::OS;
            let lua = Lua::new_with(libraries, LuaOptions::new())?;
            narrow(&lua, powers)?;
            let table = lua.create_table()?;
            let registered = Api {
                lua: &lua,
                table: &table,
                events,
                scripts,
            };
            for register in api::modules(powers) {
                register(&registered)?;
            }
            table.set_readonly(true);
            lua.globals().set("webpods", table)?;
            lua.set_named_registry_value(MODULES, lua.create_table()?)?;
            let from = Arc::clone(scripts);
            let require = lua.create_function(move |lua, name: String| {
                let path: ScriptPath = name.parse().map_err(external)?;
                module(lua, &from, &path)
            })?;
            lua.globals().set("require", require)?;
            lua.sandbox(true)?;
            let meter = Arc::new(Meter::default());
            let ticking = Arc::clone(&meter);
            lua.set_interrupt(move |lua| ticking.tick(lua));
            lua.set_memory_limit(limits::MEMORY)?;
            Ok(Self {
                lua,
                meter,
                scripts: Arc::clone(scripts),
            })
        };
        build().map_err(|error| explain(&error, "webpods"))
    }

    /// Calls `function` of the module `path` and hands its answer to `decode`.
    pub fn call<T>(
        &self,
        path: &ScriptPath,
        function: &str,
        arguments: impl FnOnce(&Lua) -> mlua::Result<MultiValue>,
        decode: impl FnOnce(&Lua, Answer) -> Result<T>,
    ) -> Result<T> {
        self.enter(|| {
            let (function, place) = self.function(path, function)?;
            let arguments = arguments(&self.lua).map_err(|error| explain(&error, &place))?;
            let value = function
                .call(arguments)
                .map_err(|error| explain(&error, &place))?;
            decode(&self.lua, Answer { value, place })
        })
    }

    /// Runs `work` under the limits; passing them is an error even when the script caught it.
    pub fn enter<T>(&self, work: impl FnOnce() -> Result<T>) -> Result<T> {
        let result = self.meter.run(work);
        match self.meter.take_overrun() {
            Some(place) => Err(limits::too_long(&place)),
            None => result,
        }
    }

    /// The module `path`, run when it is needed for the first time.
    pub fn module(&self, path: &ScriptPath) -> Result<Value> {
        module(&self.lua, &self.scripts, path).map_err(|error| explain(&error, &path.file()))
    }

    /// A function that the module `path` must offer, and where it begins.
    pub fn function(&self, path: &ScriptPath, name: &str) -> Result<(Function, String)> {
        self.optional_function(path, name)?.ok_or_else(|| {
            Error::user(format!(
                "script `{path}` does not offer the function `{name}`"
            ))
            .hint(format!(
                "end the script with `return {{ {name} = function(…) … end }}`"
            ))
        })
    }

    /// A function that the module `path` may offer.
    pub fn optional_function(
        &self,
        path: &ScriptPath,
        name: &str,
    ) -> Result<Option<(Function, String)>> {
        let found = match self.module(path)? {
            Value::Table(table) => table.raw_get::<Value>(name),
            other => {
                return Err(Error::user(format!(
                    "script `{path}` returned {} in place of a table of functions",
                    described(&other)
                ))
                .hint(format!(
                    "end the script with `return {{ {name} = function(…) … end }}`"
                )));
            }
        };
        match found.map_err(|error| explain(&error, path.as_str()))? {
            Value::Nil => Ok(None),
            Value::Function(function) => {
                let place = place_of(&function);
                Ok(Some((function, place)))
            }
            other => Err(Error::user(format!(
                "script `{path}` returned {} under `{name}` in place of a function",
                described(&other)
            ))),
        }
    }
}

/// `script:line` of a function's beginning.
pub(crate) fn place_of(function: &Function) -> String {
    let about = function.info();
    let name = about.short_src.unwrap_or_default();
    match about.line_defined {
        Some(line) => format!("{name}:{line}"),
        None => name,
    }
}

/// A wrong value in words.
fn described(value: &Value) -> String {
    match value {
        Value::Nil => "nothing".to_owned(),
        other => format!("a value of type `{}`", other.type_name()),
    }
}

/// Takes out of the standard library what reaches outside the VM, compiles text at run time, or
/// runs long without an interrupt; planning also loses randomness.
fn narrow(lua: &Lua, powers: Powers) -> mlua::Result<()> {
    let globals = lua.globals();
    for name in [
        "collectgarbage",
        "gcinfo",
        "getfenv",
        "loadstring",
        "newproxy",
        "setfenv",
    ] {
        globals.raw_set(name, Value::Nil)?;
    }
    let os: Table = globals.get("os")?;
    os.raw_set("time", Value::Nil)?;
    os.raw_set("difftime", Value::Nil)?;
    if powers != Powers::Act {
        let math: Table = globals.get("math")?;
        math.raw_set("random", Value::Nil)?;
        math.raw_set("randomseed", Value::Nil)?;
    }
    // `table.move` copies a range without a single interrupt, even one of 2^31 empty places.
    let table: Table = globals.get("table")?;
    let original: Function = table.get("move")?;
    let moved = lua.create_function(
        move |_, (from, first, last, rest): (Table, i64, i64, MultiValue)| {
            if last.saturating_sub(first) > 10_000_000 {
                return Err(mlua::Error::runtime("too many elements to move"));
            }
            original.call::<MultiValue>((from, first, last, rest))
        },
    )?;
    table.raw_set("move", moved)
}

/// Compiles a script in its own environment: globals it sets stay its own.
pub(crate) fn compile(lua: &Lua, source: &Source) -> Result<Function> {
    let build = || -> mlua::Result<Function> {
        let environment = lua.create_table()?;
        let meta = lua.create_table()?;
        meta.raw_set("__index", lua.globals())?;
        meta.raw_set("__metatable", false)?;
        environment.set_metatable(Some(meta))?;
        lua.load(&source.text)
            .set_name(format!("={}", source.shown))
            .set_mode(ChunkMode::Text)
            .set_environment(environment)
            .into_function()
    };
    build().map_err(|error| explain(&error, &source.shown))
}

fn module(lua: &Lua, scripts: &Scripts, path: &ScriptPath) -> mlua::Result<Value> {
    let modules: Table = lua.named_registry_value(MODULES)?;
    let known: Value = modules.raw_get(path.as_str())?;
    if known.is_null() {
        return Err(external(Error::user(format!(
            "script `{path}` requires itself, directly or through another script"
        ))));
    }
    if !known.is_nil() {
        return Ok(known);
    }
    let source = scripts.source(path).map_err(external)?;
    let chunk = compile(lua, &source).map_err(external)?;
    modules.raw_set(path.as_str(), Value::NULL)?;
    let result: mlua::Result<Value> = chunk.call(());
    // A script that returns nothing (`hooks.lua`) is remembered too: it runs once.
    let kept = match &result {
        Err(_) => Value::Nil,
        Ok(Value::Nil) => Value::Boolean(true),
        Ok(value) => value.clone(),
    };
    modules.raw_set(path.as_str(), kept)?;
    result
}
