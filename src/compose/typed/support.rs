//! What webpods does with every service key: carries it out, or says that it does not. Nothing is
//! ignored silently.

use serde_json::Value as Json;

use crate::compose::interpolate::warn as add;
use crate::compose::node::{Node, Value};

/// Keys that are understood but not carried out as written, with what to do.
const NOT_CARRIED_OUT: &[(&[&str], &str)] = &[
    (&["credential_spec"], "only Windows hosts know it"),
    (&["develop"], "it is for development on one machine"),
    (&["external_links"], "put both services on one network"),
    (&["isolation"], "only Windows hosts know it"),
    (
        &["links"],
        "only the order is kept; services on one network find each other by name",
    ),
    (&["mac_address"], "addresses are given by the engine"),
    (&["models"], "run the model as a service"),
    (&["post_start"], "use a hook script in `.webpods/`"),
    (&["pre_stop"], "use a hook script in `.webpods/`"),
    (
        &["provider"],
        "only services that are containers are deployed",
    ),
    (
        &["pull_refresh_after"],
        "images are pulled when the release is made",
    ),
    (&["use_api_socket"], "mount the socket yourself"),
    (&["volumes_from"], "name the volumes in both services"),
    (&["deploy", "endpoint_mode"], "it is for Swarm"),
    (
        &["deploy", "labels"],
        "they label a Swarm service; use `labels`",
    ),
    (&["deploy", "placement"], "use `x-placement`"),
    (
        &["deploy", "rollback_config"],
        "a failed rollout is undone at once",
    ),
    (
        &["deploy", "update_config", "delay"],
        "batches follow each other when healthy",
    ),
    (
        &["deploy", "update_config", "failure_action"],
        "use `--on-failure`",
    ),
    (
        &["deploy", "update_config", "max_failure_ratio"],
        "any failure stops the rollout",
    ),
    (
        &["deploy", "update_config", "monitor"],
        "use a health check",
    ),
    (
        &["deploy", "restart_policy", "delay"],
        "the engine chooses the delay",
    ),
    (
        &["deploy", "restart_policy", "window"],
        "the engine has no window",
    ),
    (
        &["deploy", "resources", "reservations", "cpus"],
        "the engine does not reserve CPUs",
    ),
    (
        &["deploy", "resources", "reservations", "generic_resources"],
        "they are for Swarm",
    ),
    (
        &["build", "additional_contexts"],
        "it needs BuildKit's own client",
    ),
    (&["build", "cache_to"], "it needs BuildKit's own client"),
    (&["build", "entitlements"], "it needs BuildKit's own client"),
    (&["build", "isolation"], "only Windows hosts know it"),
    (&["build", "privileged"], "it needs BuildKit's own client"),
    (&["build", "provenance"], "it needs BuildKit's own client"),
    (&["build", "sbom"], "it needs BuildKit's own client"),
    (&["build", "secrets"], "it needs BuildKit's own client"),
    (
        &["build", "shm_size"],
        "it is not passed to the builder yet",
    ),
    (&["build", "ssh"], "it needs BuildKit's own client"),
    (&["build", "ulimits"], "it is not passed to the builder yet"),
];

/// Keys that are sizes in bytes.
const SIZES: &[&str] = &[
    "mem_limit",
    "mem_reservation",
    "mem_swappiness",
    "memswap_limit",
    "shm_size",
];

/// Keys of a service's network that are not carried out.
const NETWORK: &[&str] = &[
    "driver_opts",
    "gw_priority",
    "interface_name",
    "link_local_ips",
    "mac_address",
];

/// Adds a line for every key of a service that is not carried out.
pub fn warn(service: &str, node: &Node, tree: &Json, warnings: &mut Vec<String>) {
    for (keys, advice) in NOT_CARRIED_OUT {
        if node.find(keys).is_some_and(|node| !node.is_null()) {
            let key = keys.join(".");
            add(
                warnings,
                format!("services.{service}.{key}: not carried out; {advice}"),
            );
        }
    }
    for key in SIZES {
        if matches!(node.get(key).map(|node| &node.value), Some(Value::Float(_))) {
            let line = format!("services.{service}.{key}: a number with a fraction is ignored");
            add(warnings, line);
        }
    }
    let networks = node.get("networks").and_then(Node::as_map);
    for (name, entry) in networks.into_iter().flatten() {
        for key in NETWORK {
            if entry.node.get(key).is_some() {
                let line = format!("services.{service}.networks.{name}.{key}: not carried out");
                add(warnings, line);
            }
        }
    }
    if let Some(mode) = tree["deploy"]["mode"].as_str()
        && mode != "replicated"
    {
        let line = format!(
            "services.{service}.deploy.mode: `{mode}` is not carried out; use `deploy.replicas` \
             and `x-placement`"
        );
        add(warnings, line);
    }
    if let Some(policy) = tree["pull_policy"].as_str()
        && policy != "missing"
    {
        let line = format!(
            "services.{service}.pull_policy: `{policy}` is not carried out; images are pulled when \
             they are missing locally"
        );
        add(warnings, line);
    }
    for volume in tree["volumes"].as_array().into_iter().flatten() {
        let kind = volume["type"].as_str().unwrap_or_default();
        let target = volume["target"].as_str().unwrap_or_default();
        if matches!(kind, "image" | "npipe" | "cluster") {
            let line = format!(
                "services.{service}.volumes: the {kind} mount at `{target}` is not carried out"
            );
            add(warnings, line);
        }
        for key in ["consistency", "bind.selinux"] {
            let pointer = format!("/{}", key.replace('.', "/"));
            if volume.pointer(&pointer).is_some() {
                let line = format!(
                    "services.{service}.volumes: `{key}` of the mount at `{target}` is not carried out"
                );
                add(warnings, line);
            }
        }
    }
}
