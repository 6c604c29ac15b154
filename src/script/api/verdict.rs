//! `webpods.allow()`, `.confirm(token)`, `.deny(reason)` (spec §16) and `.fail(message, hint, cause)`.

use mlua::{FromLua, Lua, UserData, Value};

use super::Api;
use crate::error::{Error, Kind};
use crate::script::fault::external;

/// What `authorize` decides. `deny` needs no value: it ends the script at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Go on.
    Allow,
    /// Go on when `--confirm` gives this token.
    Confirm(String),
}

impl UserData for Verdict {}

impl FromLua for Verdict {
    fn from_lua(value: Value, _: &Lua) -> mlua::Result<Self> {
        match &value {
            Value::UserData(held) => held.borrow::<Self>().map(|verdict| verdict.clone()),
            other => Err(mlua::Error::runtime(format!(
                "it returned a {}",
                other.type_name()
            ))),
        }
    }
}

pub(super) fn register(api: &Api<'_>) -> mlua::Result<()> {
    let lua = api.lua;
    api.table
        .set("allow", lua.create_function(|_, ()| Ok(Verdict::Allow))?)?;
    api.table.set(
        "confirm",
        lua.create_function(|_, token: String| {
            if token.is_empty() {
                return Err(mlua::Error::runtime("the token to confirm with is empty"));
            }
            Ok(Verdict::Confirm(token))
        })?,
    )?;
    api.table.set(
        "deny",
        lua.create_function(|_, (reason, hint): (String, Option<String>)| {
            Err::<(), _>(external(with_hint(Error::new(Kind::Refused, reason), hint)))
        })?,
    )?;
    api.table.set(
        "fail",
        lua.create_function(
            |_, (message, hint, cause): (String, Option<String>, Option<String>)| {
                let error = with_hint(Error::user(message), hint);
                let error = match cause {
                    Some(cause) => error.cause(cause),
                    None => error,
                };
                Err::<(), _>(external(error))
            },
        )?,
    )
}

fn with_hint(error: Error, hint: Option<String>) -> Error {
    match hint {
        Some(hint) => error.hint(hint),
        None => error,
    }
}
