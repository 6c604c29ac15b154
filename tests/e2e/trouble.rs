//! Clients that die, two at once, and hosts that are not ours alone.

use std::time::Duration;

use crate::support::{Load, Project, Webpods, eventually};

const SLOW: &str = "
name: {{name}}
services:
  web:
    build: app
    environment: { GREETING: one }
    deploy: { replicas: 2 }
    stop_grace_period: 3s
    x-placement: { hosts: [node-1, node-2] }
    x-ingress: { host: '{{domain}}', port: 8080, health_path: /healthz }
";

/// Waits until a rollout has started its first container.
fn second_release_begins(project: &Project) {
    eventually("a container of the second release", 60, || {
        let seen = project.containers(r#"{{.Label "webpods.release"}}"#);
        if seen.iter().any(|line| line.ends_with("r2")) {
            Ok(())
        } else {
            Err(format!("{seen:?}"))
        }
    });
}

#[test]
fn a_client_killed_in_the_middle_leaves_the_old_release_serving() {
    let project = Project::compose("killed", SLOW);
    project.up();
    let load = Load::start(project.lab, &project.domain, "/");
    project.compose_file(&SLOW.replace("GREETING: one", "GREETING: two"));
    let mut client = project.webpods().spawn(["up", "-d"]);
    second_release_begins(&project);
    client.kill().unwrap();
    client.wait().unwrap();
    for answer in project.answers() {
        assert_eq!(answer.status, 200);
    }
    // The lock of the dead client is told from a live one's, so nobody has to wait it out for long.
    project.webpods().ok(["up", "-d", "--wait", "2m"]);
    load.none_failed();
    for answer in project.answers() {
        assert_eq!(answer.json()["greeting"], "two", "{answer:?}");
    }
    let containers = project.containers("{{.Names}}");
    assert_eq!(containers.len(), 2, "{containers:?}");
}

#[test]
fn the_second_of_two_ups_is_told_who_holds_the_lock() {
    let project = Project::compose("twice", SLOW);
    project.up();
    project.compose_file(&SLOW.replace("GREETING: one", "GREETING: two"));
    let mut first = project.webpods().spawn(["up", "-d"]);
    let lock = format!("ls /var/lib/webpods/state/e2e/{}/lock", project.name);
    eventually("the first one's lock", 60, || {
        match project.lab.nodes[0].witness(&format!("{lock} 2>/dev/null || true")) {
            found if found.is_empty() => Err("there is none".to_owned()),
            _ => Ok(()),
        }
    });
    let second = project.webpods().run(["up", "-d"]).expect(6);
    assert!(second.stderr.contains("up"), "{second}");
    assert!(second.stderr.contains("--wait"), "{second}");
    assert!(first.wait().unwrap().success());
}

#[test]
fn an_interrupt_undoes_and_exits_130() {
    let project = Project::compose("ctrlc", SLOW);
    project.up();
    let before = project.containers("{{.ID}}");
    project.compose_file(&SLOW.replace("GREETING: one", "GREETING: two"));
    let mut client = project.webpods().spawn(["up", "-d"]);
    second_release_begins(&project);
    let id = client.id().to_string();
    let killed = std::process::Command::new("kill")
        .args(["-INT", &id])
        .status()
        .unwrap();
    assert!(killed.success());
    let status = client.wait().unwrap();
    assert_eq!(status.code(), Some(130), "{status:?}");
    assert_eq!(project.containers("{{.ID}}"), before);
    // The lock is free at once.
    let run = project.webpods().run(["up", "-d"]).expect(0);
    assert!(run.stderr.contains("live"), "{run}");
}

#[test]
fn a_user_who_is_not_root_deploys_after_bootstrap() {
    let folder = tempfile::tempdir().unwrap();
    let webpods = Webpods::new(folder.path());
    let name = "e2edeploy";
    webpods.ok([
        "lab", "up", "--name", name, "--nodes", "1", "--user", "deploy",
    ]);
    let removed = Removed { name };
    let context = folder.path().join(format!(".webpods/contexts/{name}.yml"));
    assert!(context.exists(), "the lab writes its context");

    let project = Project::compose("deploy", &SLOW.replace("node-1, node-2", "node-1"));
    std::fs::copy(
        &context,
        project.path(&format!(".webpods/contexts/{name}.yml")),
    )
    .unwrap();
    let webpods = project.webpods();
    webpods.ok(["-c", name, "node", "bootstrap", "--yes"]);
    webpods.ok(["-c", name, "node", "check"]);
    webpods.ok(["-c", name, "up", "-d"]);
    let seen = webpods.json(["-c", name, "ps"]);
    assert_eq!(seen.as_array().unwrap().len(), 2, "{seen}");
    webpods.ok(["-c", name, "down", "--volumes"]);
    drop(removed);
}

/// Removes a lab however the test ends.
struct Removed {
    name: &'static str,
}

impl Drop for Removed {
    fn drop(&mut self) {
        let folder = tempfile::tempdir().unwrap();
        let _ = Webpods::new(folder.path()).run(["lab", "down", "--name", self.name]);
    }
}

#[test]
fn what_an_unreachable_host_gets() {
    let project = Project::compose("away", SLOW);
    let text = project.read(".webpods/contexts/e2e.yml");
    let away = text.replace(&project.lab.nodes[2].addr, "127.255.255.254");
    project.write(
        ".webpods/contexts/away.yml",
        &away.replace("name: e2e", "name: away"),
    );
    let begun = std::time::Instant::now();
    let run = project.webpods().run(["-c", "away", "up", "-d"]).expect(7);
    assert!(run.stderr.contains("node-3"), "{run}");
    assert!(begun.elapsed() < Duration::from_secs(60));
    assert_eq!(project.containers("{{.ID}}"), Vec::<String>::new());
}
