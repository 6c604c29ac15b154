//! Hosts that pull images themselves, by digest, with credentials that are kept nowhere.

mod credentials;
mod through;

use std::fs;
use std::path::Path;

use serde_json::json;

use crate::support::registry::{AUTH, PASSWORD, Registry, config};
use crate::support::{OwnLab, Project, Run, Webpods};

const PULLED: &str = "name: {{name}}
services:
  web:
    image: REGISTRY/team/web:1
    x-artifacts: {source: host}
    deploy: {replicas: 2}
    x-placement: {hosts: [node-1, node-2]}
    x-ingress: {host: '{{domain}}', port: 8080, health_path: /healthz}
";
const BUILT: &str = "name: {{name}}
services:
  web:
    build: app
    x-placement: {hosts: [node-1]}
    x-ingress: {host: '{{domain}}', port: 8080, health_path: /healthz}
";

/// The program with a Docker configuration and a store of its own.
fn as_with(project: &Project, config: &Path) -> Webpods {
    let text = |path: &Path| path.to_str().unwrap().to_owned();
    project
        .webpods()
        .env("DOCKER_CONFIG", text(config))
        .env("XDG_CACHE_HOME", text(&project.path("cache")))
}

fn secrets() -> [String; 3] {
    [PASSWORD.to_owned(), AUTH.to_owned(), "hunter2".to_owned()]
}

/// What was printed, which holds no secret.
#[track_caller]
fn clean(run: Run) -> Run {
    for secret in secrets() {
        assert!(!run.stdout.contains(&secret), "{run}");
        assert!(!run.stderr.contains(&secret), "{run}");
    }
    run
}

/// The project's images on a node, by what its containers run.
fn running(project: &Project, node: usize) -> Vec<String> {
    let node = &project.lab.nodes[node];
    node.containers(&project.name, "{{.Image}}")
}

#[test]
fn hosts_pull_what_the_plan_names_and_keep_no_credentials() {
    let registry = Registry::start();
    let project = Project::compose("pulls", "name: {{name}}\nservices: {}\n");
    registry.push(&project.path("app"), "team/web:1");
    project.compose_file(&PULLED.replace("REGISTRY", &registry.name()));
    let webpods = as_with(&project, &registry.logged_in(&project.path("docker")));

    let plan = clean(webpods.run(["diff", "--format", "json", "-v"]).expect(0));
    let plan: serde_json::Value = serde_json::from_str(&plan.stdout).unwrap();
    let first = plan["services"]["web"]["desired"]
        .as_str()
        .unwrap()
        .to_owned();
    let pinned = format!("{}/team/web@{first}", registry.name());
    assert_eq!(plan["images"][0]["image"]["pull"], json!(pinned));
    let text = clean(webpods.run(["diff"]).expect(0)).stdout;
    let by = format!("no, pulled by node-1, node-2 from {}", registry.name());
    assert!(text.contains(&by), "{text}");
    assert!(!text.contains("to ship"), "{text}");

    let up = clean(
        webpods
            .run(["up", "-d", "--format", "json", "-v"])
            .expect(0),
    );
    assert!(!up.stderr.contains("\"shipp"), "{up}");
    project.answers();
    for node in [0, 1] {
        let tag = format!("webpods/{}:pulled", &first["sha256:".len()..]);
        assert_eq!(running(&project, node), [tag]);
        // Known by no other name, so that it goes when its release goes.
        let names = project.lab.nodes[node].witness("docker images --digests");
        assert!(!names.contains("team/web"), "{names}");
    }
    let again = webpods.run(["up", "-d"]).expect(0);
    assert!(again.stderr.contains("nothing to do"), "{again}");

    // The tag moves: everybody follows at once, and goes back by digest.
    project.write("app/VERSION", "two\n");
    registry.push(&project.path("app"), "team/web:1");
    let moved = webpods.json(["diff"])["services"]["web"]["desired"].clone();
    assert_ne!(moved, json!(first));
    clean(webpods.run(["up", "-d"]).expect(0));
    let label = "{{.Label \"webpods.image\"}}";
    let label = |node: usize| project.lab.nodes[node].containers(&project.name, label);
    assert_eq!(
        [label(0), label(1)],
        [vec![text_of(&moved)], vec![text_of(&moved)]]
    );
    project.lab.nodes[0].witness(&format!("docker rmi webpods/{}:pulled", &first[7..]));
    clean(webpods.run(["rollback"]).expect(0));
    assert_eq!(
        [label(0), label(1)],
        [vec![first.clone()], vec![first.clone()]]
    );

    let places = "/root /home /etc /var/lib/webpods /var/log /tmp /run";
    for node in &project.lab.nodes {
        for secret in secrets() {
            let found = node.witness(&format!("grep -rlsF -e '{secret}' {places} || true"));
            assert_eq!(found, "", "on {}", node.name);
        }
    }
    for secret in secrets() {
        assert!(!holds(&project.path("cache"), &secret));
        assert!(!holds(&project.path(".webpods"), &secret));
    }
}

/// The containerd store names images by manifest, not by configuration, and keeps what it pulled in
/// the registry's form.
#[test]
fn the_containerd_store_pulls_too() {
    let lab = OwnLab::start("pulls", 1, &["--engine", "26.1", "--store", "containerd"]);
    let node = &lab.0.nodes[0];
    let registry = Registry::start_for(lab.0);
    let project = Project::compose_on(lab.0, "pullsc", "name: {{name}}\nservices: {}\n");
    registry.push(&project.path("app"), "team/web:1");
    let text = PULLED.replace("REGISTRY", &registry.name());
    project.compose_file(&text.replace("[node-1, node-2]", "[node-1]"));
    let webpods = as_with(&project, &registry.logged_in(&project.path("docker")));
    clean(webpods.run(["up", "-d"]).expect(0));
    project.answers();
    let first = running(&project, 0);
    let again = webpods.run(["up", "-d"]).expect(0);
    assert!(again.stderr.contains("nothing to do"), "{again}");
    let names = node.witness("docker images --digests");
    assert!(!names.contains("team/web"), "{names}");

    // The same image, sent: none of the pulled layers is mistaken for one in webpods' own form.
    project.write(
        "compose.yml",
        &format!(
            "name: {}\nservices: {{web: {{build: app}}}}\n",
            project.name
        ),
    );
    clean(webpods.run(["up", "-d"]).expect(0));
    let sent = running(&project, 0);
    assert!(sent[0].ends_with(":latest"), "{sent:?}");
    node.witness(&format!("docker rmi {}", first[0]));
    clean(webpods.run(["rollback"]).expect(0));
    assert_eq!(running(&project, 0), first);
    project.answers();
}

fn text_of(value: &serde_json::Value) -> String {
    value.as_str().unwrap().to_owned()
}

/// Whether a file below the folder has this text.
fn holds(folder: &Path, text: &str) -> bool {
    let entries = fs::read_dir(folder).unwrap().map(Result::unwrap);
    entries.into_iter().any(|entry| {
        if entry.file_type().unwrap().is_dir() {
            return holds(&entry.path(), text);
        }
        if !entry.file_type().unwrap().is_file() {
            return false;
        }
        let bytes = fs::read(entry.path()).unwrap();
        bytes
            .windows(text.len())
            .any(|part| part == text.as_bytes())
    })
}

#[test]
fn what_goes_wrong_with_a_registry_is_said() {
    let registry = Registry::start();
    let project = Project::compose("faults", "name: {{name}}\nservices: {}\n");
    registry.push(&project.path("app"), "team/web:1");
    let webpods = as_with(&project, &registry.logged_in(&project.path("docker")));
    let refused = |registry: &str, tag: &str| {
        let text = PULLED.replace("REGISTRY", registry);
        project.compose_file(&text.replace("web:1", &format!("web:{tag}")));
        clean(webpods.run(["diff"]).expect(1)).stderr
    };

    let missing = refused(&registry.name(), "9");
    assert!(missing.contains("has no such image"), "{missing}");
    let plain = refused(&registry.untrusted(), "1");
    let hint = format!("\"insecure-registries\": [\"{}\"]", registry.untrusted());
    assert!(plain.contains(&hint), "{plain}");
    let closed = refused("127.0.0.1:1", "1");
    assert!(
        closed.contains("must be reachable from host `node-1`"),
        "{closed}"
    );
    let nobody = refused("registry.invalid", "1");
    assert!(
        nobody.contains("must be reachable from host `node-1`"),
        "{nobody}"
    );
    let hostile = refused("r.io/../../containers", "1");
    assert!(hostile.contains("is not valid"), "{hostile}");

    // It is gone between two releases: the one that serves goes on serving.
    project.compose_file(&PULLED.replace("REGISTRY", &registry.name()));
    clean(webpods.run(["up", "-d"]).expect(0));
    project.answers();
    let first = running(&project, 1);
    project.write("app/VERSION", "two\n");
    registry.push(&project.path("app"), "team/web:1");
    clean(webpods.run(["up", "-d"]).expect(0));
    registry.forget();
    let lost = clean(webpods.run(["diff"]).expect(1));
    assert!(lost.stderr.contains("has no such image"), "{lost}");
    project.lab.nodes[1].witness(&format!("docker rmi {}", first[0]));
    let failed = clean(webpods.run(["rollback"]).expect(4));
    assert!(
        failed.stderr.contains("cannot be pulled on host `node-2`"),
        "{failed}"
    );
    project.answers();
}

#[test]
fn a_certificate_that_nobody_knows_is_said_and_one_that_the_host_trusts_will_do() {
    let registry = Registry::start();
    let project = Project::compose("tls", "name: {{name}}\nservices: {}\n");
    registry.push(&project.path("app"), "team/web:1");
    let node = &project.lab.nodes[0];
    let name = registry.behind_tls(node);
    let text = PULLED.replace("REGISTRY", &name);
    let text = text.replace("[node-1, node-2]", "[node-1]");
    let auths = json!({"auths": {&name: {"auth": AUTH}}});
    let webpods = as_with(&project, &config(&project.path("docker"), "tls", &auths));

    let authority = format!("`/etc/docker/certs.d/{name}/ca.crt`");
    let whose = |place: &str| format!("the Docker of {place} does not trust the certificate");
    project.compose_file(&text);
    let refused = clean(webpods.run(["diff"]).expect(1)).stderr;
    assert!(refused.contains(&whose("host `node-1`")), "{refused}");
    assert!(refused.contains(&authority), "{refused}");
    project.compose_file(&text.replace("{source: host}", "{source: client}"));
    let refused = clean(webpods.run(["up", "-d"]).expect(1)).stderr;
    assert!(refused.contains(&whose("this machine")), "{refused}");
    assert!(refused.contains(&authority), "{refused}");

    Registry::trusted_by(node, &name);
    project.compose_file(&text);
    clean(webpods.run(["up", "-d", "-v"]).expect(0));
    project.answers();
    node.witness(&format!("rm -r /etc/docker/certs.d/{name}"));
}
