//! Keys whose effect only an engine shows: links out of the project, namespaces of other services,
//! when images are pulled, how replicas spread, how long a rollout watches.

use std::process::Command;

use crate::support::{Project, eventually};

const LINKED: &str = "
name: {{name}}
services:
  client:
    build: box
    init: true
    stop_grace_period: 1s
    external_links: ['{{name}}-other:outside']
    ipc: service:keeper
    depends_on: [keeper]
    x-placement: { hosts: [node-1] }
  keeper:
    build: box
    init: true
    stop_grace_period: 1s
    ipc: shareable
    x-placement: { hosts: [node-1] }
";

#[test]
fn links_and_namespaces_reach_other_containers() {
    let text = LINKED.replace(
        "external_links: ['{{name}}-other:outside']",
        "labels: [none]",
    );
    let project = Project::boxed("linked", &text);
    let node = &project.lab.nodes[0];
    project.up();

    // Somebody else's container on the project's network, made of an image that is there.
    let other = format!("{}-other", project.name);
    let keeper = project.container("keeper");
    node.witness(&format!(
        "docker run -d --name {other} --network $(docker inspect {keeper} --format '{{{{range $name, $_ := .NetworkSettings.Networks}}}}{{{{$name}}}}{{{{end}}}}') $(docker inspect {keeper} --format '{{{{.Config.Image}}}}')"
    ));
    project.compose_file(LINKED);
    project.up();
    let hosts = project.inside(node, "client", "/bin/busybox ping -c 1 -w 5 outside");
    assert!(hosts.contains("1 packets received"), "{hosts}");
    let modes = node.witness(&format!(
        "docker inspect {} --format '{{{{.HostConfig.IpcMode}}}}'; docker inspect {keeper} --format '{{{{.Id}}}}'",
        project.container("client")
    ));
    let (mode, id) = modes.split_once('\n').unwrap();
    assert_eq!(mode.trim(), format!("container:{}", id.trim()));
    node.witness(&format!("docker rm -f {other}"));
}

const SPREAD: &str = "
name: {{name}}
services:
  web:
    build: box
    init: true
    stop_grace_period: 1s
    deploy:
      replicas: 3
      placement: { max_replicas_per_node: 1 }
";

#[test]
fn no_node_has_more_replicas_than_it_may() {
    let project = Project::boxed("spread", SPREAD);
    project.up();
    for node in &project.lab.nodes {
        let found = node.containers(&project.name, "{{.Label \"webpods.service\"}}");
        assert_eq!(found, ["web"]);
    }
    project.compose_file(&SPREAD.replace("replicas: 3", "replicas: 4"));
    let run = project.webpods().run(["up", "-d"]).expect(1);
    assert!(run.stderr.contains("web"), "{run}");
}

const PULLED: &str = "
name: {{name}}
services:
  web:
    image: {{name}}-box:1
    pull_policy: POLICY
    init: true
    stop_grace_period: 1s
    x-placement: { hosts: [node-1] }
";

#[test]
fn images_are_pulled_when_the_policy_says_so() {
    let project = Project::boxed("policy", PULLED);
    let node = &project.lab.nodes[0];
    let with = |policy: &str| project.compose_file(&PULLED.replace("POLICY", policy));
    let image = format!("{}-box:1", project.name);
    let docker = |words: &[&str]| Command::new("docker").args(words).output().unwrap();

    // Not here: `never` says so, and nothing is asked of a registry.
    with("never");
    let run = project.webpods().run(["up", "-d"]).expect(1);
    assert!(run.stderr.contains("pull_policy: never"), "{run}");

    let folder = project.path("box");
    let built = docker(&["build", "-q", "-t", &image, folder.to_str().unwrap()]);
    assert!(built.status.success(), "{built:?}");
    project.up();
    let version = |project: &Project| project.inside(node, "web", "/bin/busybox cat /VERSION");
    assert_eq!(version(&project), project.name);

    // Here, and `always` asks the registry, which has no such image.
    with("always");
    let run = project.webpods().run(["up", "-d"]).expect(1);
    assert!(run.stderr.contains(&image), "{run}");
    assert_eq!(version(&project), project.name);

    // `build` builds what is here already under that name.
    project.write("box/VERSION", "built anew");
    let text = PULLED.replace("POLICY", "build\n    build: box");
    project.compose_file(&text);
    project.up();
    assert_eq!(version(&project), "built anew");

    // What no policy of these is holds in another way, and that is said.
    with("daily");
    let run = project.webpods().run(["diff"]);
    assert!(run.stderr.contains("services.web.pull_policy"), "{run}");
    docker(&["rmi", "-f", &image]);
}

const WATCHED: &str = "
name: {{name}}
services:
  web:
    build: box
    init: true
    stop_grace_period: 1s
    command: [/bin/busybox, sh, -c, 'sleep $$LIVES; exit 3']
    environment: { LIVES: 100000 }
    x-placement: { hosts: [node-1] }
    deploy: { update_config: { monitor: 20s } }
    networks: [own]
networks: { own: { driver_opts: { com.docker.network.bridge.enable_icc: 'true' } } }
";

#[test]
fn a_rollout_watches_what_serves_and_says_what_it_cannot_change() {
    let project = Project::boxed("watched", &WATCHED.replace("monitor: 20s", "monitor: 1s"));
    project.up();
    let before = project.containers("{{.ID}}");

    // It lives long enough to count as running, and dies while it is watched.
    project.compose_file(&WATCHED.replace("LIVES: 100000", "LIVES: 6"));
    let run = project.webpods().run(["up", "-d"]).expect(4);
    assert!(run.stderr.contains("exited with status 3"), "{run}");
    eventually("the old container", 20, || {
        let now = project.containers("{{.ID}}");
        if now == before {
            Ok(())
        } else {
            Err(now.join(" "))
        }
    });

    let changed = WATCHED.replace("enable_icc: 'true'", "enable_icc: 'false'");
    project.compose_file(&changed.replace("monitor: 20s", "monitor: 1s"));
    for verb in [&["diff"][..], &["up", "-d"], &["diff"]] {
        let run = project.webpods().run(verb.iter().copied());
        let said = run.stdout.clone() + &run.stderr;
        assert!(said.contains("network `own` on `node-1` keeps"), "{run}");
    }
}
