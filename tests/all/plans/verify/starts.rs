//! Starts without what they need, and with what others have.

use webpods::plan::{self, Plan, StepKind};

use super::{catches, renumber, steps, without};

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
