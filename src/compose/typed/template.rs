//! A service's keys in the Engine API's form. The planner adds image, mounts, networks, published
//! ports and its own labels.

use std::path::Path;

use bollard::models::ContainerCreateBody;
use serde_json::{Map, Value as Json, json};

use super::read::{flag, items, nanoseconds, number, object, object_or_null, string, texts};
use super::{Input, capabilities, resources};
use crate::compose::diagnose::{Checked, fail};
use crate::compose::interpolate::warn;
use crate::compose::node::Node;
use crate::compose::shell;
use crate::model::Template;

/// Reads the template of one service.
pub fn read(service: &str, node: &Node, tree: &Json, input: &mut Input<'_>) -> Checked<Template> {
    warn_of_lost_words(service, node, input.warnings);
    let host = match host(tree, input.folder) {
        Ok(host) => host,
        Err(message) => return fail(node.at, format!("services.{service}: {message}")),
    };
    let mut body = Map::new();
    let mut put = |key: &str, value: Json| put(&mut body, key, value);
    put("Hostname", tree["hostname"].clone());
    put("Domainname", tree["domainname"].clone());
    put("User", tree["user"].clone());
    put("WorkingDir", tree["working_dir"].clone());
    put("Tty", tree["tty"].clone());
    put("OpenStdin", tree["stdin_open"].clone());
    put("AttachStdout", json!(true));
    put("AttachStderr", json!(true));
    put("Cmd", tree["command"].clone());
    put("Entrypoint", tree["entrypoint"].clone());
    put("Env", environment(tree));
    put("Labels", tree["labels"].clone());
    put("ExposedPorts", exposed(tree));
    put("StopSignal", tree["stop_signal"].clone());
    if let Some(grace) = nanoseconds(&tree["stop_grace_period"]) {
        put("StopTimeout", json!(grace / 1_000_000_000));
    }
    put("Healthcheck", healthcheck(&tree["healthcheck"]));
    put("HostConfig", Json::Object(host));
    let body = serde_json::from_value::<ContainerCreateBody>(Json::Object(body));
    match body {
        Ok(body) => Ok(Template(body)),
        Err(error) => fail(
            node.at,
            format!("services.{service}: the Engine API does not take this: {error}"),
        ),
    }
}

fn put(map: &mut Map<String, Json>, key: &str, value: Json) {
    if !value.is_null() {
        map.insert(key.to_owned(), value);
    }
}

/// Compose cuts a command written as one string at the first `;`, `&`, `|`, `<`, `>` or bracket.
fn warn_of_lost_words(service: &str, node: &Node, warnings: &mut Vec<String>) {
    for key in ["command", "entrypoint"] {
        let line = node.get(key).and_then(Node::as_str);
        if let Some(line) = line
            && shell::split(line).is_ok_and(|(_, cut)| cut)
        {
            let warning = format!(
                "services.{service}.{key}: no shell runs this, and everything from the first \
                 unquoted `;`, `&`, `|`, `<`, `>` or bracket is dropped; \
                 write `[\"sh\", \"-c\", \"…\"]`"
            );
            warn(warnings, warning);
        }
    }
}

/// `K=V` by name; a name alone takes the variable out of what the image sets.
fn environment(tree: &Json) -> Json {
    let lines: Vec<String> = object(&tree["environment"])
        .map(|(key, value)| match value.as_str() {
            Some(value) => format!("{key}={value}"),
            None => key.clone(),
        })
        .collect();
    if lines.is_empty() {
        Json::Null
    } else {
        json!(lines)
    }
}

/// What `expose:` and `ports:` name, as `80/tcp`.
fn exposed(tree: &Json) -> Json {
    let mut ports: Vec<String> = Vec::new();
    for port in texts(&tree["expose"]) {
        let (range, protocol) = port.split_once('/').unwrap_or((&port, "tcp"));
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        let (Ok(first), Ok(last)) = (first.parse::<u16>(), last.parse::<u16>()) else {
            continue;
        };
        ports.extend((first..=last).map(|port| format!("{port}/{protocol}")));
    }
    for port in items(&tree["ports"]) {
        if let Some(target) = number(&port["target"]) {
            let protocol = string(&port["protocol"]).unwrap_or_else(|| "tcp".to_owned());
            ports.push(format!("{target}/{protocol}"));
        }
    }
    ports.sort();
    ports.dedup();
    let map: Map<String, Json> = ports.into_iter().map(|port| (port, json!({}))).collect();
    object_or_null(map)
}

fn healthcheck(tree: &Json) -> Json {
    if tree.is_null() {
        return Json::Null;
    }
    let mut health = Map::new();
    if flag(&tree["disable"]) {
        put(&mut health, "Test", json!(["NONE"]));
        return Json::Object(health);
    }
    put(&mut health, "Test", tree["test"].clone());
    put(&mut health, "Retries", tree["retries"].clone());
    for (from, to) in [
        ("interval", "Interval"),
        ("timeout", "Timeout"),
        ("start_period", "StartPeriod"),
        ("start_interval", "StartInterval"),
    ] {
        if let Some(duration) = nanoseconds(&tree[from]) {
            put(&mut health, to, json!(duration));
        }
    }
    Json::Object(health)
}

fn host(tree: &Json, folder: &Path) -> Result<Map<String, Json>, String> {
    let mut host = resources::read(tree);
    for (from, to) in [
        ("annotations", "Annotations"),
        ("cgroup", "CgroupnsMode"),
        ("dns", "Dns"),
        ("dns_opt", "DnsOptions"),
        ("dns_search", "DnsSearch"),
        ("group_add", "GroupAdd"),
        ("init", "Init"),
        ("ipc", "IpcMode"),
        ("isolation", "Isolation"),
        ("oom_score_adj", "OomScoreAdj"),
        ("pid", "PidMode"),
        ("privileged", "Privileged"),
        ("read_only", "ReadonlyRootfs"),
        ("runtime", "Runtime"),
        ("storage_opt", "StorageOpt"),
        ("sysctls", "Sysctls"),
        ("userns_mode", "UsernsMode"),
        ("uts", "UTSMode"),
    ] {
        put(&mut host, to, tree[from].clone());
    }
    for (from, key) in [("cap_add", "CapAdd"), ("cap_drop", "CapDrop")] {
        let list = capabilities::read(&texts(&tree[from]));
        if !list.is_empty() {
            put(&mut host, key, json!(list));
        }
    }
    let hosts: Vec<String> = texts(&tree["extra_hosts"])
        .iter()
        .map(|host| host.replacen('=', ":", 1))
        .collect();
    if !hosts.is_empty() {
        put(&mut host, "ExtraHosts", json!(hosts));
    }
    put(&mut host, "Tmpfs", tmpfs(tree));
    put(&mut host, "LogConfig", logging(&tree["logging"]));
    put(&mut host, "RestartPolicy", restart(tree));
    security(tree, folder, &mut host)?;
    Ok(host)
}

/// `tmpfs: [/run:size=1m]` as `{"/run": "size=1m"}`.
fn tmpfs(tree: &Json) -> Json {
    let map: Map<String, Json> = texts(&tree["tmpfs"])
        .iter()
        .map(|line| {
            let (path, options) = line.split_once(':').unwrap_or((line, ""));
            (path.to_owned(), json!(options))
        })
        .collect();
    object_or_null(map)
}

fn logging(tree: &Json) -> Json {
    if tree.is_null() {
        return Json::Null;
    }
    let mut log = Map::new();
    put(&mut log, "Type", tree["driver"].clone());
    put(&mut log, "Config", tree["options"].clone());
    Json::Object(log)
}

/// `restart:`, and over it `deploy.restart_policy` (spec §8.1).
fn restart(tree: &Json) -> Json {
    let policy = &tree["deploy"]["restart_policy"];
    let (name, attempts) = if policy.is_object() {
        // Without a condition Docker Compose restarts nothing, whatever the specification says.
        let name = string(&policy["condition"]).unwrap_or_default();
        (name, number(&policy["max_attempts"]))
    } else {
        let Some(restart) = string(&tree["restart"]) else {
            return Json::Null;
        };
        match restart.split_once(':') {
            Some((name, attempts)) => (name.to_owned(), attempts.parse().ok()),
            None => (restart, None),
        }
    };
    let name = match name.as_str() {
        "none" => "no",
        "any" => "always",
        name => name,
    };
    let mut restart = Map::new();
    put(&mut restart, "Name", json!(name));
    put(&mut restart, "MaximumRetryCount", json!(attempts));
    Json::Object(restart)
}

/// The same JSON without spaces between its parts, everything else as written.
fn compact(text: &str) -> serde_json::Result<String> {
    let serde::de::IgnoredAny = serde_json::from_str(text)?;
    let (mut quoted, mut escaped) = (false, false);
    let keep = text.chars().filter(|c| {
        let inside = quoted;
        match c {
            '"' if !escaped => quoted = !quoted,
            _ => {}
        }
        escaped = inside && *c == '\\' && !escaped;
        inside || !c.is_ascii_whitespace()
    });
    Ok(keep.collect())
}

/// `security_opt`: a seccomp profile is a file whose content the engine wants.
fn security(tree: &Json, folder: &Path, host: &mut Map<String, Json>) -> Result<(), String> {
    let mut options = Vec::new();
    for option in texts(&tree["security_opt"]) {
        if matches!(
            option.as_str(),
            "systempaths=unconfined" | "systempaths:unconfined"
        ) {
            put(host, "MaskedPaths", json!([]));
            put(host, "ReadonlyPaths", json!([]));
            continue;
        }
        let split = option.split_once('=').or_else(|| option.split_once(':'));
        let Some((key, value)) = split else {
            options.push(option);
            continue;
        };
        if key == "seccomp" && !matches!(value, "unconfined" | "builtin") {
            let path = folder.join(value);
            let shown = path.display();
            let text = std::fs::read_to_string(&path)
                .map_err(|error| format!("cannot read the seccomp profile `{shown}`: {error}"))?;
            let profile = compact(&text)
                .map_err(|error| format!("the seccomp profile `{shown}` is not JSON: {error}"))?;
            options.push(format!("seccomp={profile}"));
            continue;
        }
        options.push(option);
    }
    if !options.is_empty() {
        put(host, "SecurityOpt", json!(options));
    }
    Ok(())
}
