//! What a started container must do before it gets traffic (spec §13.3).

use std::collections::BTreeMap;
use std::time::Duration;

use super::{HttpProbe, StepKind, domains};
use crate::model::Service;

/// The least a container gets to become ready, in seconds.
const LEAST: u64 = 60;
/// On top of what the health check itself may take, in seconds.
const MARGIN: u64 = 15;

/// The `health` step of a replica.
pub(super) fn gate(
    service: &Service,
    replica: u32,
    container: &str,
    ports: &BTreeMap<u16, u16>,
    completes: bool,
    optional: bool,
) -> StepKind {
    let probe = service.ingress.iter().find_map(|ingress| {
        Some(HttpProbe {
            path: ingress.health_path.clone()?,
            port: *ports.get(&ingress.port)?,
            domain: domains::normalise(&service.name, &ingress.host).ok()?,
        })
    });
    StepKind::Health {
        service: service.name.clone(),
        replica,
        container: container.to_owned(),
        healthcheck: service.healthcheck && !completes,
        probe: probe.filter(|_| !completes),
        timeout: timeout(service, completes),
        completes,
        may_end: service.may_end && !completes,
        optional: completes && optional,
        watch: 0,
    }
}

/// The step that watches a replica which serves for `seconds`.
pub(super) fn watch(gate: StepKind, seconds: u64) -> StepKind {
    match gate {
        StepKind::Health {
            service,
            replica,
            container,
            healthcheck,
            probe,
            completes,
            may_end,
            optional,
            ..
        } => StepKind::Health {
            service,
            replica,
            container,
            healthcheck,
            probe,
            timeout: seconds + LEAST,
            completes,
            may_end,
            optional,
            watch: seconds,
        },
        other => other,
    }
}

/// A container that fails its check for as long as the check allows is unhealthy by then. What has
/// to complete (a migration) may take an hour.
fn timeout(service: &Service, completes: bool) -> u64 {
    if completes {
        return 3600;
    }
    let Some(check) = service
        .template
        .0
        .healthcheck
        .as_ref()
        .filter(|_| service.healthcheck)
    else {
        return LEAST;
    };
    // The engine's own defaults: every 30 s, 30 s each, 3 times.
    let seconds = |nanoseconds: Option<i64>, default: u64| match nanoseconds {
        Some(given) if given > 0 => Duration::from_nanos(given.unsigned_abs())
            .as_secs_f64()
            .ceil(),
        _ => Duration::from_secs(default).as_secs_f64(),
    };
    let retries = check.retries.filter(|given| *given > 0).unwrap_or(3);
    let each = seconds(check.interval, 30) + seconds(check.timeout, 30);
    let whole = seconds(check.start_period, 0)
        + each * Duration::from_secs(retries.unsigned_abs()).as_secs_f64();
    // A day bounds nonsense; the cast of a small whole number is exact.
    let whole = Duration::try_from_secs_f64(whole.min(86_400.0)).unwrap_or_default();
    (whole.as_secs() + MARGIN).max(LEAST)
}
