//! Ctrl-C and SIGTERM in the middle of verbs that take long: nothing stays locked, nothing is left
//! behind, and what was done is not done again.

use std::fs;
use std::io::Read;
use std::process::{Child, Command};

use crate::support::{CACHE, Project, Run, eventually, noise, sent};

/// Sends a signal to a run and waits for its end.
#[track_caller]
fn stop(mut running: Child, signal: &str) -> Run {
    let id = running.id().to_string();
    let killed = Command::new("kill").args([signal, &id]).status().unwrap();
    assert!(killed.success());
    let mut said = [String::new(), String::new()];
    let (out, err) = (running.stdout.take(), running.stderr.take());
    err.unwrap().read_to_string(&mut said[1]).unwrap();
    out.unwrap().read_to_string(&mut said[0]).unwrap();
    let [stdout, stderr] = said;
    Run {
        line: signal.to_owned(),
        status: running.wait().unwrap().code().unwrap_or(-1),
        stdout,
        stderr,
    }
}

#[test]
fn a_push_that_is_interrupted_keeps_what_arrived_and_no_lock() {
    const SIZE: u64 = 150_000_000;
    let project = Project::with_layer("stopped", &noise(SIZE)[..]);
    let node = &project.lab.nodes[0];
    project.webpods().ok(["build"]);
    let cache = format!("{CACHE}-{}", project.name);
    project.use_lab(&format!("artifacts: {{ remote_cache_dir: {cache} }}\n"));
    let parts = format!("find {cache}/tmp -size +2000k 2>/dev/null || true");
    let lock = format!(
        "ls /var/lib/webpods/state/e2e/{}/lock 2>/dev/null || true",
        project.name
    );

    let running = project.webpods().spawn(["push", "--format", "json"]);
    eventually("a part of the layer", 120, || match node.witness(&parts) {
        found if found.is_empty() => Err("nothing arrived".to_owned()),
        _ => Ok(()),
    });
    assert_ne!(node.witness(&lock), "");
    let ended = stop(running, "-INT").expect(130);
    let last = ended.stderr.lines().last().unwrap();
    let event: serde_json::Value = serde_json::from_str(last).unwrap();
    assert_eq!(event["event"], "error", "{ended}");
    assert_eq!(event["exit_code"], 130, "{ended}");
    let message = event["message"].as_str().unwrap();
    assert!(message.contains("interrupted"), "{ended}");
    assert!(event["hints"][0].as_str().unwrap().contains("again"));
    assert_eq!(node.witness(&lock), "", "{ended}");
    assert_ne!(node.witness(&parts), "", "{ended}");

    let rest = project
        .webpods()
        .run(["push", "--format", "json"])
        .expect(0);
    assert!(sent(&rest) < SIZE - 1_000_000, "{rest}");
    assert_eq!(node.witness(&parts), "");
    node.witness(&format!("rm -rf {cache}"));
}

#[test]
fn a_build_for_a_file_that_is_terminated_leaves_nothing_beside_it() {
    let project = Project::boxed(
        "ended",
        "name: {{name}}\nservices:\n  web:\n    build: box\n",
    );
    let dockerfile = project.read("box/Dockerfile");
    project.write(
        "box/Dockerfile",
        &format!("{dockerfile}RUN [\"/bin/busybox\", \"sleep\", \"100\"]\n"),
    );
    let names = || {
        let entries = fs::read_dir(project.path(".")).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        names.collect::<Vec<_>>()
    };
    let before = names();
    for signal in ["-TERM", "-INT"] {
        let running = project.webpods().spawn(["pull", "--to", "images.tar"]);
        eventually("the file that is written", 60, || {
            if names().len() > before.len() {
                return Ok(());
            }
            Err(format!("{:?}", names()))
        });
        let ended = stop(running, signal).expect(130);
        assert!(ended.stderr.contains("interrupted"), "{ended}");
        assert!(ended.stderr.contains("again"), "{ended}");
        let mut after = names();
        after.retain(|name| !before.contains(name));
        assert_eq!(after, Vec::<String>::new());
    }
}
