//! The first push to hosts that have nothing: layers travel while this machine's engine still hands
//! them out, and the hosts' engines read along.

use crate::support::{CACHE, Node, ONE, OwnLab, Project, ThinLink, eventually, random};

const TWO: &str = "
name: {{name}}
services:
  web:
    build: app
    deploy: { replicas: 2 }
    x-placement: { hosts: [node-1, node-2] }
    x-ingress: { host: '{{domain}}', port: 8080, health_path: /healthz }
  side:
    build: app
    x-placement: { hosts: [node-2] }
";

/// What a host's engine has under names of webpods.
fn loaded(node: &Node) -> String {
    node.witness("docker images --format '{{.Repository}}' | grep webpods/ | sort -u || true")
}

/// What is left of a transfer: pipes to the engine and parts of blobs.
fn left(node: &Node) -> String {
    node.witness(&format!(
        "find {CACHE}/tmp -mindepth 1 ! -name '*.lock' 2>/dev/null || true"
    ))
}

#[test]
fn a_first_push_is_loaded_while_it_is_sent_and_goes_on_where_it_was_cut() {
    let lab = OwnLab::start("first", 2, &[]);
    let nodes = &lab.0.nodes;
    let project = Project::compose_on(lab.0, "first", TWO);
    project.add_layer(random(300_000_000));
    let hooks = "webpods.on('plan', function() print('reviewed') end)";
    project.write(".webpods/hooks.lua", hooks);
    let cache = project.path("another machine");
    let cache = cache.to_str().unwrap();

    let mut client = project
        .webpods()
        .env("XDG_CACHE_HOME", cache)
        .spawn(["push"]);
    let parts = format!("find {CACHE}/tmp -maxdepth 1 -type f -size +10000k 2>/dev/null || true");
    let part = eventually("a part of the layer", 120, || {
        match nodes[0].witness(&parts).lines().next() {
            Some(part) => Ok(part.to_owned()),
            None => Err("nothing arrived".to_owned()),
        }
    });
    let reading = nodes[0].witness("pgrep -f '^perl.*images/load' || true");
    assert_ne!(reading, "", "the engine reads along");
    client.kill().unwrap();
    client.wait().unwrap();
    eventually("the engine has nothing to read any more", 60, || {
        let reading = nodes[0].witness("pgrep -f '^perl.*images/load' || true");
        if reading.is_empty() {
            Ok(())
        } else {
            Err(reading)
        }
    });
    assert_eq!(loaded(&nodes[0]), "", "half an image is none");
    let inode = nodes[0].witness(&format!("stat -c %i {part}"));

    let push = || {
        let client = project.webpods().env("XDG_CACHE_HOME", cache);
        client.run(["push"]).expect(0)
    };
    let pushed = push();
    let reviewed = pushed.stderr.matches("reviewed").count();
    assert_eq!(reviewed, 1, "looking ahead is not told: {pushed}");
    for node in nodes {
        assert_ne!(loaded(node), "", "{pushed}");
        assert_eq!(left(node), "");
    }
    let hex = part.rsplit('/').next().unwrap().split('.').next().unwrap();
    let blob = format!("{CACHE}/blobs/sha256/{hex}");
    assert_eq!(nodes[0].witness(&format!("stat -c %i {blob}")), inode);
    let sum = nodes[1].witness(&format!("sha256sum {blob}"));
    assert!(sum.starts_with(hex), "{sum}");
    let again = push();
    for host in ["node-1", "node-2"] {
        let nothing = format!("{host}: nothing to send");
        assert!(again.stderr.contains(&nothing), "{again}");
    }
    project.up();
    project.answers();
}

#[test]
fn over_a_thin_link_each_byte_of_a_first_push_travels_once_and_none_to_a_full_disk() {
    const SIZE: u64 = 50_000_000;
    const FULL: &str = "/mnt/full";
    let lab = OwnLab::start("thin", 1, &[]);
    let node = &lab.0.nodes[0];
    let project = Project::compose_on(lab.0, "thin", ONE);
    project.add_layer(random(SIZE));
    project.webpods().ok(["build"]);
    let cache = project.path("another machine");
    let link = ThinLink::to(node, 40);
    let push = || {
        let cache = cache.to_str().unwrap();
        project.webpods().env("XDG_CACHE_HOME", cache)
    };

    node.witness(&format!(
        "mkdir {FULL} && mount -t tmpfs -o size=200m tmpfs {FULL}"
    ));
    project.use_lab(&format!("artifacts: {{ remote_cache_dir: {FULL} }}\n"));
    let mut client = push().spawn(["push"]);
    let parts = format!("find {FULL}/tmp -maxdepth 1 -type f -size +8000k 2>/dev/null || true");
    eventually("a part of the layer", 120, || {
        let part = node.witness(&parts);
        (!part.is_empty()).then_some(()).ok_or(part)
    });
    // Fills what is left, which `head` is told.
    node.witness(&format!("head -c 300m /dev/zero >{FULL}/others || true"));
    assert!(!client.wait().unwrap().success());
    let before = link.received();
    assert!(before < SIZE / 2, "{before} bytes went to a full disk");
    assert_eq!(loaded(node), "");
    let refused = push().run(["push"]);
    assert!(refused.stderr.contains("too little space"), "{refused}");

    node.witness(&format!("rm {FULL}/others"));
    let pushed = push().run(["push"]).expect(0);
    let received = link.received();
    // What was on its way to the full disk is lost; the protocols below need a twentieth.
    assert!(
        received < before + SIZE,
        "{received} bytes, {before} before: {pushed}"
    );
    assert!(received > SIZE, "{received} bytes: {pushed}");
    assert_ne!(loaded(node), "", "{pushed}");
    let indexes = format!("find {FULL}/indexes -type f -size +1k");
    assert_ne!(node.witness(&indexes), "", "the index came too");
    let left = format!("find {FULL}/tmp -mindepth 1 ! -name '*.lock'");
    assert_eq!(node.witness(&left), "");

    node.witness("mv /usr/bin/perl /usr/bin/no-perl");
    project.add_layer(random(1_000_000));
    let whole = push().run(["push"]).expect(0);
    assert!(whole.stderr.contains("neither perl nor python3"), "{whole}");
}
