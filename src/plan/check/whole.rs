//! Rules about a plan as a whole: its numbering, its order, its state.

use std::collections::BTreeSet;

use super::replay::Fleet;
use crate::model::{HostName, Observed};
use crate::plan::{Action, Plan, StepKind};

/// Before the replay.
pub(super) fn check(plan: &Plan, observed: &Observed, wrong: &mut Vec<String>) {
    let steps = || plan.stages.iter().flat_map(|stage| &stage.steps);
    for (at, step) in steps().enumerate() {
        if step.id != at {
            wrong.push(format!("step {at} has the number {}", step.id));
        }
        if !plan.hosts.iter().any(|host| host.name == step.host) {
            wrong.push(format!(
                "step {at} is on `{}`, which takes no part",
                step.host
            ));
        }
    }
    for stage in &plan.stages {
        if stage.steps.is_empty() {
            wrong.push(format!("stage `{}` has no steps", stage.name));
        }
    }
    order(plan, wrong);
    state(plan, observed, wrong);
}

/// Commit comes after everything that can fail a rollout, in a stage of its own; only what is no
/// longer needed goes afterwards.
fn order(plan: &Plan, wrong: &mut Vec<String>) {
    let mut committed = false;
    for stage in &plan.stages {
        let commits = |kind: &StepKind| matches!(kind, StepKind::Commit {});
        let any = stage.steps.iter().any(|step| commits(&step.kind));
        if any && !stage.steps.iter().all(|step| commits(&step.kind)) {
            wrong.push("commit shares its stage with other steps".to_owned());
        }
        for step in &stage.steps {
            let afterwards = matches!(step.kind, StepKind::Remove { .. } | StepKind::Prune { .. });
            if committed && !afterwards {
                wrong.push(format!(
                    "step {} ({}) comes after the commit",
                    step.id,
                    step.kind.name()
                ));
            }
            if !committed && afterwards && plan.state.is_some() {
                wrong.push(format!(
                    "step {} ({}) comes before the commit",
                    step.id,
                    step.kind.name()
                ));
            }
        }
        committed |= any;
    }
    if let Some(host) = plan.hosts.iter().find(|host| {
        let mut steps = plan.stages.iter().flat_map(|stage| &stage.steps);
        plan.state.is_some()
            && !steps.any(|step| step.host == host.name && step.kind == StepKind::Commit {})
    }) {
        wrong.push(format!("the state is not committed on `{}`", host.name));
    }
    if committed && plan.state.is_none() {
        wrong.push("there is a commit and no state".to_owned());
    }
}

fn state(plan: &Plan, observed: &Observed, wrong: &mut Vec<String>) {
    let Some(next) = &plan.state else {
        let starts = |kind: &StepKind| matches!(kind, StepKind::Start { .. });
        let mut steps = plan.stages.iter().flat_map(|stage| &stage.steps);
        if steps.any(|step| starts(&step.kind)) {
            wrong.push("containers start and no state remembers them".to_owned());
        }
        return;
    };
    if plan.action == Action::Down {
        wrong.push("`down` writes a state".to_owned());
    }
    if next.key != plan.key {
        wrong.push(format!("the state is that of `{}`", next.key));
    }
    if next.active != Some(plan.release) || next.active_release().is_none() {
        wrong.push("the state's active release is not the plan's".to_owned());
    }
    let before = observed.state.as_ref();
    if before.is_some_and(|before| next.serial <= before.serial || next.last <= before.last) {
        wrong.push("the state is not newer than the one there is".to_owned());
    }
    for (name, service) in next.active_release().iter().flat_map(|one| &one.services) {
        let numbers: BTreeSet<u32> = service.replicas.iter().map(|one| one.number).collect();
        if numbers.len() != service.replicas.len() {
            wrong.push(format!("two replicas of `{name}` have one number"));
        }
    }
    for prune in plan.stages.iter().flat_map(|stage| &stage.steps) {
        let StepKind::Prune { images, .. } = &prune.kind else {
            continue;
        };
        let services = next.releases.iter().flat_map(|one| one.services.values());
        for service in services {
            let mut needed = service.image.all();
            if needed.any(|image| images.contains(&image.host_tag())) {
                wrong.push(format!(
                    "step {} removes the image `{}`, which a kept release needs",
                    prune.id, service.image.reference
                ));
            }
        }
    }
}

/// After the replay: what the state says is there is there, and everything that was started has
/// been gated and is in the state.
pub(super) fn check_end(plan: &Plan, end: &Fleet, wrong: &mut Vec<String>) {
    let Some(next) = plan.state.as_ref().and_then(|state| state.active_release()) else {
        if plan.action == Action::Down {
            for (host, state) in end {
                for left in &state.containers {
                    wrong.push(format!("`{}` stays on `{host}`", left.name));
                }
            }
        }
        return;
    };
    let takes_part = |host: &HostName| plan.hosts.iter().any(|one| one.name == *host);
    for (name, service) in &next.services {
        if !plan.services.contains_key(name) {
            continue;
        }
        for replica in service.replicas.iter().filter(|one| takes_part(&one.host)) {
            let there = end
                .get(&replica.host)
                .and_then(|host| host.container(&replica.container));
            match there {
                None => wrong.push(format!(
                    "replica {} of `{name}` is not on `{}` in the end",
                    replica.number, replica.host
                )),
                Some(one) if one.fresh && !one.gated => wrong.push(format!(
                    "`{}` starts and nobody looks whether it is healthy",
                    one.name
                )),
                Some(_) => {}
            }
        }
    }
    for (host, state) in end.iter().filter(|(host, _)| takes_part(host)) {
        let recorded = |name: &str| {
            next.services.values().any(|service| {
                let mut replicas = service.replicas.iter();
                replicas.any(|replica| replica.host == *host && replica.container == name)
            })
        };
        for one in state.containers.iter().filter(|one| one.fresh) {
            if !recorded(&one.name) {
                wrong.push(format!("`{}` starts and is in no release", one.name));
            }
        }
        let files = next.proxy_files.get(host).into_iter().flatten();
        for file in files {
            if state.files.get(&file.path).cloned().flatten() != file.content {
                wrong.push(format!(
                    "`{}` on `{host}` is not what the release says in the end",
                    file.path
                ));
            }
        }
    }
}
