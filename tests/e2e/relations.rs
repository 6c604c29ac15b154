//! What relates a container to others and to time: hooks, shared namespaces, jobs, links.

use crate::support::{Load, Project, eventually};

const HOOKED: &str = "
name: {{name}}
services:
  web:
    build: box
    init: true
    stop_grace_period: 1s
    volumes: ['kept:/kept']
    x-placement: { hosts: [node-1] }
    post_start:
      - command: [/bin/busybox, sh, -c, 'cd /kept; echo $$WHO started as $$(/bin/busybox id -u) >>log; echo $$API_TOKEN; exit $$CODE']
        user: '0:0'
        environment: { WHO: it, API_TOKEN: very-secret-words, CODE: 0 }
    pre_stop:
      - command: [/bin/busybox, sh, -c, 'echo stopping >>/kept/log']
volumes: { kept: {} }
";

#[test]
fn hooks_run_around_a_containers_life() {
    let project = Project::boxed("hooks", HOOKED);
    let node = &project.lab.nodes[0];
    let run = project.webpods().run(["up", "-d"]).expect(0);
    assert!(!run.stderr.contains("very-secret-words"), "{run}");
    let log = |project: &Project| project.inside(node, "web", "/bin/busybox cat /kept/log");
    assert_eq!(log(&project), "it started as 0");

    project.compose_file(&HOOKED.replace("WHO: it", "WHO: she"));
    let plan = project.webpods().json(["diff"]).to_string();
    assert!(plan.contains("\"pre_stop\"") && plan.contains("\"post_start\""));
    assert!(!plan.contains("very-secret-words"), "{plan}");
    project.up();
    // The volume is written by one at a time, so the old one stops first.
    assert_eq!(log(&project), "it started as 0\nstopping\nshe started as 0");

    let before = project.containers("{{.ID}}");
    project.compose_file(&HOOKED.replace("CODE: 0", "CODE: 7"));
    let run = project.webpods().run(["up", "-d"]).expect(4);
    assert!(run.stderr.contains("exited with status 7"), "{run}");
    assert!(!run.stderr.contains("very-secret-words"), "{run}");
    assert_eq!(project.containers("{{.ID}}"), before);
    // What was stopped is started again, with its hooks.
    assert!(
        log(&project).ends_with("stopping\nit started as 0\nshe started as 0"),
        "{}",
        log(&project)
    );
}

const TOGETHER: &str = "
name: {{name}}
services:
  side:
    build: box
    init: true
    stop_grace_period: 1s
    deploy: { replicas: 2 }
    network_mode: service:web
    pid: service:web
    volumes_from: ['web:ro']
  web:
    build: app
    environment: { GREETING: one }
    deploy: { replicas: 2 }
    volumes: [/scratch]
    x-placement: { hosts: [node-1, node-2] }
    x-ingress: { host: '{{domain}}', port: 8080, health_path: /healthz }
";

#[test]
fn containers_in_one_network_change_together() {
    let project = Project::boxed("together", TOGETHER);
    project.up();
    let together = |project: &Project| {
        for node in &project.lab.nodes[..2] {
            let answer = project.inside(
                node,
                "side",
                "/bin/busybox wget -qO- http://127.0.0.1:8080/healthz",
            );
            assert_eq!(answer, r#"{"ok":true}"#);
            let found = node.containers(&project.name, "{{.Label \"webpods.service\"}} {{.ID}}");
            assert_eq!(found.len(), 2, "{found:?}");
            let web = found[1].split(' ').next_back().unwrap();
            let side = found[0].split(' ').next_back().unwrap();
            let modes = node.witness(&format!(
                "docker inspect {side} --format '{{{{.HostConfig.NetworkMode}}}} {{{{.HostConfig.PidMode}}}}'"
            ));
            assert_eq!(
                modes.matches(&format!("container:{web}")).count(),
                2,
                "{modes}"
            );
        }
    };
    together(&project);
    let again = project.webpods().run(["up", "-d"]).expect(0);
    assert!(again.stderr.contains("nothing to do"), "{again}");

    project.compose_file(&TOGETHER.replace("GREETING: one", "GREETING: two"));
    let load = Load::start(project.lab, &project.domain, "/");
    project.webpods().ok(["up", "-d", "web"]);
    load.none_failed();
    together(&project);
    for answer in project.answers() {
        assert_eq!(answer.json()["greeting"], "two", "{answer:?}");
    }
}

const JOBS: &str = "
name: {{name}}
services:
  client:
    build: box
    init: true
    stop_grace_period: 1s
    links: ['db:database']
    x-placement: { hosts: [node-1] }
    depends_on:
      migrate: { condition: service_completed_successfully }
      report: { condition: service_completed_successfully, required: false }
      db: { condition: service_healthy, restart: true }
  migrate:
    build: box
    restart: 'no'
    command: [/bin/busybox, sh, -c, 'echo moving data; exit $$CODE']
    environment: { CODE: 0 }
    x-placement: { hosts: [node-1] }
  report:
    build: box
    restart: 'no'
    command: [/bin/busybox, sh, -c, 'echo nobody needs me; exit $$CODE']
    environment: { CODE: 0 }
    x-placement: { hosts: [node-1] }
  once:
    build: box
    restart: 'no'
    command: [/bin/busybox, 'true']
    x-placement: { hosts: [node-1] }
  db:
    build: app
    environment: { GREETING: one }
    healthcheck: { test: [CMD, /app, health], interval: 1s }
    x-placement: { hosts: [node-1] }
";

#[test]
fn jobs_end_before_what_waits_for_them_starts() {
    let project = Project::boxed("jobs", JOBS);
    let node = &project.lab.nodes[0];
    project.up();
    let linked = "/bin/busybox wget -qO- http://database:8080/healthz";
    let answer = eventually("the link", 20, || {
        let script = project.inside(node, "client", linked);
        if script.is_empty() {
            Err(script)
        } else {
            Ok(script)
        }
    });
    assert_eq!(answer, r#"{"ok":true}"#);
    let before = project.containers("{{.ID}} {{.Names}}");
    let run = project.webpods().run(["up", "-d"]).expect(0);
    assert!(run.stderr.contains("nothing to do"), "{run}");
    assert_eq!(project.containers("{{.ID}} {{.Names}}"), before);

    // A dependency that is replaced takes its dependent along; the job has done its work.
    project.compose_file(&JOBS.replace("GREETING: one", "GREETING: two"));
    project.up();
    let after = project.containers("{{.ID}} {{.Names}}");
    let same = |service: &str| {
        let of = |list: &[String]| {
            let found = list
                .iter()
                .find(|line| line.contains(&format!("--{service}-1-")));
            found.cloned().unwrap()
        };
        of(&before) == of(&after)
    };
    assert!(
        !same("db") && !same("client") && same("migrate") && same("once"),
        "{after:?}"
    );
    assert_eq!(project.inside(node, "client", linked), r#"{"ok":true}"#);

    let broken = JOBS.replacen("CODE: 0", "CODE: 3", 1);
    project.compose_file(&broken);
    let run = project.webpods().run(["up", "-d"]).expect(4);
    assert!(run.stderr.contains("exited with status 3"), "{run}");
    assert!(run.stderr.contains("moving data"), "{run}");

    let unneeded = JOBS
        .replace("CODE: 0", "CODE: 3")
        .replacen("CODE: 3", "CODE: 0", 1);
    project.compose_file(&unneeded);
    let run = project.webpods().run(["up", "-d"]).expect(0);
    assert!(run.stderr.contains("nothing needs it"), "{run}");
}
