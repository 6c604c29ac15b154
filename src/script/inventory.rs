//! Contexts written in Lua: `.webpods/contexts/<name>.lua` returns the same table as the YAML form.

use std::path::Path;
use std::sync::Arc;

use super::decode;
use super::scripts::{ScriptOrigin, Scripts, Source};
use super::vm::{self, Answer, Powers, Vm};
use crate::error::{Error, Result};
use crate::event::Events;

/// The table that the script at `file` returns, unchecked: the caller decodes it as it decodes
/// YAML. The script may call `webpods.sh` to look its inventory up, which blocks.
///
/// # Errors
/// The file cannot be read, does not compile, fails, runs too long, or returns no table.
pub fn load_context(scripts: &Scripts, file: &Path, events: &Events) -> Result<serde_json::Value> {
    let shown = scripts
        .root()
        .and_then(|root| file.strip_prefix(root).ok())
        .unwrap_or(file)
        .display()
        .to_string();
    let source = Source {
        text: scripts.read(file)?,
        shown: shown.clone(),
        origin: ScriptOrigin::File {
            path: file.to_path_buf(),
            replaces: false,
        },
    };
    let vm = Vm::new(&Arc::new(scripts.clone()), events, Powers::Inventory)?;
    vm.enter(|| {
        let chunk = vm::compile(&vm.lua, &source)?;
        let value = chunk
            .call(())
            .map_err(|error| super::fault::explain(&error, &shown))?;
        let answer = Answer {
            value,
            place: shown.clone(),
        };
        let value: serde_json::Value = decode::decode(&vm.lua, answer, "a context")?;
        if value.is_object() {
            return Ok(value);
        }
        Err(
            Error::user(format!("the script at `{shown}` did not return a context"))
                .cause("a table with `name`, `hosts`, … is expected")
                .hint("it has the same keys as a context in YAML"),
        )
    })
}
