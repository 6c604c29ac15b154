//! The independent check catches what a wrong plan does: valid plans with one mistake each.

mod routes;
mod shares;
mod starts;
mod state;
mod stops;

use std::collections::BTreeMap;

use webpods::model::{Observed, Tls, Upstreams};
use webpods::plan::{self, Inputs, Plan, PlanOptions, Step, StepKind, check};

use super::policy::Plain;
use super::scenario::{ContextSpec, HostSpec, ServiceSpec, World};
use super::simulate;

fn world() -> World {
    let host = |mesh: &str| HostSpec {
        mesh: Some(mesh.to_owned()),
        ..HostSpec::default()
    };
    let service = |image: &str, ingress: Option<&str>| ServiceSpec {
        image: image.to_owned(),
        post_start: vec!["/seed".to_owned()],
        pre_stop: vec!["/flush".to_owned()],
        replicas: Some(2),
        ingress: ingress.into_iter().map(str::to_owned).collect(),
        ..ServiceSpec::default()
    };
    let mut world = World {
        context_spec: ContextSpec {
            upstreams: Upstreams::All,
            tls: Tls::Off,
            retain: 1,
            ..ContextSpec::default()
        },
        hosts: [
            ("a".to_owned(), host("10.0.0.1")),
            ("b".to_owned(), host("10.0.0.2")),
        ]
        .into(),
        services: [
            (
                "web".to_owned(),
                service("web:1", Some("shop.example.com:80")),
            ),
            (
                "old".to_owned(),
                service("old:1", Some("old.example.com:80")),
            ),
        ]
        .into(),
        networks: indexmap::IndexMap::new(),
        volumes: indexmap::IndexMap::new(),
        images: BTreeMap::new(),
        files: BTreeMap::new(),
        observed: Observed::default(),
    };
    world.observe_new_hosts();
    world
}

fn up(world: &World) -> Plan {
    let (context, project, images) = (world.context(), world.project(), world.image_states());
    plan::up(&Inputs {
        context: &context,
        project: &project,
        images: &images,
        files: &world.files,
        observed: &world.observed,
        options: &PlanOptions {
            remove_orphans: true,
            ..PlanOptions::default()
        },
        policy: &Plain,
    })
    .unwrap()
}

/// A rolling update of `web`, start-first, and the removal of `old`, with a prune at the end.
fn update() -> (Plan, Observed) {
    let mut world = world();
    let first = up(&world);
    simulate::apply(&mut world.observed, &first, None).unwrap();
    world.services["web"].image = String::from("web:2");
    world.services.shift_remove("old");
    (up(&world), world.observed)
}

fn steps(plan: &mut Plan) -> impl Iterator<Item = &mut Step> {
    plan.stages.iter_mut().flat_map(|stage| &mut stage.steps)
}

fn renumber(plan: &mut Plan) {
    plan.stages.retain(|stage| !stage.steps.is_empty());
    for (id, step) in steps(plan).enumerate() {
        step.id = id;
    }
}

/// Leaves out the steps that `out` picks.
fn without(plan: &mut Plan, out: impl Fn(&StepKind) -> bool) {
    for stage in &mut plan.stages {
        stage.steps.retain(|step| !out(&step.kind));
    }
    renumber(plan);
}

/// Moves the first stage of this kind by so many places.
fn shift(plan: &mut Plan, kind: &str, by: isize) {
    let at = plan
        .stages
        .iter()
        .position(|stage| stage.steps[0].kind.name() == kind)
        .unwrap();
    let stage = plan.stages.remove(at);
    let to = at.checked_add_signed(by).unwrap();
    plan.stages.insert(to.min(plan.stages.len()), stage);
    renumber(plan);
}

/// The change must be one, and the check must say so with these words.
fn catches(what: &str, change: impl FnOnce(&mut Plan, &mut Observed)) {
    catches_in(update(), what, change);
}

fn catches_in(
    (mut plan, mut observed): (Plan, Observed),
    what: &str,
    change: impl FnOnce(&mut Plan, &mut Observed),
) {
    let before = (plan.clone(), observed.clone());
    check::verify(&plan, &observed).unwrap();
    change(&mut plan, &mut observed);
    assert_ne!(
        (&plan, &observed),
        (&before.0, &before.1),
        "changed nothing"
    );
    let error = check::verify(&plan, &observed).expect_err(what).to_string();
    assert!(error.contains(what), "expected `{what}` in: {error}");
}
