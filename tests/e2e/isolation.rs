//! Two projects on the same hosts: what one removes, the other keeps (spec §7).

use std::io::Read;
use std::process::Child;

use crate::support::{Load, Project, eventually};

const WEB: &str = "
name: {{name}}
services:
  web:
    build: app
    deploy: { replicas: 2 }
    volumes: [data:/data]
    x-placement: { hosts: [node-1, node-2] }
    x-ingress: { host: '{{domain}}', port: 8080, health_path: /healthz }
volumes:
  data: {}
";

#[test]
fn down_cleanup_and_prune_leave_the_neighbour_alone() {
    let neighbour = Project::compose("neighbour", WEB);
    let noisy = Project::compose("noisy", WEB);
    for project in [&neighbour, &noisy] {
        project.write("app/VERSION", "shared\n");
        project.up();
    }
    // The same image serves both, so removing one project's may not take the other's.
    let before = neighbour.containers("{{.ID}} {{.Image}}");
    let node = &neighbour.lab.nodes[0];
    let state = format!(
        "cat /var/lib/webpods/state/e2e/{}/state.json | sha256sum",
        neighbour.name
    );
    let state_before = node.witness(&state);
    let load = Load::start(neighbour.lab, &neighbour.domain, "/");

    noisy.webpods().ok(["cleanup"]);
    noisy.webpods().ok(["prune"]);
    noisy.webpods().ok(["down", "--volumes"]);
    assert_eq!(noisy.containers("{{.ID}}"), Vec::<String>::new());
    for node in &noisy.lab.nodes {
        let left = node.witness(&format!(
            "find /var/lib/webpods /etc/caddy/apps -name '*{name}*' 2>/dev/null; \
             docker volume ls -q | grep {name}; docker network ls --format '{{{{.Name}}}}' | grep {name}; true",
            name = noisy.name
        ));
        assert_eq!(left, "", "on {}", node.name);
    }

    load.none_failed();
    assert_eq!(neighbour.containers("{{.ID}} {{.Image}}"), before);
    assert_eq!(node.witness(&state), state_before);
    let volumes = node.witness(&format!("docker volume ls -q | grep {}", neighbour.name));
    assert_eq!(volumes.lines().count(), 1, "{volumes}");
    // The image is still there: a new container starts from it without shipping anything.
    neighbour.webpods().ok(["up", "-d", "--force-recreate"]);
    assert_eq!(neighbour.answers().len(), 3);
}

#[test]
fn a_domain_of_another_project_is_refused() {
    let owner = Project::compose("owner", WEB);
    owner.up();
    let taker = Project::compose("taker", &WEB.replace("{{domain}}", &owner.domain));
    let run = taker.webpods().run(["up", "-d"]).expect(1);
    assert!(
        run.stderr.contains(&owner.name) && run.stderr.contains(&owner.domain),
        "{run}"
    );
    assert_eq!(taker.containers("{{.ID}}"), Vec::<String>::new());
}

/// Two replicas that a port each is chosen for, out of the same few.
const PORTS: &str = "
name: {{name}}
services:
  web:
    build: app
    deploy: { replicas: 2 }
    x-placement: { hosts: [node-1, node-2] }
    x-ingress: { host: '{{domain}}', port: 8080, health_path: /healthz }
";

/// Has `up` say that it is there and wait, after the phase of this name.
fn pause_after(project: &Project, phase: &str) {
    let phases = ["guard", "build", "observe", "plan", "show", "lock", "apply"];
    let calls = phases.map(|name| {
        let wait =
            "touch there; n=0; until [ -e go ] || [ $n -gt 1200 ]; do n=$((n+1)); sleep 0.05; done";
        let pause = format!("\n    webpods.sh({{ 'sh', '-c', '{wait}' }})");
        let pause = if name == phase { pause.as_str() } else { "" };
        format!("    run.{name}(){pause}\n")
    });
    project.write(
        ".webpods/pipeline/up.lua",
        &format!("return function(run)\n{}end\n", calls.concat()),
    );
}

/// Starts `up`, and waits until it has come to its pause.
fn up_to_the_pause(project: &Project) -> Child {
    let mut up = project.webpods().spawn(["up", "-d"]);
    eventually("the pause", 60, || {
        let there = project.path("there").exists();
        if !there && up.try_wait().unwrap().is_some() {
            let mut said = String::new();
            up.stderr.take().unwrap().read_to_string(&mut said).unwrap();
            panic!("`up` has ended: {said}");
        }
        there.then_some(()).ok_or_else(String::new)
    });
    up
}

#[track_caller]
fn go_on(project: &Project, up: Child) -> String {
    project.write("go", "");
    let output = up.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{said}");
    said
}

#[test]
fn projects_that_are_deployed_at_the_same_moment_take_different_ports() {
    let projects = ["early", "middle", "late"].map(|name| {
        let project = Project::compose(name, PORTS);
        // One block of ports for all of them.
        project.use_lab("ports: { range: 19500-19599 }\n");
        project
    });
    let [early, middle, late] = &projects;
    early.up();
    early.answers();
    let load = Load::start(early.lab, &early.domain, "/");

    // All have the same ports in their plans: two of them are about to start containers, and one
    // has shown its plan and not begun.
    pause_after(late, "show");
    let late_up = up_to_the_pause(late);
    early.write("app/VERSION", "two\n");
    pause_after(early, "lock");
    let early_up = up_to_the_pause(early);
    pause_after(middle, "lock");
    let middle_up = up_to_the_pause(middle);
    let said = go_on(late, late_up);
    assert!(said.contains("this is the new plan"), "{said}");
    go_on(early, early_up);
    go_on(middle, middle_up);

    for project in &projects {
        project.answers();
    }
    load.none_failed();
    for node in &early.lab.nodes[..2] {
        let mut ports = Vec::new();
        for project in &projects {
            let held = node.containers(&project.name, "{{.Ports}}").concat();
            let published = held.split("->").filter_map(|it| it.rsplit(':').next());
            let published = published.filter_map(|it| it.parse::<u16>().ok());
            let one: std::collections::BTreeSet<u16> = published.collect();
            assert_eq!(one.len(), 1, "{held}");
            ports.extend(one);
        }
        ports.sort_unstable();
        ports.dedup();
        assert_eq!(ports.len(), 3, "on {}: {ports:?}", node.name);
    }
}
