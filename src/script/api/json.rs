//! `webpods.json.encode(value)` and `webpods.json.decode(text)`.

use mlua::{LuaSerdeExt as _, Value};

use super::Api;
use crate::error::Error;
use crate::script::decode::decode_value;
use crate::script::fault::external;

pub(super) fn register(api: &Api<'_>) -> mlua::Result<()> {
    let json = api.lua.create_table()?;
    json.set(
        "encode",
        api.lua.create_function(|lua, value: Value| {
            let value: serde_json::Value = match value {
                Value::Nil => serde_json::Value::Null,
                value => decode_value(lua, value).map_err(|reason| {
                    external(Error::user("this value cannot be written as JSON").cause(reason))
                })?,
            };
            Ok(value.to_string())
        })?,
    )?;
    json.set(
        "decode",
        api.lua.create_function(|lua, text: mlua::LuaString| {
            let value: serde_json::Value =
                serde_json::from_slice(&text.as_bytes()).map_err(|error| {
                    external(Error::user("this text is not valid JSON").cause(error))
                })?;
            lua.to_value(&value)
        })?,
    )?;
    json.set("null", api.lua.null())?;
    json.set_readonly(true);
    api.table.set("json", json)
}
