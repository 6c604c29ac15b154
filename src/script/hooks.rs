//! Announces moments to the functions that `hooks.lua` registered.

use mlua::{Function, Table, Value};

use super::api::HOOKS;
use super::path::ScriptPath;
use super::vm::Vm;
use crate::error::Result;

/// The script that registers hooks; it may be absent.
const SCRIPT: &str = "hooks";

/// The functions registered for `event`, in order; loads `hooks.lua` when it is there.
pub(crate) fn registered(vm: &Vm, event: &str) -> Result<Vec<Function>> {
    debug_assert!(super::api::known_event(event), "{event}");
    let path: ScriptPath = SCRIPT.parse()?;
    if !vm.scripts.exists(&path) {
        return Ok(Vec::new());
    }
    vm.module(&path)?;
    let list = || -> mlua::Result<Vec<Function>> {
        let hooks: Table = vm.lua.named_registry_value(HOOKS)?;
        match hooks.raw_get::<Option<Table>>(event)? {
            Some(list) => list.sequence_values().collect(),
            None => Ok(Vec::new()),
        }
    };
    list().map_err(|error| super::fault::explain(&error, SCRIPT))
}

/// Calls every function registered for `event`; the first that raises an error blocks.
pub(crate) fn announce(vm: &Vm, event: &str, subject: &Value) -> Result<()> {
    for function in registered(vm, event)? {
        let place = super::vm::place_of(&function);
        function
            .call::<()>(subject.clone())
            .map_err(|error| super::fault::explain(&error, &place))?;
    }
    Ok(())
}
