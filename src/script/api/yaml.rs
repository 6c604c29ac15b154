//! `webpods.yaml.encode(value)` and `webpods.yaml.decode(text)`.

use mlua::{LuaSerdeExt as _, Value};

use super::Api;
use crate::error::Error;
use crate::script::decode::decode_value;
use crate::script::fault::external;

pub(super) fn register(api: &Api<'_>) -> mlua::Result<()> {
    let yaml = api.lua.create_table()?;
    yaml.set(
        "encode",
        api.lua.create_function(|lua, value: Value| {
            let cannot = |reason: String| {
                external(Error::user("this value cannot be written as YAML").cause(reason))
            };
            let value: serde_json::Value = match value {
                Value::Nil => serde_json::Value::Null,
                value => decode_value(lua, value).map_err(cannot)?,
            };
            serde_saphyr::to_string(&value).map_err(|error| cannot(error.to_string()))
        })?,
    )?;
    yaml.set(
        "decode",
        api.lua.create_function(|lua, text: String| {
            let value: serde_json::Value = serde_saphyr::from_str(&text).map_err(|error| {
                external(Error::user("this text is not valid YAML").cause(error))
            })?;
            lua.to_value(&value)
        })?,
    )?;
    yaml.set_readonly(true);
    api.table.set("yaml", yaml)
}
