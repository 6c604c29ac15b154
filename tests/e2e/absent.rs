//! Engines that go away while images are on their way to them, or get something else than what was
//! sent: the command waits for them or tries again, and no image is ever there in part (spec §12.6).

use crate::support::{CACHE, Layout, Node, ONE, OwnLab, Project, Webpods, noise, random};

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

/// Stands before perl in the node's path, and spoils the first archive for the engine when that is
/// asked for.
const SPOILER: &str = r#"#!/bin/sh
case $2 in *images/load*)
  if mv /run/spoil /run/spoilt 2>/dev/null; then
    case $(cat /run/spoilt) in
      cut) head -c 20000000 | /usr/bin/perl "$@" ;;
      noise) {
        head -c 20000000
        head -c 4096 /dev/urandom
        head -c 4096 >/dev/null
        cat
      } | /usr/bin/perl "$@" ;;
    esac
    exit $?
  fi ;;
esac
exec /usr/bin/perl "$@"
"#;

/// Ends the engine, which starts anew.
fn restart(signal: &str) -> String {
    format!("touch /run/engine-again && kill -{signal} $(cat /run/docker.pid)")
}

/// The program with a store of the project's own.
fn client(project: &Project) -> Webpods {
    let cache = project.path("cache").to_str().unwrap().to_owned();
    project.webpods().env("XDG_CACHE_HOME", cache)
}

/// Runs a command in the middle of which something happens on the node; what it said.
#[track_caller]
fn interrupted(project: &Project, node: &Node, args: &[&str], when: &str, what: &str) -> String {
    node.witness("touch /run/begun");
    let running = client(project).spawn(args);
    let when = when.replace("CACHE", CACHE);
    node.witness(&format!(
        "timeout 120 sh -c \"until {when}; do sleep 0.02; done\" && {what}"
    ));
    let ended = running.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&ended.stderr).into_owned();
    assert!(ended.status.success(), "{when} {what}: {said}");
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
    for (number, (when, signal)) in moments.into_iter().enumerate() {
        carried(&project);
        interrupted(&project, node, &push, when, &restart(signal));
        assert_eq!(whole_images(node), number + 1);
    }
    // Nothing travels: the engine has forgotten what the cache still has.
    let forget = "docker rmi $(docker images -q 'webpods/*')";
    for signal in ["TERM", "KILL"] {
        node.witness(forget);
        let said = interrupted(&project, node, &push, LOADING, &restart(signal));
        // An engine that is asked to end may be done before it does.
        assert!(
            signal == "TERM" || said.contains("was interrupted"),
            "{said}"
        );
        assert_eq!(whole_images(node), 1);
    }

    // The engine refuses what it reads along, or its reader dies: the cache has it all the same.
    carried(&project);
    let kill = "pkill -KILL -f '^perl.*images/load'";
    interrupted(&project, node, &push, ARRIVING, kill);
    assert_eq!(whole_images(node), 2);
    node.witness(&format!(
        "cat >/usr/local/bin/perl <<'END'\n{SPOILER}END\nchmod 755 /usr/local/bin/perl"
    ));
    for (number, how) in ["cut", "noise"].into_iter().enumerate() {
        carried(&project);
        node.witness(&format!("rm -f /run/spoilt && echo {how} >/run/spoil"));
        let run = client(&project).run(push).expect(0);
        assert_eq!(node.witness("cat /run/spoilt"), how, "{run}");
        assert_eq!(whole_images(node), number + 3, "{run}");
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
    interrupted(&project, node, &["up", "-d"], ARRIVED, &restart("KILL"));
    project.answers();
    assert_eq!(whole_images(node), 1);
}

#[test]
fn a_connection_that_is_lost_while_the_engine_loads_is_made_again() {
    let lab = OwnLab::start("lost", 1, &[]);
    let node = &lab.0.nodes[0];
    let project = Project::compose_on(lab.0, "lost", CARRIED);
    carried(&project);
    let push = ["push", "--from", "image"];
    client(&project).ok(push);
    node.witness("docker rmi $(docker images -q 'webpods/*')");
    let end = "pkill -KILL -f '^sshd(-session)?: root@notty'";
    let said = interrupted(&project, node, &push, LOADING, end);
    assert!(said.contains("was interrupted"), "{said}");
    assert_eq!(whole_images(node), 1);
}
