//! Text to the type a key has, where Compose accepts both `"true"` and `true`.

use super::node::Value;

/// The type a scalar is turned into.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Type {
    /// `true`, `yes`, `on`, `y` and their opposites, in any case.
    Bool,
    /// A whole number in decimal notation.
    Int,
    /// Any number.
    Float,
}

/// The type that text is cast to right after interpolation, by path (spec §8.1).
pub fn at(path: &[&str]) -> Option<Type> {
    use Type::{Bool, Float, Int};
    Some(match path {
        ["services", _, rest @ ..] => match rest {
            [
                "cpu_count" | "cpu_period" | "cpu_quota" | "cpu_rt_period" | "cpu_rt_runtime"
                | "cpu_shares" | "oom_score_adj" | "pids_limit" | "scale",
            ]
            | ["deploy", "replicas"]
            | ["deploy", "update_config" | "rollback_config", "parallelism"]
            | ["deploy", "restart_policy", "max_attempts"]
            | ["deploy", "placement", "max_replicas_per_node"]
            | ["healthcheck", "retries"]
            | ["ports", _, "target"]
            | ["ulimits", _]
            | ["ulimits", _, "hard" | "soft"] => Int,
            ["cpu_percent" | "cpus"]
            | [
                "deploy",
                "update_config" | "rollback_config",
                "max_failure_ratio",
            ] => Float,
            ["init" | "oom_kill_disable" | "privileged" | "read_only" | "stdin_open" | "tty"]
            | ["healthcheck", "disable"]
            | ["volumes", _, "read_only"]
            | ["volumes", _, "volume", "nocopy"]
            | ["volumes", _, "bind", "create_host_path"] => Bool,
            _ => return None,
        },
        [
            "networks",
            _,
            "external" | "internal" | "attachable" | "enable_ipv4" | "enable_ipv6",
        ]
        | ["volumes" | "secrets" | "configs", _, "external"] => Bool,
        _ => return None,
    })
}

/// `text` as `to`, and a remark when the notation is on its way out.
pub fn text(text: &str, to: Type) -> Result<(Value, Option<String>), String> {
    match to {
        Type::Bool => {
            let value = match text.to_lowercase().as_str() {
                "true" => return Ok((Value::Bool(true), None)),
                "false" => return Ok((Value::Bool(false), None)),
                "y" | "yes" | "on" => true,
                "n" | "no" | "off" => false,
                _ => return Err(format!("{text:?} is neither `true` nor `false`")),
            };
            let remark = format!("{text:?} as a boolean is not YAML 1.2; write `{value}`");
            Ok((Value::Bool(value), Some(remark)))
        }
        Type::Int => {
            let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
            let number = digits.bytes().all(|byte| byte.is_ascii_digit());
            match text.parse::<i64>() {
                Ok(value) if number => Ok((Value::Int(value), None)),
                _ => Err(format!("{text:?} is not a whole number")),
            }
        }
        Type::Float => match text.parse::<f64>() {
            Ok(value) if value.is_finite() => Ok((Value::Float(value), None)),
            _ if text.contains(',') => {
                Err(format!("{text:?} is not a number; write `.` for the `,`"))
            }
            _ => Err(format!("{text:?} is not a number")),
        },
    }
}
