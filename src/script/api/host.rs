//! The `host` that steps get: commands, files and HTTP on one host, `host.docker`, `host.blobs`.

use std::sync::Arc;

use mlua::{Lua, Table, UserData, UserDataFields, UserDataMethods, Value};

use super::blobs::ScriptBlobs;
use super::docker::ScriptDocker;
use super::{commit, files, http, options, stage};
use crate::error::{Error, Result};
use crate::remote::{Host, Output};
use crate::script::act::{Stage, outside};
use crate::script::decider::check_path;
use crate::script::fault::external;

/// A host in the hands of a script.
#[derive(Clone)]
pub(crate) struct ScriptHost {
    host: Arc<Host>,
    stage: Stage,
}

impl ScriptHost {
    pub fn new(stage: Stage) -> Self {
        Self {
            host: Arc::clone(&stage.node.host),
            stage,
        }
    }
}

/// Options of `run` and `sh`.
#[derive(Debug, Default)]
struct ShOptions {
    allow_failure: bool,
    input: Vec<u8>,
    doing: Option<String>,
}

impl UserData for ScriptHost {
    fn add_fields<F: UserDataFields<Self>>(fields: &mut F) {
        fields.add_field_method_get("name", |_, this| Ok(this.host.name().to_string()));
        fields.add_field_method_get("is_local", |_, this| Ok(this.host.is_local()));
        fields.add_field_method_get("docker", |_, this| Ok(ScriptDocker(this.stage.clone())));
        fields.add_field_method_get("blobs", |_, this| Ok(ScriptBlobs(this.stage.clone())));
    }

    fn add_methods<M: UserDataMethods<Self>>(methods: &mut M) {
        methods.add_async_method(
            "run",
            async |lua, this, (argv, options): (Vec<String>, Option<Table>)| {
                if argv.is_empty() {
                    return Err(external(
                        Error::user("`host:run` needs a program to run")
                            .hint("write `host:run({\"uname\", \"-r\"})`"),
                    ));
                }
                let mut options = ShOptions::read(options, "host:run")?;
                options
                    .doing
                    .get_or_insert_with(|| format!("run `{}`", argv[0]));
                let host = Arc::clone(&this.host);
                drop(this);
                sh(&lua, host, "exec \"$@\"".to_owned(), argv, options).await
            },
        );
        methods.add_async_method(
            "sh",
            async |lua, this, (script, arguments, options): (String, Option<Vec<String>>, Option<Table>)| {
                let options = ShOptions::read(options, "host:sh")?;
                let host = Arc::clone(&this.host);
                drop(this);
                sh(&lua, host, script, arguments.unwrap_or_default(), options).await
            },
        );
        methods.add_async_method("read", async |lua, this, path: String| {
            check(&path)?;
            let host = Arc::clone(&this.host);
            drop(this);
            match outside(async move { files::read(&host, &path).await }).await? {
                Some(bytes) => Ok(Value::String(lua.create_string(bytes)?)),
                None => Ok(Value::Nil),
            }
        });
        methods.add_async_method("write", async |_, this, list: Vec<Table>| {
            let files = list
                .iter()
                .map(files::written)
                .collect::<mlua::Result<Vec<_>>>()?;
            let host = Arc::clone(&this.host);
            drop(this);
            outside(async move { files::write(&host, files).await }).await
        });
        methods.add_async_method("remove", async |_, this, paths: Vec<String>| {
            for path in &paths {
                check(path)?;
            }
            let host = Arc::clone(&this.host);
            drop(this);
            outside(async move { files::remove(&host, &paths).await }).await
        });
        methods.add_async_method("stage", async |_, this, list: Vec<Table>| {
            let paths = list
                .iter()
                .map(|file| file.get::<String>("path"))
                .collect::<mlua::Result<Vec<_>>>()?;
            let here = this.stage.clone();
            drop(this);
            outside(async move { stage::stage(&here, &paths).await }).await
        });
        methods.add_async_method("commit", async |_, this, ()| {
            let here = this.stage.clone();
            drop(this);
            outside(async move { commit::commit(&here).await }).await
        });
        methods.add_async_method("forget", async |_, this, ()| {
            let here = this.stage.clone();
            drop(this);
            outside(async move { commit::forget(&here).await }).await
        });
        methods.add_async_method("http_get", async |lua, this, request: Table| {
            let request = http::HttpRequest::read(&request)?;
            let host = Arc::clone(&this.host);
            drop(this);
            http::get(&lua, host, request).await
        });
    }
}

impl ShOptions {
    fn read(table: Option<Table>, of: &str) -> mlua::Result<Self> {
        let Some(table) = table else {
            return Ok(Self::default());
        };
        options::known(&table, of, &["allow_failure", "input", "doing"])?;
        let input: Option<mlua::LuaString> = table.get("input")?;
        Ok(Self {
            allow_failure: table.get::<Option<bool>>("allow_failure")?.unwrap_or(false),
            input: input
                .map(|text| text.as_bytes().to_vec())
                .unwrap_or_default(),
            doing: table.get("doing")?,
        })
    }
}

async fn sh(
    lua: &Lua,
    host: Arc<Host>,
    script: String,
    arguments: Vec<String>,
    options: ShOptions,
) -> mlua::Result<Table> {
    let output = outside(async move { run(&host, &script, &arguments, options).await }).await?;
    let table = lua.create_table()?;
    table.set("status", output.status)?;
    table.set("stdout", lua.create_string(&output.stdout)?)?;
    table.set("stderr", lua.create_string(&output.stderr)?)?;
    Ok(table)
}

async fn run(
    host: &Host,
    script: &str,
    arguments: &[String],
    options: ShOptions,
) -> Result<Output> {
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let output = host
        .sh_with_input(script, &arguments, &options.input)
        .await?;
    if options.allow_failure {
        return Ok(output);
    }
    output.ok(options.doing.as_deref().unwrap_or("run a script's command"))
}

fn check(path: &str) -> mlua::Result<()> {
    check_path(path).map_err(|reason| external(Error::user(reason)))
}
