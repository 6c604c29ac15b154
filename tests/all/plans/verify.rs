//! The independent check catches what a wrong plan does: valid plans with one mistake each.

use std::collections::BTreeMap;

use webpods::model::{Observed, ReleaseId, Tls, Upstreams};
use webpods::plan::{self, Inputs, Plan, PlanOptions, Stage, Step, StepKind, check};

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
fn a_start_without_its_image() {
    catches("is not loaded", |plan, _| {
        without(plan, |kind| kind.name() == "load");
    });
}

#[test]
fn a_load_without_its_blobs() {
    catches("is not there", |plan, _| {
        without(plan, |kind| kind.name() == "ship");
    });
}

#[test]
fn a_load_in_the_stage_that_ships() {
    catches("is not there", |plan, _| {
        let load = plan.stages.remove(1);
        assert_eq!(load.name, "load");
        plan.stages[0].steps.extend(load.steps);
        renumber(plan);
    });
}

#[test]
fn a_start_without_its_network() {
    catches(
        "the network `lab--shop--default` is not there",
        |_, observed| {
            for host in observed.hosts.values_mut() {
                host.networks.clear();
            }
        },
    );
}

#[test]
fn a_port_of_another_program() {
    catches("is taken on the host", |plan, observed| {
        let port = fresh_port(plan);
        observed.hosts[0].taken_ports.insert(port);
    });
}

#[test]
fn a_port_of_another_project() {
    catches("is taken on the host", |plan, observed| {
        let port = fresh_port(plan);
        observed.hosts[0].claims.push(webpods::model::Claim {
            owner: webpods::model::StackKey {
                context: "lab".parse().unwrap(),
                project: "blog".parse().unwrap(),
            },
            domains: Vec::new(),
            ports: [port].into(),
        });
    });
}

#[test]
fn a_port_of_the_old_container() {
    catches("is taken on the host", |plan, observed| {
        let held = *observed.hosts[0]
            .containers
            .iter()
            .find(|one| one.service.as_str() == "web")
            .unwrap()
            .ports
            .values()
            .next()
            .unwrap();
        for step in steps(plan) {
            if let StepKind::Start { body, .. } = &mut step.kind {
                let config = body.0.host_config.as_mut().unwrap();
                for list in config.port_bindings.as_mut().unwrap().values_mut() {
                    list.as_mut().unwrap()[0].host_port = Some(held.to_string());
                }
                break;
            }
        }
    });
}

fn fresh_port(plan: &Plan) -> u16 {
    let state = plan.state.as_ref().unwrap();
    let replica = &state.active_release().unwrap().services["web"].replicas[0];
    assert_eq!(replica.host.as_str(), "a");
    *replica.ports.values().next().unwrap()
}

#[test]
fn a_name_that_is_taken() {
    catches("is taken", |plan, observed| {
        let name = steps(plan)
            .find_map(|step| match &step.kind {
                StepKind::Start { container, .. } => Some(container.clone()),
                _ => None,
            })
            .unwrap();
        observed.hosts[0].containers[1].name = name;
    });
}

#[test]
fn a_container_with_another_projects_label() {
    catches("its label `webpods.project`", |plan, _| {
        for step in steps(plan) {
            if let StepKind::Start { body, .. } = &mut step.kind {
                let labels = body.0.labels.as_mut().unwrap();
                labels.insert("webpods.project".to_owned(), "blog".to_owned());
                break;
            }
        }
    });
}

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
fn a_file_outside_the_projects_folder() {
    catches("not below the project's files", |plan, _| {
        plan.stages[0].steps[0].kind = StepKind::Prepare {
            networks: Vec::new(),
            volumes: Vec::new(),
            files: vec![plan::StagedFile {
                path: "/var/lib/webpods/state/lab/shop/files/../state.json".to_owned(),
                mode: 0o444,
                uid: None,
                gid: None,
                source: plan::FileSource::Content(Vec::new()),
                secret: false,
            }],
        };
    });
}

#[test]
fn a_start_without_its_hooks() {
    catches("other `post_start` hooks", |plan, _| {
        for step in steps(plan) {
            if let StepKind::Start { post_start, .. } = &mut step.kind {
                post_start.clear();
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
