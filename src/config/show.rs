//! A context in the schema of its file, with every default written out.

use serde_json::{Map, Value, json};

use crate::model::{Context, Host};

/// What a file with nothing left out would say; [`super::from_yaml`] reads it back unchanged.
#[must_use]
pub fn show(context: &Context) -> Value {
    let ssh = &context.ssh;
    let artifacts = &context.artifacts;
    let safety = &context.safety;
    without_nulls(json!({
        "name": context.name,
        "provider": context.provider,
        "ssh": {
            "user": ssh.user,
            "port": ssh.port,
            "key": ssh.key,
            "bastion": ssh.bastion,
            "connect_timeout_seconds": ssh.connect_timeout.as_secs(),
            "host_key": ssh.host_key,
            "known_hosts": ssh.known_hosts,
        },
        "hosts": context.hosts.iter().map(host).collect::<Vec<_>>(),
        "defaults": context.defaults,
        "proxy": context.proxy,
        "artifacts": artifacts,
        "ports": { "range": format!("{}-{}", context.ports.first, context.ports.last) },
        "safety": {
            "level": safety.level,
            "confirm": {
                "required_for": safety.confirm.required_for,
                "token": safety.confirm.token,
            },
            "allow_from": safety.allow_from,
        },
    }))
}

fn host(host: &Host) -> Value {
    json!({
        "name": host.name,
        "addr": (!host.local).then_some(&host.addr),
        "mesh_ip": host.mesh_ip,
        "user": host.user,
        "port": host.port,
        "labels": host.labels,
    })
}

fn without_nulls(value: Value) -> Value {
    match value {
        Value::Object(map) => Value::Object(
            map.into_iter()
                .filter(|(_, value)| !value.is_null())
                .map(|(key, value)| (key, without_nulls(value)))
                .collect::<Map<_, _>>(),
        ),
        Value::Array(items) => Value::Array(items.into_iter().map(without_nulls).collect()),
        other => other,
    }
}
