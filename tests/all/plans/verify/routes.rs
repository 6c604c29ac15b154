//! Routes to what is not there, and what is stopped under them.

use webpods::plan::StepKind;

use super::{catches, renumber, shift, steps, without};

#[test]
fn a_route_to_a_replica_that_was_not_gated() {
    catches("has not proven to be healthy", |plan, _| {
        without(plan, |kind| kind.name() == "health");
    });
}

#[test]
fn a_route_before_the_health_gate() {
    catches("has not proven to be healthy", |plan, _| {
        shift(plan, "route", -1);
    });
}

#[test]
fn a_route_to_nothing() {
    catches("where nothing runs", |plan, _| {
        for step in steps(plan) {
            if let StepKind::Route { routes, .. } = &mut step.kind {
                routes[0].upstreams[0].port = 1;
                break;
            }
        }
    });
}

#[test]
fn a_route_without_upstreams() {
    catches("goes nowhere", |plan, _| {
        for step in steps(plan) {
            if let StepKind::Route { routes, .. } = &mut step.kind {
                routes[0].upstreams.clear();
                break;
            }
        }
    });
}

#[test]
fn a_route_to_another_service() {
    catches("goes to a replica of `web`", |plan, _| {
        for step in steps(plan) {
            if let StepKind::Route { routes, .. } = &mut step.kind {
                routes[0].service = "old".parse().unwrap();
                break;
            }
        }
    });
}

#[test]
fn a_proxy_that_reaches_its_neighbour_at_loopback() {
    catches("reaches", |plan, _| {
        for step in steps(plan) {
            if let StepKind::Route { routes, .. } = &mut step.kind {
                for upstream in &mut routes[0].upstreams {
                    upstream.addr = "127.0.0.1".to_owned();
                }
                break;
            }
        }
    });
}

#[test]
fn a_stop_of_what_still_gets_requests() {
    catches("still sends requests to", |plan, _| {
        let stages = &mut plan.stages;
        let at = stages.iter().position(|one| one.name.starts_with("route"));
        stages.remove(at.unwrap());
        renumber(plan);
    });
}

#[test]
fn a_removed_service_that_stays_in_the_routes() {
    catches(
        "still sends requests to `lab--shop--old-1-r1`",
        |plan, _| {
            plan.stages.retain(|stage| stage.name != "route");
            renumber(plan);
        },
    );
}

#[test]
fn proxy_files_that_nobody_writes() {
    catches("is not what the release says in the end", |plan, _| {
        for step in steps(plan) {
            if let StepKind::Route { files, .. } = &mut step.kind {
                files[0].content = Some("something else".to_owned());
            }
        }
    });
}

#[test]
fn proxy_files_that_could_not_be_restored() {
    catches("undoing would not restore", |plan, _| {
        for step in steps(plan) {
            if let StepKind::Route { before, .. } = &mut step.kind {
                before[0].content = None;
            }
        }
    });
}
