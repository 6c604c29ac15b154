//! Lua values become Rust types here, strictly; Rust data becomes Lua tables here.

use mlua::serde::{DeserializeOptions, LuaSerdeExt as _, SerializeOptions};
use mlua::{Lua, Value};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::fault::readable;
use super::vm::Answer;
use crate::error::{Error, Result};

/// Rust data as Lua sees it: what is absent is `nil`, lists stay lists when they are empty.
pub(crate) fn encode<T: Serialize + ?Sized>(lua: &Lua, value: &T) -> mlua::Result<Value> {
    let options = SerializeOptions::new()
        .serialize_none_to_null(false)
        .serialize_unit_to_null(false);
    lua.to_value_with(value, options)
}

/// The same, and no script can change it.
pub(crate) fn encode_frozen<T: Serialize + ?Sized>(lua: &Lua, value: &T) -> mlua::Result<Value> {
    let value = encode(lua, value)?;
    freeze(&value);
    Ok(value)
}

fn freeze(value: &Value) {
    if let Value::Table(table) = value {
        // A table made by `encode` is a tree, so this ends.
        for pair in table.pairs::<Value, Value>().flatten() {
            freeze(&pair.1);
        }
        table.set_readonly(true);
    }
}

/// What a script returned as a `T`; `what` says in words what it stands for.
pub(crate) fn decode<T: DeserializeOwned>(lua: &Lua, answer: Answer, what: &str) -> Result<T> {
    let Answer { value, place } = answer;
    decode_value(lua, value).map_err(|reason| wrong(&place, what, reason))
}

/// The same for a list, which a table with named fields is not: serde would read that as empty.
pub(crate) fn decode_list<T: DeserializeOwned>(
    lua: &Lua,
    answer: Answer,
    what: &str,
) -> Result<Vec<T>> {
    if let Value::Table(table) = &answer.value {
        let named = table
            .pairs::<Value, Value>()
            .flatten()
            .find(|(key, _)| !key.is_integer());
        if let Some((key, _)) = named {
            let key = key.to_string().unwrap_or_default();
            return Err(wrong(
                &answer.place,
                what,
                format!("it returned a table with the field `{key}`, which is no list"),
            ));
        }
    }
    decode(lua, answer, what)
}

/// A Lua value as a `T`, or why not.
pub(crate) fn decode_value<T: DeserializeOwned>(lua: &Lua, value: Value) -> Result<T, String> {
    if value.is_nil() {
        return Err("it returned nothing".to_owned());
    }
    let options = DeserializeOptions::new().sort_keys(true);
    lua.from_value_with(value, options)
        .map_err(|error| match error {
            mlua::Error::DeserializeError(text) => readable(&text),
            other => readable(&other.to_string()),
        })
}

/// The error for an answer that makes no sense.
pub(crate) fn wrong(place: &str, what: &str, reason: impl Into<String>) -> Error {
    Error::user(format!("the script at `{place}` did not return {what}"))
        .cause(reason.into())
        .hint("`webpods script ls` shows where each script comes from")
}
