//! Who lives in another container's namespaces starts after it, stops before it, and never outlives
//! it.

use super::replay::{Fleet, Moment, Replayed, ReplayedHost};
use crate::model::{Labels, Template};
use crate::plan::Plan;

/// Every container that `body` uses is there, and runs when it lends a namespace. What the label
/// says is used.
pub(super) fn check_start(
    settled: &ReplayedHost,
    body: &Template,
    wrong: &mut Vec<String>,
) -> Vec<String> {
    let labels = body.0.labels.as_ref();
    let label = labels.and_then(|labels| labels.get(Labels::SHARES));
    let label = label.map(String::as_str).unwrap_or_default();
    let shares: Vec<String> = label.split_whitespace().map(str::to_owned).collect();
    let host = body.0.host_config.clone().unwrap_or_default();
    let modes = [host.network_mode, host.ipc_mode, host.pid_mode];
    let modes: Vec<&str> = modes.iter().flatten().map(String::as_str).collect();
    for mode in modes.iter().filter(|mode| mode.starts_with("service:")) {
        wrong.push(format!("the engine knows no `{mode}`"));
    }
    let named = |lent: &str| {
        let mut containers = settled.containers.iter();
        containers.find(|one| one.lent_as() == lent).cloned()
    };
    let lenders: Vec<Option<Replayed>> = shares.iter().map(|lent| named(lent)).collect();
    for (lent, lender) in shares.iter().zip(&lenders) {
        let Some(lender) = lender else {
            wrong.push(format!("`{lent}`, which it shares with, is not there"));
            continue;
        };
        let namespace = format!("container:{}", lender.name);
        if modes.contains(&namespace.as_str()) && !lender.live {
            wrong.push(format!("`{lent}`, whose namespace it shares, does not run"));
        }
    }
    let ours = settled.containers.iter().map(|one| &one.name);
    for name in ours {
        let used =
            modes.contains(&format!("container:{name}").as_str())
                || host.volumes_from.iter().flatten().any(|from| {
                    from.split_once(':').map_or(from.as_str(), |(name, _)| name) == name
                });
        let said = lenders.iter().flatten().any(|lender| lender.name == *name);
        if used && !said {
            wrong.push(format!(
                "it shares with `{name}`, and its label does not say so"
            ));
        }
    }
    shares
}

/// Nobody that runs lives in what stops.
pub(super) fn check_stop(moment: &Moment<'_>, old: &Replayed, wrong: &mut Vec<String>) {
    let Some(host) = moment.settled.get(&moment.step.host) else {
        return;
    };
    for one in &host.containers {
        if one.live && one.shares.contains(&old.lent_as()) {
            wrong.push(format!(
                "`{}` stops while `{}`, which shares with it, runs",
                old.name, one.name
            ));
        }
    }
}

/// Whatever runs in the end has what it shares with beside it.
pub(super) fn check_end(plan: &Plan, end: &Fleet, wrong: &mut Vec<String>) {
    let Some(next) = plan.state.as_ref().and_then(|state| state.active_release()) else {
        return;
    };
    for (host, state) in end {
        if !plan.hosts.iter().any(|one| one.name == *host) {
            continue;
        }
        for one in &state.containers {
            let recorded = next.services.get(&one.service).is_some_and(|service| {
                let mut replicas = service.replicas.iter();
                replicas.any(|replica| replica.host == *host && replica.container == one.name)
            });
            for lent in one.shares.iter().filter(|_| recorded) {
                if !state.containers.iter().any(|one| one.lent_as() == *lent) {
                    wrong.push(format!(
                        "`{}` shares with `{lent}`, which is not there in the end",
                        one.name
                    ));
                }
            }
        }
    }
}
