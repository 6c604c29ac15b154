//! What is committed, when, and the numbers of steps.

use webpods::model::ReleaseId;
use webpods::plan::Stage;

use super::{catches, renumber};

#[test]
fn a_commit_that_is_too_early() {
    catches("comes after the commit", |plan, _| {
        let at = plan.stages.iter().position(|stage| stage.name == "commit");
        let stage = plan.stages.remove(at.unwrap());
        plan.stages.insert(2, stage);
        renumber(plan);
    });
}

#[test]
fn a_commit_that_a_host_misses() {
    catches("the state is not committed on", |plan, _| {
        let at = plan.stages.iter().position(|stage| stage.name == "commit");
        plan.stages[at.unwrap()].steps.pop();
        renumber(plan);
    });
}

#[test]
fn a_removal_before_the_commit() {
    catches("comes before the commit", |plan, _| {
        let at = plan.stages.iter().position(|stage| stage.name == "remove");
        let stage = plan.stages.remove(at.unwrap());
        plan.stages.insert(at.unwrap() - 1, stage);
        renumber(plan);
    });
}

#[test]
fn numbers_that_repeat() {
    catches("has the number", |plan, _| {
        plan.stages[1].steps[0].id = 0;
    });
}

#[test]
fn an_empty_stage() {
    catches("has no steps", |plan, _| {
        plan.stages.push(Stage {
            name: "nothing".to_owned(),
            steps: Vec::new(),
        });
    });
}

#[test]
fn a_step_on_a_host_that_takes_no_part() {
    catches("takes no part", |plan, _| {
        plan.hosts.pop();
    });
}

#[test]
fn a_state_of_another_release() {
    catches("active release is not the plan's", |plan, _| {
        plan.state.as_mut().unwrap().active = Some(ReleaseId(1));
    });
}

#[test]
fn a_state_that_is_not_newer() {
    catches("not newer", |plan, _| {
        plan.state.as_mut().unwrap().serial = 1;
    });
}

#[test]
fn a_state_without_a_replica() {
    catches("is in no release", |plan, _| {
        let state = plan.state.as_mut().unwrap();
        let release = state.releases.last_mut().unwrap();
        release.services["web"].replicas.pop();
    });
}

#[test]
fn a_state_with_a_replica_that_never_starts() {
    catches("is not on `a` in the end", |plan, _| {
        let state = plan.state.as_mut().unwrap();
        let release = state.releases.last_mut().unwrap();
        release.services["web"].replicas[0].container = "elsewhere".to_owned();
    });
}
