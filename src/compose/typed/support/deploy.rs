//! `deploy:`.

use super::super::relations::is_known_constraint;
use super::Does::{Carries, Differs, Warns, WarnsIf};
use super::{Node, Row, Table};

/// The keys of `deploy:`.
pub static TABLE: Table = Table {
    title: "deploy",
    prefix: "services.*.deploy.",
    rows: &[
        Row("endpoint_mode", Warns("it is for Swarm")),
        Row("labels", Warns("they label a Swarm service; use `labels`")),
        Row(
            "mode",
            Differs(
                "`global`: one container on every host that may run it; jobs: a release waits until they have exited with 0; Docker Compose runs all of them as `replicated`",
            ),
        ),
        Row(
            "placement.constraints",
            WarnsIf(
                |node| {
                    let list = node.as_list().unwrap_or_default();
                    let mut texts = list.iter().filter_map(Node::as_str);
                    !texts.all(is_known_constraint)
                },
                "`node.hostname` and `node.labels.…` are compared with the hosts of the context; others are not carried out",
            ),
        ),
        Row(
            "placement.max_replicas_per_node",
            Differs("as `x-placement.max_per_host`, unless that is written"),
        ),
        Row(
            "placement.preferences",
            Warns("replicas are spread over all hosts; see `x-placement.strategy`"),
        ),
        Row("replicas", Differs("the number of replicas over all hosts")),
        Row("resources.limits.cpus", Carries("`HostConfig.NanoCpus`")),
        Row("resources.limits.memory", Carries("`HostConfig.Memory`")),
        Row("resources.limits.pids", Carries("`HostConfig.PidsLimit`")),
        Row(
            "resources.reservations.cpus",
            Warns("the engine does not reserve CPUs"),
        ),
        Row(
            "resources.reservations.devices",
            Carries("`HostConfig.DeviceRequests`"),
        ),
        Row(
            "resources.reservations.generic_resources",
            Warns("they are for Swarm"),
        ),
        Row(
            "resources.reservations.memory",
            Carries("`HostConfig.MemoryReservation`"),
        ),
        Row(
            "restart_policy.condition",
            Carries("`HostConfig.RestartPolicy.Name`, over `restart`"),
        ),
        Row(
            "restart_policy.delay",
            Warns("the engine chooses the delay"),
        ),
        Row(
            "restart_policy.max_attempts",
            Carries("`HostConfig.RestartPolicy.MaximumRetryCount`"),
        ),
        Row("restart_policy.window", Warns("the engine has no window")),
        Row(
            "rollback_config",
            Warns("what a failed rollout did is undone at once, all of it together"),
        ),
        Row(
            "update_config.delay",
            Differs(
                "how long a rollout watches a batch that serves before the next one changes, which Docker Compose does not do",
            ),
        ),
        Row(
            "update_config.failure_action",
            WarnsIf(
                |node| node.as_str() != Some("rollback"),
                "a rollout that fails is undone, unless `--on-failure pause` or `keep` says otherwise",
            ),
        ),
        Row(
            "update_config.max_failure_ratio",
            WarnsIf(
                |node| node.scalar_text().is_none_or(|ratio| ratio != "0"),
                "any failure stops the rollout",
            ),
        ),
        Row(
            "update_config.monitor",
            Differs(
                "how long a rollout watches every batch that serves: a container that ends or becomes unhealthy in that time fails it; Docker Compose does not do it",
            ),
        ),
        Row(
            "update_config.order",
            Differs("the order of a rollout, which Docker Compose does not have"),
        ),
        Row(
            "update_config.parallelism",
            Differs(
                "how many replicas a rollout changes at a time, which Docker Compose does not have",
            ),
        ),
    ],
};
