//! Stops and removals.

use webpods::plan::StepKind;

use super::{catches, renumber, steps, without};

#[test]
fn a_stop_before_the_successor_is_healthy() {
    catches("is healthy", |plan, _| {
        let at = plan
            .stages
            .iter()
            .position(|stage| stage.name.starts_with("health web"))
            .unwrap();
        let stop = plan
            .stages
            .iter()
            .position(|stage| stage.name.starts_with("stop web"))
            .unwrap();
        let stage = plan.stages.remove(stop);
        plan.stages.insert(at, stage);
        renumber(plan);
    });
}

#[test]
fn a_stop_without_a_start() {
    catches("nothing takes its place", |plan, _| {
        without(plan, |kind| kind.name() == "start");
    });
}

#[test]
fn a_stop_of_a_stranger() {
    catches("none of this project's containers", |plan, _| {
        for step in steps(plan) {
            if let StepKind::Stop { container, .. } = &mut step.kind {
                *container = "postgres".to_owned();
                break;
            }
        }
    });
}

#[test]
fn a_removal_of_a_stranger() {
    catches("none of this project's containers", |plan, _| {
        for step in steps(plan) {
            if let StepKind::Remove { container, .. } = &mut step.kind {
                *container = "lab--blog--web-1-r1".to_owned();
                break;
            }
        }
    });
}

#[test]
fn a_removal_of_what_runs() {
    catches("still runs", |plan, _| {
        without(plan, |kind| kind.name() == "stop");
    });
}

#[test]
fn pruning_an_image_that_is_needed() {
    catches("which a kept release needs", |plan, _| {
        let needed = plan.images[0].image.host_tag();
        for step in steps(plan) {
            if let StepKind::Prune { images, .. } = &mut step.kind {
                images.push(needed.clone());
            }
        }
    });
}

#[test]
fn pruning_another_projects_network() {
    catches("is not this project's", |plan, _| {
        for step in steps(plan) {
            if let StepKind::Prune { networks, .. } = &mut step.kind {
                networks.push("lab--blog--default".to_owned());
            }
        }
    });
}

#[test]
fn a_stop_without_its_hooks() {
    catches("other `pre_stop` hooks", |plan, _| {
        for step in steps(plan) {
            if let StepKind::Stop { pre_stop, .. } = &mut step.kind {
                pre_stop[0].command = vec!["/other".to_owned()];
                break;
            }
        }
    });
}
