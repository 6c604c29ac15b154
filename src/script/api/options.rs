//! Option tables of primitives: unknown keys are errors with the near miss.

use mlua::{Table, Value};

use crate::error::{Error, near_miss};
use crate::script::fault::external;

/// Refuses keys that `of` does not know.
pub(super) fn known(table: &Table, of: &str, keys: &[&str]) -> mlua::Result<()> {
    for pair in table.pairs::<Value, Value>() {
        let key = pair?.0.to_string()?;
        if keys.contains(&key.as_str()) {
            continue;
        }
        let message = format!("unknown option `{key}` of `{of}`");
        let error = match near_miss(&key, keys.iter().copied()) {
            Some(near) => Error::user(format!("{message}; did you mean `{near}`?")),
            None => Error::user(message).hint(format!("known are `{}`", keys.join("`, `"))),
        };
        return Err(external(error));
    }
    Ok(())
}
