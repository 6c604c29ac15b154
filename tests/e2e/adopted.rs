//! Layers that a host's engine has and cannot supply as they are: the host copies them into its own
//! cache (spec §12.3).

use crate::support::{CACHE, Layout, Node, Project, noise, sent};

const CARRIED: &str = "name: {{name}}
services:
  web:
    image: {{name}}-carried
    x-placement: { hosts: [node-1] }
";
/// A layer worth copying.
const LARGE: u64 = 3_000_000;

#[test]
fn a_layer_in_another_chain_is_copied_on_the_host_or_sent_where_there_is_no_space() {
    let project = Project::compose("adopted", CARRIED);
    let node = &project.lab.nodes[0];
    let cache = format!("{CACHE}-{}", project.name);
    project.use_lab(&format!("artifacts: {{ remote_cache_dir: {cache} }}\n"));
    let large = noise(LARGE);
    push(&project, "alone", &[("large", &large)]);
    let alone = image(&project);
    push(
        &project,
        "above",
        &[("below", b"little"), ("large", &large)],
    );
    let above = image(&project);
    assert_ne!(alone, above);

    // The cache goes, and the second image; the first one has the layer at the bottom of its chain.
    forget(node, &cache, &above);
    let plan = project.webpods().json(["diff"]);
    let shipment = &plan["images"][0]["shipments"][0];
    let blobs = shipment["blobs"].as_array().unwrap();
    let adopted = blobs.iter().filter(|blob| blob["adopted"] == true);
    let adopted: u64 = adopted.map(|blob| blob["size"].as_u64().unwrap()).sum();
    assert!(adopted > LARGE, "{plan:#}");
    assert!(shipment["bytes"].as_u64().unwrap() < 10_000, "{plan:#}");
    let said = project.webpods().run(["diff"]).expect(0).stdout;
    assert!(said.contains("on node-1 from its engine"), "{said}");
    assert!(said.contains("3.0 MB from hosts' own engines"), "{said}");

    let args = ["push", "--format", "json"];
    let copied = project.webpods().run(args).expect(0);
    assert!(sent(&copied) < 20_000, "{copied}");
    assert!(
        copied.stderr.contains("are taken from its engine"),
        "{copied}"
    );

    forget(node, &cache, &above);
    node.witness(&format!(
        "mkdir -p {cache} && mount -t tmpfs -o size=72m webpods {cache}"
    ));
    let tight = project.webpods().run(args);
    node.witness(&format!("umount {cache}"));
    let tight = tight.expect(0);
    assert!(sent(&tight) > LARGE, "{tight}");
    assert!(
        tight.stderr.contains("cannot be taken from its engine"),
        "{tight}"
    );
    forget(node, &cache, &format!("{alone} {above}"));
}

/// Makes an image of these layers the project's, and pushes it.
fn push(project: &Project, name: &str, layers: &[(&str, &[u8])]) {
    let folder = project.path(name);
    let mut layout = Layout::new(&folder);
    for (name, content) in layers {
        layout.layer(name, content.len() as u64, *content);
    }
    layout.finish(&format!(
        "docker.io/library/{}-carried:latest",
        project.name
    ));
    project.webpods().ok(["push", "--from", name]);
}

/// What the node's engine calls the project's image.
fn image(project: &Project) -> String {
    let images = project.webpods().json(["images"]);
    images[0]["digest"]
        .as_str()
        .unwrap()
        .replace("sha256:", "webpods/")
}

/// Removes a cache, and images.
fn forget(node: &Node, cache: &str, images: &str) {
    node.witness(&format!(
        "rm -rf {cache}; docker rmi -f {images} >/dev/null"
    ));
}
