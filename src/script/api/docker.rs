//! `host.docker`: the Docker Engine of a host. What is there already, or gone already, is no error:
//! a step that runs twice ends in the same place.

use std::time::Duration;

use futures_util::StreamExt as _;
use mlua::{FromLua, Lua, Table, UserData, UserDataMethods, Value};
use serde_json::Value as Json;

use super::{exec, options};
use crate::docker::{Engine, EngineError, LogOptions};
use crate::error::{Error, Result};
use crate::event::Event;
use crate::script::act::{Stage, outside};
use crate::script::decode::{decode_value, encode};
use crate::script::fault::external;

/// Log lines unless the script says otherwise.
const TAIL: u64 = 20;

/// The longest grace period, in seconds: a day.
const LONGEST_GRACE: f64 = 86_400.0;

/// A host's engine in the hands of a script.
#[derive(Clone)]
pub(super) struct ScriptDocker(pub Stage);

impl ScriptDocker {
    async fn engine(&self) -> Result<Engine> {
        self.0.node.engine().await.cloned()
    }
}

/// True: done. False: there was nothing to do it to.
fn unless_gone(result: Result<(), EngineError>) -> Result<bool> {
    match result {
        Ok(()) => Ok(true),
        Err(error) if error.is_not_found() => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// A table that the engine understands better than we do: handed over as it is.
struct Body(Json);

impl FromLua for Body {
    fn from_lua(value: Value, lua: &Lua) -> mlua::Result<Self> {
        decode_value(lua, value)
            .map(Self)
            .map_err(|reason| external(Error::user("this is no body for the engine").cause(reason)))
    }
}

impl UserData for ScriptDocker {
    fn add_methods<M: UserDataMethods<Self>>(methods: &mut M) {
        containers(methods);
        networks(methods);
        methods.add_async_method("create_volume", async |_, this, body: Body| {
            let docker = this.clone();
            drop(this);
            outside(async move {
                docker.engine().await?.create_volume(&body.0).await?;
                Ok(())
            })
            .await
        });
        methods.add_async_method("remove_volume", async |_, this, name: String| {
            let docker = this.clone();
            drop(this);
            outside(async move { unless_gone(docker.engine().await?.remove_volume(&name).await) })
                .await
        });
        // False too when a container of another project uses the same content.
        methods.add_async_method("remove_image", async |_, this, name: String| {
            let docker = this.clone();
            drop(this);
            outside(async move {
                match docker.engine().await?.remove_image(&name).await {
                    Err(error) if error.is_conflict() => Ok(false),
                    result => unless_gone(result),
                }
            })
            .await
        });
    }
}

fn containers<M: UserDataMethods<ScriptDocker>>(methods: &mut M) {
    methods.add_async_method(
        "create_container",
        async |_, this, (name, body): (String, Body)| {
            let docker = this.clone();
            drop(this);
            outside(async move {
                let engine = docker.engine().await?;
                let created = engine.create_container(&name, &body.0, None).await?;
                for warning in created.warnings {
                    docker.0.events.warn(format!(
                        "Docker on host `{}` says of container `{name}`: {warning}",
                        docker.0.node.name()
                    ));
                }
                Ok(created.id)
            })
            .await
        },
    );
    methods.add_async_method("start", async |_, this, name: String| {
        let docker = this.clone();
        drop(this);
        outside(async move { Ok(docker.engine().await?.start(&name).await?) }).await
    });
    methods.add_async_method(
        "stop",
        async |_, this, (name, grace): (String, Option<f64>)| {
            let docker = this.clone();
            drop(this);
            let grace = Duration::from_secs_f64(grace.unwrap_or(10.0).clamp(0.0, LONGEST_GRACE));
            outside(async move { unless_gone(docker.engine().await?.stop(&name, grace).await) })
                .await
        },
    );
    methods.add_async_method(
        "remove",
        async |_, this, (name, table): (String, Option<Table>)| {
            let force = match table {
                None => false,
                Some(table) => {
                    options::known(&table, "host.docker:remove", &["force"])?;
                    table.get::<Option<bool>>("force")?.unwrap_or(false)
                }
            };
            let docker = this.clone();
            drop(this);
            outside(async move {
                unless_gone(docker.engine().await?.remove_container(&name, force).await)
            })
            .await
        },
    );
    methods.add_async_method("rename", async |_, this, (from, to): (String, String)| {
        let docker = this.clone();
        drop(this);
        outside(async move { Ok(docker.engine().await?.rename(&from, &to).await?) }).await
    });
    methods.add_async_method("inspect", async |lua, this, name: String| {
        let docker = this.clone();
        drop(this);
        let found = outside(async move {
            match docker.engine().await?.inspect(&name).await {
                Ok(found) => Ok(serde_json::to_value(found).ok()),
                Err(error) if error.is_not_found() => Ok(None),
                Err(error) => Err(error.into()),
            }
        })
        .await?;
        encode(&lua, &found)
    });
    methods.add_async_method("exec", async |lua, this, (name, table): (String, Table)| {
        let options = exec::read(&table)?;
        let docker = this.clone();
        drop(this);
        let ended = outside(async move {
            let engine = docker.engine().await?;
            exec::run(&docker.0, &engine, &name, &options).await
        })
        .await?;
        ended.map(|ended| ended.table(&lua)).transpose()
    });
    methods.add_async_method(
        "logs",
        async |_, this, (name, table): (String, Option<Table>)| {
            let (tail, show) = match table {
                None => (TAIL, false),
                Some(table) => {
                    options::known(&table, "host.docker:logs", &["tail", "show"])?;
                    (
                        table.get::<Option<u64>>("tail")?.unwrap_or(TAIL),
                        table.get::<Option<bool>>("show")?.unwrap_or(false),
                    )
                }
            };
            let docker = this.clone();
            drop(this);
            outside(async move { logs(&docker, &name, tail, show).await }).await
        },
    );
}

fn networks<M: UserDataMethods<ScriptDocker>>(methods: &mut M) {
    // False: a network of this name exists.
    methods.add_async_method("create_network", async |_, this, body: Body| {
        let docker = this.clone();
        drop(this);
        outside(async move {
            match docker.engine().await?.create_network(&body.0).await {
                Ok(()) => Ok(true),
                Err(error) if error.is_conflict() => Ok(false),
                Err(error) => Err(error.into()),
            }
        })
        .await
    });
    // False: it does not exist, or containers use it (the engine answers 403).
    methods.add_async_method("remove_network", async |_, this, name: String| {
        let docker = this.clone();
        drop(this);
        outside(async move {
            match docker.engine().await?.remove_network(&name).await {
                Err(error) if error.status() == Some(403) || error.is_conflict() => Ok(false),
                result => unless_gone(result),
            }
        })
        .await
    });
    methods.add_async_method(
        "connect_network",
        async |_, this, (network, container, endpoint): (String, String, Option<Body>)| {
            let docker = this.clone();
            drop(this);
            let endpoint = endpoint.map_or_else(|| Json::Object(serde_json::Map::new()), |b| b.0);
            outside(async move {
                let engine = docker.engine().await?;
                Ok(engine
                    .connect_network(&network, &container, &endpoint)
                    .await?)
            })
            .await
        },
    );
}

/// The last lines, also as events when they are to be shown.
async fn logs(docker: &ScriptDocker, name: &str, tail: u64, show: bool) -> Result<Vec<String>> {
    let options = LogOptions {
        tail: Some(tail),
        ..LogOptions::default()
    };
    let mut lines = docker.engine().await?.logs(name, &options).await?;
    let mut kept = Vec::new();
    while let Some(line) = lines.next().await {
        // What came before the connection broke is still worth showing.
        let Ok(line) = line else { break };
        if show {
            docker.0.events.emit(Event::ContainerOutput {
                host: docker.0.node.name().clone(),
                container: name.to_owned(),
                line: line.text.clone(),
            });
        }
        kept.push(line.text);
    }
    Ok(kept)
}
