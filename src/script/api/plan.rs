//! `webpods.plan`: what is being carried out, for reading.

use mlua::{Table, Value};

use super::Api;
use crate::error::{Error, Result};
use crate::plan::Plan;
use crate::script::decode::encode_frozen;
use crate::script::fault::{explain, external};
use crate::script::vm::Vm;

/// Registry key of the plan's view.
const PLAN: &str = "webpods.plan";

/// The plan comes after the VM, so `webpods.plan` is a table that looks it up.
pub(super) fn register(api: &Api<'_>) -> mlua::Result<()> {
    let plan = api.lua.create_table()?;
    let meta = api.lua.create_table()?;
    let look_up = api.lua.create_function(|lua, (_, key): (Table, Value)| {
        match lua.named_registry_value::<Option<Table>>(PLAN)? {
            Some(plan) => plan.raw_get::<Value>(key),
            None => Err(external(Error::user(
                "`webpods.plan` is there in step scripts and hooks only",
            ))),
        }
    })?;
    meta.raw_set("__index", look_up)?;
    meta.raw_set("__metatable", false)?;
    plan.set_metatable(Some(meta))?;
    plan.set_readonly(true);
    api.table.set("plan", plan)
}

/// Puts `plan` behind `webpods.plan`, without its steps and state, which hold secrets.
pub(crate) fn offer_plan(vm: &Vm, plan: &Plan) -> Result<()> {
    let offer = || -> mlua::Result<()> {
        let mut view = serde_json::to_value(plan).map_err(mlua::Error::external)?;
        if let Some(view) = view.as_object_mut() {
            view.remove("stages");
            view.remove("state");
        }
        let view = encode_frozen(&vm.lua, &view)?;
        vm.lua.set_named_registry_value(PLAN, view)
    };
    offer().map_err(|error| explain(&error, "webpods.plan"))
}

/// The view that `offer_plan` made.
pub(crate) fn plan_of(vm: &Vm) -> Result<Value> {
    vm.lua
        .named_registry_value(PLAN)
        .map_err(|error| explain(&error, "webpods.plan"))
}
