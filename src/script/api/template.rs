//! `webpods.template(name, values)`: renders `.webpods/templates/<name>.hbs` over the built-in
//! `templates/<name>.hbs`. Handlebars, strict, without HTML escaping, which would corrupt proxy
//! configurations.

use std::sync::Arc;

use handlebars::{Handlebars, no_escape};
use include_dir::{Dir, include_dir};
use mlua::Value;

use super::Api;
use crate::error::{Error, Result};
use crate::script::ScriptPath;
use crate::script::decode::decode_value;
use crate::script::fault::external;
use crate::script::scripts::Scripts;

static BUILT_IN: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/templates");

pub(super) fn register(api: &Api<'_>) -> mlua::Result<()> {
    let scripts = Arc::clone(api.scripts);
    let template = api
        .lua
        .create_function(move |lua, (name, values): (String, Value)| {
            let values: serde_json::Value = decode_value(lua, values).map_err(|reason| {
                external(
                    Error::user(format!("these values cannot go into template `{name}`"))
                        .cause(reason),
                )
            })?;
            render(&scripts, &name, &values).map_err(external)
        })?;
    api.table.set("template", template)
}

fn render(scripts: &Scripts, name: &str, values: &serde_json::Value) -> Result<String> {
    let path: ScriptPath = name
        .parse()
        .map_err(|error: Error| error.context(format!("template {name:?} cannot be used")))?;
    let text = text(scripts, &path)?;
    let mut engine = Handlebars::new();
    engine.set_strict_mode(true);
    engine.register_escape_fn(no_escape);
    engine
        .render_template(&text, values)
        .map_err(|error| Error::user(format!("template `{path}` failed")).cause(error))
}

fn text(scripts: &Scripts, path: &ScriptPath) -> Result<String> {
    let name = format!("{path}.hbs");
    if let Some(root) = scripts.root() {
        let file = root.join(".webpods/templates").join(&name);
        if file.symlink_metadata().is_ok() {
            return scripts.read(&file);
        }
    }
    BUILT_IN
        .get_file(&name)
        .and_then(include_dir::File::contents_utf8)
        .map(str::to_owned)
        .ok_or_else(|| {
            Error::user(format!("template `{path}` does not exist")).hint(format!(
                "templates are files like `.webpods/templates/{name}`"
            ))
        })
}
