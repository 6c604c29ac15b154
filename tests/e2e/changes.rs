//! What an `up` does when little or nothing changed, and the way back.

use crate::support::{Load, Project, get};

const ONE: &str = "
name: {{name}}
services:
  web:
    build: app
    environment: { GREETING: one }
    deploy: { replicas: 2 }
    x-placement: { hosts: [node-1, node-2] }
    x-ingress: { host: '{{domain}}', port: 8080, health_path: /healthz }
";

#[test]
fn a_second_up_does_nothing_and_says_why() {
    let project = Project::compose("idle", ONE);
    project.up();
    let before = project.containers("{{.ID}} {{.Status}}");
    let run = project.webpods().run(["up", "-d"]).expect(0);
    assert!(run.stderr.contains("same image and config as r1"), "{run}");
    assert!(run.stderr.contains("nothing to do"), "{run}");
    assert_eq!(
        project.containers("{{.ID}}").len(),
        before.len(),
        "{before:?}"
    );
    let releases = project.webpods().json(["release", "ls"]);
    assert_eq!(releases.as_array().unwrap().len(), 1, "{releases}");
}

#[test]
fn a_config_only_change_recreates_without_shipping() {
    let project = Project::compose("config", ONE);
    project.up();
    project.compose_file(&ONE.replace("GREETING: one", "GREETING: two"));
    let plan = project.webpods().json(["diff"]);
    let kinds: Vec<&str> = plan["stages"]
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|stage| stage["steps"].as_array().unwrap())
        .map(|step| step["kind"].as_str().unwrap())
        .collect();
    assert!(kinds.contains(&"start"), "{kinds:?}");
    assert!(
        !kinds.contains(&"ship") && !kinds.contains(&"load"),
        "{kinds:?}"
    );
    let load = Load::start(project.lab, &project.domain, "/");
    project.up();
    load.none_failed();
    for answer in project.answers() {
        assert_eq!(answer.json()["greeting"], "two", "{answer:?}");
    }
}

#[test]
fn a_rollback_restores_configuration_and_routes() {
    let project = Project::compose("back", ONE);
    project.up();
    let other = format!("other-{}", project.domain);
    let text = ONE
        .replace("GREETING: one", "GREETING: two")
        .replace("{{domain}}", &other);
    project.compose_file(&text);
    project.up();
    let node = &project.lab.nodes[0].addr;
    assert_eq!(
        get(node, &other, "/").unwrap().json()["greeting"],
        "two",
        "the new route is live"
    );

    project.webpods().ok(["rollback"]);
    for answer in project.answers() {
        assert_eq!(answer.json()["greeting"], "one", "{answer:?}");
    }
    let gone = get(node, &other, "/").unwrap();
    assert_ne!(gone.json_or_null()["greeting"], "two", "{gone:?}");
    let releases = project.webpods().json(["release", "ls"]);
    assert_eq!(releases[0]["id"], "r3", "{releases}");
    assert!(
        releases[0]["status"].as_str().unwrap().contains("r1"),
        "{releases}"
    );

    let run = project.webpods().run(["rollback", "--to", "r99"]).expect(1);
    assert!(run.stderr.contains("r99"), "{run}");
}

#[test]
fn scaling_keeps_the_replicas_that_are_there() {
    let project = Project::compose("scale", ONE);
    project.up();
    let before = project.containers("{{.ID}}");
    project.webpods().ok(["up", "-d", "--scale", "web=3"]);
    let after = project.containers("{{.ID}}");
    assert_eq!(after.len(), 3, "{after:?}");
    assert!(
        before.iter().all(|container| after.contains(container)),
        "{before:?} {after:?}"
    );
}
