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
    // The cache remains.
    node.witness(&format!("docker rmi webpods/{manifest}"));
    let layer = top_layer(node, &manifest);
    assert!(sound(node, &layer));
    node.witness(&format!(
        "printf damage | dd of={CACHE}/blobs/sha256/{layer} bs=1 seek=2000 conv=notrunc 2>&1"
    ));

    let up = project.webpods().run(["up", "-d"]).expect(0);
    assert!(up.stderr.contains("it is sent again"), "{up}");
    assert!(sound(node, &layer));
    project.answers();
}

#[test]
fn a_push_that_was_killed_goes_on_where_it_stopped() {
    let project = Project::with_layer("cut", random(400_000_000));
    let node = &project.lab.nodes[0];
    let mut client = project.webpods().spawn(["push"]);
    // Parts are named `<digest>.<client>`; no other journey ships anything this large.
    let parts = format!("find {CACHE}/tmp -maxdepth 1 -type f -size +10000k 2>/dev/null || true");
    let part = eventually("a part of the layer", 120, || {
        let found = node.witness(&parts);
        match found.lines().next() {
            Some(part) => Ok(part.to_owned()),
            None => Err("nothing arrived".to_owned()),
        }
    });
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
