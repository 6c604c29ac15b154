//! Containers that live in others.

use webpods::model::Observed;
use webpods::plan::{Plan, StepKind};

use super::super::scenario::ServiceSpec;
use super::super::simulate;
use super::{catches_in, renumber, steps, up, world};

/// A rolling update of `web` with `side` in its network.
fn update_of_two() -> (Plan, Observed) {
    let mut world = world();
    let side = ServiceSpec {
        image: "side:1".to_owned(),
        replicas: Some(2),
        network_mode: Some("service:web".to_owned()),
        ..ServiceSpec::default()
    };
    world.services.insert("side".to_owned(), side);
    let first = up(&world);
    simulate::apply(&mut world.observed, &first, None).unwrap();
    world.services["web"].image = String::from("web:2");
    (up(&world), world.observed)
}

#[test]
fn a_stop_of_what_another_container_lives_in() {
    catches_in(update_of_two(), "which shares with it, runs", |plan, _| {
        let at = |plan: &Plan, name: &str| plan.stages.iter().position(|one| one.name == name);
        let (side, web) = (at(plan, "stop side 1/2"), at(plan, "stop web 1/2"));
        plan.stages.swap(side.unwrap(), web.unwrap());
        renumber(plan);
    });
}

#[test]
fn a_start_in_what_does_not_run_yet() {
    catches_in(
        update_of_two(),
        "which it shares with, is not there",
        |plan, _| {
            let at = |plan: &Plan, name: &str| plan.stages.iter().position(|one| one.name == name);
            let (side, web) = (at(plan, "start side 1/2"), at(plan, "start web 1/2"));
            plan.stages.swap(side.unwrap(), web.unwrap());
            renumber(plan);
        },
    );
}

#[test]
fn a_container_that_lives_in_one_that_goes() {
    catches_in(update_of_two(), "is not there in the end", |plan, _| {
        for step in steps(plan) {
            if let StepKind::Start { body, service, .. } = &mut step.kind
                && service.as_str() == "side"
            {
                let old = "lab--shop--web-1-r1";
                let config = body.0.host_config.as_mut().unwrap();
                config.network_mode = Some(format!("container:{old}"));
                let labels = body.0.labels.as_mut().unwrap();
                labels.insert("webpods.shares".to_owned(), format!("{old}@r1"));
                break;
            }
        }
    });
}

#[test]
fn a_container_that_hides_whom_it_shares_with() {
    catches_in(update_of_two(), "its label does not say so", |plan, _| {
        for step in steps(plan) {
            if let StepKind::Start { body, .. } = &mut step.kind {
                body.0.labels.as_mut().unwrap().remove("webpods.shares");
            }
        }
    });
}
