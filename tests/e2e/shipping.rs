//! Images on their way: what breaks on the road is found, and what arrived is not sent again.

use crate::support::{CACHE, Node, Project, eventually, random};

/// The hexadecimal digest of the project's only image.
fn manifest(project: &Project) -> String {
    let images = project.webpods().json(["images"]);
    let digest = images[0]["digest"].as_str().unwrap();
    digest.trim_start_matches("sha256:").to_owned()
}

/// The topmost layer of an image in a node's cache.
fn top_layer(node: &Node, manifest: &str) -> String {
    let text = node.witness(&format!("cat {CACHE}/blobs/sha256/{manifest}"));
    let manifest: serde_json::Value = serde_json::from_str(&text).unwrap();
    let layers = manifest["layers"].as_array().unwrap();
    let digest = layers.last().unwrap()["digest"].as_str().unwrap();
    digest.trim_start_matches("sha256:").to_owned()
}

fn sound(node: &Node, hex: &str) -> bool {
    let sum = node.witness(&format!("sha256sum {CACHE}/blobs/sha256/{hex}"));
    sum.starts_with(hex)
}

#[test]
fn a_damaged_blob_is_never_loaded_and_is_sent_again() {
    let project = Project::with_layer("damaged", random(300_000));
    let node = &project.lab.nodes[0];
    project.webpods().ok(["push"]);
    let manifest = manifest(&project);
    let loaded = format!("docker images -q webpods/{manifest}");
    assert_ne!(node.witness(&loaded), "");
    let layer = top_layer(node, &manifest);
    // The cache remains.
    let damage = || {
        node.witness(&format!("docker rmi webpods/{manifest}"));
        assert!(sound(node, &layer));
        node.witness(&format!(
            "printf damage | dd of={CACHE}/blobs/sha256/{layer} bs=1 seek=2000 conv=notrunc 2>&1"
        ));
    };
    damage();
    let push = project.webpods().run(["push"]).expect(0);
    assert!(push.stderr.contains("it is sent again"), "{push}");
    assert!(!push.stderr.contains("node-1: nothing to send"), "{push}");
    assert!(sound(node, &layer));

    damage();
    let up = project.webpods().run(["up", "-d"]).expect(0);
    assert!(up.stderr.contains("it is sent again"), "{up}");
    assert!(sound(node, &layer));
    project.answers();
}

/// The first file this large that arrives in a cache, as soon as there is one.
fn first_part(node: &Node, cache: &str) -> String {
    let parts = format!("find {cache}/tmp -maxdepth 1 -type f -size +10000k 2>/dev/null || true");
    eventually("a part of the layer", 120, || {
        let found = node.witness(&parts);
        match found.lines().next() {
            Some(part) => Ok(part.to_owned()),
            None => Err("nothing arrived".to_owned()),
        }
    })
}

#[test]
fn a_connection_that_goes_dead_is_given_up_and_the_part_goes_on() {
    let project = Project::with_layer("dead", random(400_000_000));
    let node = &project.lab.nodes[0];
    let cache = format!("/var/lib/webpods/{}", project.name);
    project.use_lab(&format!("artifacts: {{ remote_cache_dir: {cache} }}\n"));
    // A store of its own has a connection of its own.
    let store = project.path("store").to_str().unwrap().to_owned();
    let client = project.webpods().env("XDG_CACHE_HOME", store);
    let mut running = client.spawn(["push"]);
    let part = first_part(node, &cache);
    // As when a laptop changes networks: this end hears no more, and that end is told nothing.
    let stopped = node.witness(&format!(
        "script=$(pgrep -o -f '{cache}') && read -r _ _ _ sshd _ <\"/proc/$script/stat\" && \
         kill -STOP \"$sshd\" && echo \"$sshd\""
    ));
    let inode = node.witness(&format!("stat -c %i {part}"));
    let ended = running.wait().unwrap();
    node.witness(&format!("kill -KILL {stopped}"));
    assert!(ended.success(), "{ended}");
    let layer = part.rsplit('/').next().unwrap().split('.').next().unwrap();
    let blob = format!("{cache}/blobs/sha256/{layer}");
    assert_eq!(node.witness(&format!("stat -c %i {blob}")), inode);
    let sum = node.witness(&format!("sha256sum {blob} | cut -c 1-64"));
    assert_eq!(sum, layer);
    let left = format!("find {cache}/tmp -type f -size +0");
    assert_eq!(node.witness(&left), "");
    node.witness(&format!("rm -rf {cache}"));
}

#[test]
fn a_push_that_was_killed_goes_on_where_it_stopped() {
    let project = Project::with_layer("cut", random(400_000_000));
    let node = &project.lab.nodes[0];
    let mut client = project.webpods().spawn(["push"]);
    // Parts are named `<digest>.<client>`; no other journey ships anything this large.
    let parts = format!("find {CACHE}/tmp -maxdepth 1 -type f -size +10000k 2>/dev/null || true");
    let part = first_part(node, CACHE);
    client.kill().unwrap();
    client.wait().unwrap();
    let layer = part.rsplit('/').next().unwrap().split('.').next().unwrap();
    let blob = format!("{CACHE}/blobs/sha256/{layer}");
    assert_eq!(node.witness(&format!("ls {blob} 2>/dev/null || true")), "");
    assert_eq!(node.witness(&parts), part, "what arrived is still there");
    // It is the same file that grows: an inode of its own would be a new beginning.
    let inode = node.witness(&format!("stat -c %i {part}"));

    project.webpods().ok(["push"]);
    assert!(sound(node, layer));
    assert_eq!(node.witness(&format!("stat -c %i {blob}")), inode);
    assert_eq!(node.witness(&parts), "");
    let again = project.webpods().run(["push"]).expect(0);
    assert!(again.stderr.contains("node-1: nothing to send"), "{again}");
}

#[test]
fn clients_that_push_the_same_blob_at_once_do_not_hurt_each_other() {
    let project = Project::with_layer("crowd", random(60_000_000));
    let node = &project.lab.nodes[0];
    let cache = format!("/var/lib/webpods/{}", project.name);
    let more = format!("artifacts: {{ remote_cache_dir: {cache} }}\n");
    project.use_lab(&more);
    project.webpods().ok(["build"]);
    // The same image for others: two who share a store, and so a part, and one with its own.
    let text = |path: std::path::PathBuf| path.to_str().unwrap().to_owned();
    let stores = ["shared", "shared", "own"].map(|name| text(project.path(name)));
    let others = ["a", "b", "c"].map(|letter| format!("{}-{letter}", project.name));
    project.webpods().ok(["pull", "--to", "images.tar"]);
    let clients: Vec<_> = others
        .iter()
        .zip(stores)
        .map(|(name, store)| {
            let client = project.webpods().env("XDG_CACHE_HOME", store);
            let args = ["-p", name, "push", "--from", "images.tar", "web"];
            client.spawn(args)
        })
        .collect();
    for client in clients {
        let ended = client.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&ended.stderr).into_owned();
        assert!(ended.status.success(), "{said}");
    }
    let wrong = node.witness(&format!(
        "cd {cache}/blobs/sha256 && sha256sum * | awk '$1 != $2'"
    ));
    assert_eq!(wrong, "");
    let large = node.witness(&format!("find {cache}/blobs/sha256 -size +50000k | wc -l"));
    assert_eq!(large, "1");
    assert_eq!(
        node.witness(&format!("find {cache}/tmp -type f -size +0")),
        ""
    );
    for name in &others {
        let args = ["-p", name, "push", "--from", "images.tar", "web"];
        let told = project.webpods().json(args);
        assert_eq!(
            (&told[0]["host"], &told[0]["sent"]),
            (&"node-1".into(), &0.into())
        );
    }
    node.witness(&format!("rm -rf {cache}"));
}
