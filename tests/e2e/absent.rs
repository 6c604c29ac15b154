//! Engines that go away while images are on their way to them, and come back: the command waits for
//! them, and no image is ever there in part (spec §12.6).

use crate::support::{CACHE, Layout, Node, ONE, OwnLab, Project, noise, random};

const CARRIED: &str = "name: {{name}}
services:
  web:
    image: {{name}}-carried
    x-placement: { hosts: [node-1] }
";
const SIZE: u64 = 200_000_000;

/// Somebody gives an archive to the engine.
const LOADING: &str = "pgrep -f '^perl.*images/load' >/dev/null";
/// Parts of a large blob are there.
const ARRIVING: &str = "find CACHE/tmp -type f -size +10000k | grep -q .";
/// None is any more, and the engine has not got all of the archive, or makes layers of it.
const ARRIVED: &str =
    "find CACHE/blobs -newer /run/begun -size +10000k | grep -q . && pgrep -f '^perl.*images/load'";

/// Ends the node's engine at that moment; it starts anew.
fn restart(node: &Node, moment: &str, signal: &str) {
    let moment = moment.replace("CACHE", CACHE);
    node.witness(&format!(
        "timeout 120 sh -c \"until {moment}; do sleep 0.02; done\" && \
         touch /run/engine-again && kill -{signal} $(cat /run/docker.pid)"
    ));
}

/// Runs a command in the middle of which the engine goes away; what it said.
#[track_caller]
fn interrupted(project: &Project, node: &Node, args: &[&str], how: (&str, &str)) -> String {
    let cache = project.path("cache").to_str().unwrap().to_owned();
    let client = project.webpods().env("XDG_CACHE_HOME", cache);
    node.witness("touch /run/begun");
    let running = client.spawn(args);
    restart(node, how.0, how.1);
    let ended = running.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&ended.stderr).into_owned();
    assert!(ended.status.success(), "{how:?}: {said}");
    said
}

/// The images that webpods brought; a container can be made of each, with the whole layer in it.
#[track_caller]
fn whole_images(node: &Node) -> usize {
    let sizes = node.witness(
        "for image in $(docker images --format '{{.Repository}}' 'webpods/*'); do \
         made=$(docker create $image) && docker cp $made:/layer - | wc -c && docker rm $made >&2; \
         done",
    );
    for size in sizes.lines() {
        assert!(size.parse::<u64>().unwrap() > SIZE, "{sizes}");
    }
    sizes.lines().count()
}

fn carried(project: &Project) {
    let folder = project.path("image");
    let _ = std::fs::remove_dir_all(&folder);
    let mut layout = Layout::new(&folder);
    layout.layer("layer", SIZE, &noise(SIZE)[..]);
    layout.finish(&format!(
        "docker.io/library/{}-carried:latest",
        project.name
    ));
}

fn journey(name: &str, store: &str) {
    let lab = OwnLab::start(name, 1, &["--store", store]);
    let node = &lab.0.nodes[0];
    let project = Project::compose_on(lab.0, name, CARRIED);
    let push = ["push", "--from", "image"];
    let moments = [(ARRIVING, "KILL"), (ARRIVED, "TERM"), (ARRIVED, "KILL")];
    for (number, how) in moments.into_iter().enumerate() {
        carried(&project);
        interrupted(&project, node, &push, how);
        assert_eq!(whole_images(node), number + 1);
    }
    // Nothing travels: the engine has forgotten what the cache still has.
    let forget = "docker rmi $(docker images -q 'webpods/*')";
    for signal in ["TERM", "KILL"] {
        node.witness(forget);
        let said = interrupted(&project, node, &push, (LOADING, signal));
        // An engine that is asked to end may be done before it does.
        assert!(
            signal == "TERM" || said.contains("was interrupted"),
            "{said}"
        );
        assert_eq!(whole_images(node), 1);
    }
}

#[test]
fn an_engine_of_the_classic_store_restarts() {
    journey("restart", "classic");
}

#[test]
fn an_engine_of_the_containerd_store_restarts() {
    journey("restartc", "containerd");
}

#[test]
fn a_rollout_waits_for_the_engine_too() {
    let lab = OwnLab::start("restartu", 1, &[]);
    let node = &lab.0.nodes[0];
    let project = Project::compose_on(lab.0, "restartu", ONE);
    project.add_layer(random(SIZE));
    interrupted(&project, node, &["up", "-d"], (ARRIVED, "KILL"));
    project.answers();
    assert_eq!(whole_images(node), 1);
}
