//! The lab itself.

use std::fs;

use crate::support::{Webpods, lab};

#[test]
fn nodes_are_listed_reached_and_can_be_asked_for_their_log() {
    let lab = lab();
    let folder = tempfile::tempdir().unwrap();
    let webpods = Webpods::new(folder.path());
    let listed = webpods.json(["lab", "ls"]);
    for node in &lab.nodes {
        assert!(
            listed.as_array().unwrap().iter().any(|entry| {
                entry["lab"] == "e2e"
                    && entry["name"] == node.name.as_str()
                    && entry["addr"] == node.addr.as_str()
                    && entry["state"] == "running"
            }),
            "{listed}"
        );
        let ssh = ["lab", "ssh", "--name", "e2e", &node.name, "--"];
        let run = webpods
            .run(ssh.iter().copied().chain(["hostname"]))
            .expect(0);
        assert_eq!(run.stdout.trim(), node.name);
        let run = webpods.run(ssh.iter().copied().chain(["exit 7"])).expect(7);
        assert_eq!(run.stderr, "");
    }
    let log = webpods
        .run(["lab", "logs", "--name", "e2e", "node-1"])
        .expect(0);
    assert!(log.stdout.contains("dockerd: "), "{log}");
}

#[test]
fn a_command_with_blanks_and_quotes_arrives_as_it_was_written() {
    lab();
    let folder = tempfile::tempdir().unwrap();
    let hostile = "a b; echo 'oops' $(id)";
    let args = [
        "lab", "ssh", "--name", "e2e", "node-1", "--", "printf", "%s", hostile,
    ];
    let run = Webpods::new(folder.path()).run(args).expect(0);
    assert_eq!(run.stdout, hostile);
}

#[test]
fn wrong_names_are_explained() {
    lab();
    let folder = tempfile::tempdir().unwrap();
    let webpods = Webpods::new(folder.path());
    let run = webpods
        .run(["lab", "ssh", "--name", "e2e", "nod-1"])
        .expect(1);
    assert!(run.stderr.contains("did you mean `node-1`?"), "{run}");
    let run = webpods
        .run(["lab", "ssh", "--name", "no-such-lab", "node-1"])
        .expect(1);
    assert!(
        run.stderr.contains("webpods lab up --name no-such-lab"),
        "{run}"
    );
    let args = ["lab", "up", "--name", "e2e", "--engine", "28.5"];
    let run = webpods.run(args).expect(1);
    assert!(run.stderr.contains("lab `e2e` runs already"), "{run}");
    for name in ["../e2e", "a b", "; rm -rf /", ""] {
        assert_ne!(webpods.run(["lab", "up", "--name", name]).status, 0);
    }
}

#[test]
fn a_context_of_the_users_own_is_never_touched() {
    lab();
    let folder = tempfile::tempdir().unwrap();
    let contexts = folder.path().join(".webpods/contexts");
    fs::create_dir_all(&contexts).unwrap();
    let file = contexts.join("e2e.yml");
    fs::write(&file, "name: e2e\nhosts: [{ name: local }]\n").unwrap();
    let before = fs::read(&file).unwrap();
    let run = Webpods::new(folder.path())
        .run(["lab", "up", "--name", "e2e"])
        .expect(1);
    assert!(
        run.stderr.contains("was not written by `webpods lab`"),
        "{run}"
    );
    assert_eq!(fs::read(&file).unwrap(), before);
}

#[test]
fn a_second_lab_lives_beside_the_first_is_repaired_and_goes_without_a_trace() {
    let first = lab();
    let folder = tempfile::tempdir().unwrap();
    let webpods = Webpods::new(folder.path());
    let name = format!("side-{}", std::process::id());
    let up = |more: &[&str]| {
        let base = ["lab", "up", "--name", &name, "--user", "deploy"];
        webpods.json(base.iter().chain(more))
    };
    let lab = up(&["--nodes", "1"]);
    let context = folder.path().join(format!(".webpods/contexts/{name}.yml"));
    assert!(
        fs::read_to_string(&context)
            .unwrap()
            .contains("user: deploy")
    );
    let addr = lab["nodes"][0]["addr"].as_str().unwrap().to_owned();
    assert!(first.nodes.iter().all(|node| node.addr != addr));

    // What an interruption leaves: a node that was made and never started.
    let container = format!("webpods-lab-{name}-node-1");
    docker(&["stop", "--time", "1", &container]);
    let again = up(&[]);
    assert_eq!(again["nodes"][0]["addr"], addr.as_str());
    let id = webpods.ok(["lab", "ssh", "--name", &name, "node-1", "--", "id", "-un"]);
    assert_eq!(id.trim(), "deploy");

    webpods.ok(["lab", "down", "--name", &name]);
    let label = format!("label=webpods.lab={name}");
    for kind in [&["ps", "--all"][..], &["volume", "ls"], &["network", "ls"]] {
        let args = [kind, &["--quiet", "--filter", &label]].concat();
        assert_eq!(docker(&args), "", "{kind:?}");
    }
    assert!(!context.exists());
    webpods.ok(["lab", "down", "--name", &name]);
}

fn docker(args: &[&str]) -> String {
    let output = std::process::Command::new("docker")
        .args(args)
        .output()
        .unwrap();
    assert!(output.status.success(), "docker {args:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}
