//! A plan as text (spec §14.1): per service the images, what is built and shipped, what happens to
//! each replica and why; then routes and warnings; or why there is nothing to do.

mod image;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use super::bytes;
use super::paint::Paint;
use crate::model::{Hook, HostName, Route, ServiceName};
use crate::plan::{
    Action, ImageShipment, Plan, ReplicaAction, ReplicaPlan, RouteChange, ServicePlan, StepKind,
    Way,
};
use image::{Missing, build_line, image_line, ship_line};

/// The whole plan, ending in a line break.
pub(super) fn text(plan: &Plan, paint: Paint) -> String {
    let mut out = String::new();
    for (name, service) in &plan.services {
        write_service(&mut out, plan, name, service, paint);
    }
    if !plan.routes.is_empty() {
        let _ = writeln!(out, "{}", paint.bold("routes"));
        for change in &plan.routes {
            write_route(&mut out, change, paint);
        }
    }
    for warning in &plan.warnings {
        let _ = writeln!(
            out,
            "{} {}",
            paint.yellow("warning:"),
            super::clean(warning)
        );
    }
    let _ = writeln!(out, "{}", paint.bold(&summary(plan)));
    out
}

fn write_service(
    out: &mut String,
    plan: &Plan,
    name: &ServiceName,
    service: &ServicePlan,
    paint: Paint,
) {
    let change = change_of(plan, service);
    let head = match change {
        ReplicaAction::Keep => format!("  {name}"),
        ReplicaAction::Create => paint.green(&format!("+ {name}")),
        ReplicaAction::Recreate => paint.yellow(&format!("~ {name}")),
        ReplicaAction::Remove => paint.red(&format!("- {name}")),
    };
    let reasons = super::clean(&service.reasons.join("; "));
    let _ = writeln!(out, "{}", join(&[head, paint.dim(&reasons)]));
    if change == ReplicaAction::Keep && !service.pending {
        return;
    }
    let image = image_line(plan, service);
    let _ = writeln!(out, "    image     {image}");
    if change != ReplicaAction::Remove {
        let _ = writeln!(out, "    build     {}", build_line(plan, name, service));
        let _ = writeln!(out, "    ship      {}", ship_line(plan, name, service));
    }
    let _ = writeln!(out, "    replicas  {}", placement_line(service));
    for line in hook_lines(plan, name) {
        let _ = writeln!(out, "    {line}");
    }
    for replica in &service.replicas {
        // What holds for the whole service is said once, in its head line.
        let known =
            service.reasons.len() == 1 && replica.reason.as_ref() == service.reasons.first();
        write_replica(out, replica, known, paint);
    }
}

/// One word for the whole service: the strongest thing that happens to it.
fn change_of(plan: &Plan, service: &ServicePlan) -> ReplicaAction {
    let any = |action| service.replicas.iter().any(|one| one.action == action);
    let all = |action| {
        !service.replicas.is_empty() && service.replicas.iter().all(|one| one.action == action)
    };
    if all(ReplicaAction::Remove) || plan.action == Action::Down {
        ReplicaAction::Remove
    } else if all(ReplicaAction::Create) && service.placement_before.is_empty() {
        ReplicaAction::Create
    } else if service.pending
        || [
            ReplicaAction::Create,
            ReplicaAction::Recreate,
            ReplicaAction::Remove,
        ]
        .into_iter()
        .any(any)
    {
        ReplicaAction::Recreate
    } else {
        ReplicaAction::Keep
    }
}

fn placement_line(service: &ServicePlan) -> String {
    let count = |placement: &BTreeMap<HostName, u32>| placement.values().sum::<u32>();
    let (before, after) = (
        count(&service.placement_before),
        count(&service.placement_after),
    );
    let numbers = if before == after {
        after.to_string()
    } else {
        format!("{before} → {after}")
    };
    let mut hosts: Vec<&HostName> = service
        .placement_before
        .keys()
        .chain(service.placement_after.keys())
        .collect();
    hosts.sort();
    hosts.dedup();
    let hosts: Vec<String> = hosts
        .into_iter()
        .map(|host| {
            let on =
                |placement: &BTreeMap<HostName, u32>| placement.get(host).copied().unwrap_or(0);
            match (on(&service.placement_before), on(&service.placement_after)) {
                (before, after) if before == after => format!("{host}: {after}"),
                (before, after) => format!("{host}: {before} → {after}"),
            }
        })
        .collect();
    if hosts.is_empty() {
        numbers
    } else {
        format!("{numbers}  ({})", hosts.join(", "))
    }
}

fn write_replica(out: &mut String, replica: &ReplicaPlan, known: bool, paint: Paint) {
    let ports: Vec<String> = replica
        .ports
        .iter()
        .map(|(container, host)| format!("{host}→{container}"))
        .collect();
    let what = format!("{} on {}", replica.number, replica.host);
    let ports = if ports.is_empty() {
        String::new()
    } else {
        format!("port {}", ports.join(", "))
    };
    let reason = match &replica.reason {
        Some(reason) if !known => paint.dim(&super::clean(reason)),
        _ => String::new(),
    };
    let head = match replica.action {
        ReplicaAction::Keep => format!("      {what}"),
        ReplicaAction::Create => paint.green(&format!("    + {what}")),
        ReplicaAction::Recreate => paint.yellow(&format!("    ~ {what}")),
        ReplicaAction::Remove => paint.red(&format!("    - {what}")),
    };
    let _ = writeln!(out, "{}", join(&[head, ports, reason]));
}

/// What runs in containers that start and stop; each command once.
fn hook_lines(plan: &Plan, name: &ServiceName) -> Vec<String> {
    let (mut started, mut stopped) = (Vec::new(), Vec::new());
    let mut add = |list: &[Hook], to: bool| {
        let shown = if to { &mut started } else { &mut stopped };
        for hook in list {
            let command = super::clean(&hook.command.join(" "));
            if !shown.contains(&command) {
                shown.push(command);
            }
        }
    };
    for step in plan.stages.iter().flat_map(|stage| &stage.steps) {
        match &step.kind {
            StepKind::Start {
                service,
                post_start,
                ..
            } if service == name => add(post_start, true),
            StepKind::Stop {
                service, pre_stop, ..
            } if service == name => add(pre_stop, false),
            _ => {}
        }
    }
    [("after start", started), ("before stop", stopped)]
        .into_iter()
        .filter(|(_, commands)| !commands.is_empty())
        .map(|(when, commands)| format!("hooks     {when}: {}", commands.join(", then ")))
        .collect()
}

fn write_route(out: &mut String, change: &RouteChange, paint: Paint) {
    let domain = super::clean(&change.domain);
    let line = match (&change.before, &change.after) {
        (None, Some(after)) => paint.green(&format!("+ {domain} → {}", target(after))),
        (Some(before), None) => paint.red(&format!("- {domain} → {}", target(before))),
        (Some(before), Some(after)) if before == after => {
            format!("  {domain} → {}", target(after))
        }
        (Some(before), Some(after)) => {
            let now = target(before);
            let then = target(after);
            let change = if now == then {
                format!("{then} (settings)")
            } else {
                format!("{then}, was {now}")
            };
            paint.yellow(&format!("~ {domain} → {change}"))
        }
        (None, None) => return,
    };
    let _ = writeln!(out, "  {line}");
}

fn target(route: &Route) -> String {
    let upstreams: Vec<String> = route
        .upstreams
        .iter()
        .map(|upstream| format!("{}:{}", upstream.host, upstream.port))
        .collect();
    format!("{} ({})", route.service, upstreams.join(", "))
}

/// The last line: what changes altogether, or that nothing does and why.
fn summary(plan: &Plan) -> String {
    if plan.is_empty() {
        return match (plan.action, plan.previous) {
            (Action::Down, _) => "nothing to do: nothing of this project is there".to_owned(),
            (_, Some(release)) => {
                format!("nothing to do: everything is as release {release} wants it")
            }
            (_, None) => "nothing to do: the project has no services to run".to_owned(),
        };
    }
    let (mut create, mut recreate, mut remove, mut keep) = (0, 0, 0, 0);
    for replica in plan.services.values().flat_map(|service| &service.replicas) {
        match replica.action {
            ReplicaAction::Keep => keep += 1,
            ReplicaAction::Create => create += 1,
            ReplicaAction::Recreate => recreate += 1,
            ReplicaAction::Remove => remove += 1,
        }
    }
    let (mut total, mut adopted, mut passed) = (0, 0, 0);
    let shipments = plan.images.iter().flat_map(|image| &image.shipments);
    for (way, count) in shipments.flat_map(ImageShipment::ways) {
        *match way {
            Way::Sent => &mut total,
            Way::Adopted => &mut adopted,
            Way::Passed(_) => &mut passed,
        } += count;
    }
    let mut parts = vec![format!(
        "{create} to create, {recreate} to recreate, {remove} to remove, {keep} unchanged"
    )];
    if total > 0 {
        parts.push(format!("{} to ship", bytes(total)));
    }
    if adopted > 0 {
        parts.push(format!("{} from hosts' own engines", bytes(adopted)));
    }
    if passed > 0 {
        parts.push(format!("{} between hosts", bytes(passed)));
    }
    if plan.is_pending() {
        let pending = plan.services.values().filter(|service| service.pending);
        let missing: BTreeSet<Missing> = pending.map(Missing::of).collect();
        let done: Vec<&str> = missing.into_iter().map(Missing::done).collect();
        parts.push(format!(
            "a forecast until the images are {}",
            done.join(" and ")
        ));
    }
    let name = match plan.action {
        Action::Down => "down".to_owned(),
        Action::Up | Action::Rollback => format!("release {}", plan.release),
    };
    format!("{name}: {}", parts.join("; "))
}

fn join(parts: &[String]) -> String {
    let parts: Vec<&str> = parts
        .iter()
        .map(String::as_str)
        .filter(|part| !part.is_empty())
        .collect();
    parts.join("  ")
}

#[cfg(test)]
#[path = "plan_tests.rs"]
mod tests;
