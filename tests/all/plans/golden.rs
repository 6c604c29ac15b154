//! Every `tests/plans/<name>.yml` is a story; its golden rendering is `<name>.snap` beside it.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use webpods::error::{Error, Result};
use webpods::event::Events;
use webpods::model::Digest;
use webpods::plan::{self, Inputs, Plan, PlanOptions, Policy};
use webpods::script::{Decider, Scripts};

use super::render::render;
use super::scenario::{Chapter, DownSpec, Scenario, ServiceSpec, UpSpec, World};
use super::simulate;

macro_rules! stories {
    ($($name:ident)*) => {
        $(#[test]
        fn $name() {
            tell(stringify!($name));
        })*

        #[test]
        fn every_story_is_told() {
            let told: BTreeSet<&str> = [$(stringify!($name)),*].into();
            let mut written = BTreeSet::new();
            for entry in fs::read_dir(folder()).unwrap() {
                let path = entry.unwrap().path();
                if path.extension().is_some_and(|extension| extension == "yml") {
                    written.insert(path.file_stem().unwrap().to_str().unwrap().to_owned());
                }
            }
            let written: BTreeSet<&str> = written.iter().map(String::as_str).collect();
            assert_eq!(told, written);
        }
    };
}

stories! {
    adopted
    circle_of_dependencies
    config_only
    container_name_twice
    domain_changes_hands
    domain_changes_hands_later
    domains_refused
    down
    down_neighbours
    driver_files
    fanout
    far_dependencies
    files
    files_local
    files_writable
    fixed_ports
    fixed_ports_clash
    force_recreate
    forecast
    fresh_deploy
    global_and_constraints
    health_gates
    health_starting
    hooks
    host_network
    ingress_port_changes
    jobs
    killed_after_switch
    killed_client
    killed_then_changed_mind
    lost_state
    mesh_ip_wrong
    moved_replicas
    network_name_wrong
    networks
    new_host
    new_image
    no_mesh_ip
    no_proxy
    nothing_to_do
    one_host
    one_service_of_two
    order_of_dependencies
    pack
    placement_refused
    placement_typo
    platforms
    platforms_mixed
    ports_avoid_others
    ports_exhausted
    ports_range_wrong
    pulled_by_hosts
    removed_service
    restart_dependents
    retention
    rollback
    rollback_refused
    rollout_strategies
    routes_only
    scale_up_and_down
    settings_of_networks
    shared_layers
    shared_namespaces
    shared_refused
    stop_first
    subset_of_hosts
    subset_of_services
    too_many_layers
    unhealthy_replicas
    volumes_external
    volumes_move
    volumes_stay
    watch
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/plans")
}

fn tell(name: &str) {
    let text = fs::read_to_string(folder().join(format!("{name}.yml"))).unwrap();
    let scenario: Scenario =
        serde_saphyr::from_str(&text).unwrap_or_else(|error| panic!("{name}.yml: {error}"));
    let scripts = Scripts::discover(None).unwrap();
    let policy = Decider::new(&scripts, &Events::none()).unwrap();
    let mut world = World::new(&scenario);
    let mut out = format!("{}\n", scenario.about.trim());
    let mut documents = Vec::new();
    for (at, chapter) in scenario.story.iter().enumerate() {
        change(&mut world, chapter);
        let Some(planned) = command(&world, chapter, &policy) else {
            continue;
        };
        writeln!(out, "\n=== {}", at + 1).unwrap();
        match planned {
            Err(error) => refused(&mut out, &error),
            Ok(plan) => {
                out += &render(&plan);
                if chapter.json {
                    documents.push(document(&plan));
                }
                carry_out(&mut world, chapter, &plan, &policy);
            }
        }
    }
    insta::with_settings!({
        snapshot_path => folder(),
        prepend_module_to_snapshot => false,
        omit_expression => true,
    }, {
        insta::assert_snapshot!(name, out);
        for (at, document) in documents.iter().enumerate() {
            insta::assert_json_snapshot!(format!("{name}.json{at}"), document);
        }
    });
}

/// The plan as JSON, without what changes whenever a service gets a new field: digests of
/// configurations, and the releases of the state.
fn document(plan: &Plan) -> Value {
    fn without_config(value: &mut Value) {
        match value {
            Value::Object(map) => {
                for (key, value) in map {
                    if key == "webpods.config" {
                        *value = Value::from("…");
                    } else {
                        without_config(value);
                    }
                }
            }
            Value::Array(list) => list.iter_mut().for_each(without_config),
            _ => {}
        }
    }
    let mut document = serde_json::to_value(plan).unwrap();
    without_config(&mut document);
    document["state"]["releases"] = Value::from("…");
    document
}

fn refused(out: &mut String, error: &Error) {
    let wrong = error.message().contains("cannot be right");
    assert!(!wrong, "the planner's own mistake: {error}");
    writeln!(out, "refused: {error}").unwrap();
    for hint in error.hints() {
        writeln!(out, "  hint: {hint}").unwrap();
    }
}

/// Plans what the chapter asks for; none when it only changes things.
fn command(world: &World, chapter: &Chapter, policy: &dyn Policy) -> Option<Result<Plan>> {
    if let Some(up) = &chapter.up {
        return Some(up_with(world, up, policy));
    }
    if let Some(to) = &chapter.rollback {
        let to = (to != "previous").then(|| to.parse().unwrap());
        return Some(with(world, &PlanOptions::default(), policy, |inputs| {
            plan::rollback(inputs, to)
        }));
    }
    let DownSpec { volumes, hosts } = chapter.down.as_ref()?;
    let options = PlanOptions {
        hosts: hosts.iter().map(|host| host.parse().unwrap()).collect(),
        ..PlanOptions::default()
    };
    Some(with(world, &options, policy, |inputs| {
        plan::down(inputs, *volumes)
    }))
}

fn up_with(world: &World, up: &UpSpec, policy: &dyn Policy) -> Result<Plan> {
    with(world, &up.options(), policy, plan::up)
}

fn with(
    world: &World,
    options: &PlanOptions,
    policy: &dyn Policy,
    ask: impl FnOnce(&Inputs<'_>) -> Result<Plan>,
) -> Result<Plan> {
    let (context, project, images) = (world.context(), world.project(), world.image_states());
    ask(&Inputs {
        context: &context,
        project: &project,
        images: &images,
        files: &world.files,
        observed: &world.observed,
        options,
        policy,
    })
}

/// Carries the plan out; a complete `up` leaves nothing to do, whatever it was.
fn carry_out(world: &mut World, chapter: &Chapter, plan: &Plan, policy: &dyn Policy) {
    if plan.is_pending() {
        return;
    }
    if let Err(why) = simulate::apply(&mut world.observed, plan, chapter.killed_after) {
        panic!("{why}\n{}", render(plan));
    }
    if chapter.killed_after.is_some() {
        return;
    }
    if let Some(up) = &chapter.up {
        let again = UpSpec {
            force_recreate: false,
            ..up.clone()
        };
        let again = up_with(world, &again, policy).unwrap();
        assert!(again.is_empty(), "not settled:\n{}", render(&again));
    }
    if chapter.down.is_some() {
        assert_eq!(simulate::running(&world.observed), []);
        assert_eq!(world.observed.state, None);
    }
}

fn change(world: &mut World, chapter: &Chapter) {
    for (name, patch) in &chapter.services {
        match patch {
            None => {
                world.services.shift_remove(name);
            }
            Some(patch) => {
                let spec: ServiceSpec = serde_json::from_value(patch.clone())
                    .unwrap_or_else(|error| panic!("service {name}: {error}"));
                world.services.insert(name.clone(), spec);
            }
        }
    }
    if let Some(context) = &chapter.context {
        world.context_spec = serde_json::from_value(context.clone()).unwrap();
    }
    for (name, spec) in &chapter.hosts {
        world.hosts.insert(name.clone(), spec.clone());
    }
    world.observe_new_hosts();
    for (path, content) in &chapter.files {
        let path = Path::new("/repo").join(path);
        world.files.insert(path, Digest::of(content.as_bytes()));
    }
    for (which, how) in &chapter.containers {
        simulate::harm(&mut world.observed, which, how);
    }
    for (host, ports) in &chapter.taken {
        let host: webpods::model::HostName = host.parse().unwrap();
        let seen = world.observed.hosts.get_mut(&host).unwrap();
        seen.taken_ports.extend(ports);
    }
    for host in &chapter.proxy_lost {
        let host: webpods::model::HostName = host.parse().unwrap();
        world.observed.hosts[&host].proxy_files.clear();
    }
    if chapter.lose_state {
        world.observed.state = None;
    }
}
