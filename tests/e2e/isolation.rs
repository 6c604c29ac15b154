//! Two projects on the same hosts: what one removes, the other keeps (spec §7).

use crate::support::{Load, Project};

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
