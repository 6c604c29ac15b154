//! Any builder in, any engine out: the same image, by its digest, whichever engine wrote it down and
//! whichever engine runs it (spec §12). Docker 26.1 with the classic store is what all other
//! journeys run on; these bring the others, each with a lab of its own.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::support::{Layout, Node, OwnLab, Project, Webpods, noise, random, sent};

const WEB: &str = "name: {{name}}
services:
  web:
    build: app
    x-ingress: {host: '{{domain}}', port: 8080, health_path: /healthz}
";
/// The same without anything to build.
const CARRIED: &str = "name: {{name}}
services:
  web:
    image: {{name}}-carried
    x-ingress: {host: '{{domain}}', port: 8080, health_path: /healthz}
";
/// What changes from version to version, in a layer of its own.
const LARGE: u64 = 3_000_000;

#[test]
fn docker_20_10() {
    journey("20-10", "20.10", "classic");
}

#[test]
fn docker_26_1_with_the_containerd_store() {
    journey("26-1c", "26.1", "containerd");
}

#[test]
fn docker_28_5() {
    journey("28-5", "28.5", "classic");
}

#[test]
fn docker_28_5_with_the_containerd_store() {
    journey("28-5c", "28.5", "containerd");
}

fn journey(name: &str, engine: &str, store: &str) {
    let lab = OwnLab::start(name, 1, &["--engine", engine, "--store", store]);
    let node = &lab.0.nodes[0];
    let version = node.witness("docker version --format '{{.Server.Version}}'");
    assert!(version.starts_with(engine), "{version}");
    let driver = node.witness("docker info --format '{{.DriverStatus}}'");
    assert_eq!(
        driver.contains("io.containerd.snapshotter"),
        store == "containerd",
        "{driver}"
    );
    let project = Project::compose_on(lab.0, &format!("engine-{name}"), WEB);
    project.add_layer(random(LARGE));

    what_plain_docker_brought_is_not_sent(&project, node);
    let mut large = noise(LARGE);
    fs::write(project.path("app/layer"), &large).unwrap();
    project.up();
    project.answers();

    large.splice(1_000_000..1_000_010, *b"something else");
    fs::write(project.path("app/layer"), &large).unwrap();
    let changed = project
        .webpods()
        .run(["up", "-d", "--format", "json"])
        .expect(0);
    let bytes = sent(&changed);
    assert!(bytes > 0 && bytes < 400_000, "{bytes} of a little change");
    project.answers();
    one_image_whoever_writes_it(&project, node);
    what_this_engine_made_runs(&project, node);
    project.webpods().ok(["rollback"]);
    project.answers();

    if store == "containerd" {
        more_layers_than_the_classic_store_takes(&project, node);
    }

    let hosts = project.webpods().json(["images", "--hosts"]);
    let images = hosts[0]["images"].as_array().unwrap();
    assert!(
        images.iter().any(|image| image["loaded"] == true),
        "{hosts:#}"
    );
    project.webpods().ok(["down"]);
    assert_eq!(
        node.containers(&project.name, "{{.Names}}"),
        Vec::<String>::new()
    );
}

/// Layers that `docker load` brought are in the engine already.
fn what_plain_docker_brought_is_not_sent(project: &Project, node: &Node) {
    project.webpods().ok(["build"]);
    let image = format!("{}-web", project.name);
    let saved = project.path("saved.tar");
    docker(&["save", "--output", &text(&saved), &image]);
    load(node, &saved);
    let pushed = project
        .webpods()
        .run(["push", "--format", "json"])
        .expect(0);
    let bytes = sent(&pushed);
    assert!(bytes < 20_000, "{bytes} of layers that are there: {pushed}");
}

/// The digest is the same when this node's engine wrote the archive.
fn one_image_whoever_writes_it(project: &Project, node: &Node) {
    let images = project.webpods().json(["images"]);
    let digest = images[0]["digest"].as_str().unwrap();
    let hex = &digest["sha256:".len()..];
    let theirs = project.path("theirs.tar");
    save(
        node,
        &format!("webpods/{hex}"),
        &format!("{}-web", project.name),
        &theirs,
    );
    let fresh = text(&project.path("cache-theirs"));
    let stranger = project.webpods().env("XDG_CACHE_HOME", fresh);
    let pushed = stranger
        .run(["push", "--from", "theirs.tar", "web"])
        .expect(0);
    assert!(pushed.stderr.contains(&hex[..12]), "{hex}: {pushed}");
}

/// An image that this engine made itself, packed in its own way, is taken from its archive and
/// runs; and the same archive, gone through this machine's engine, is the same image.
fn what_this_engine_made_runs(project: &Project, node: &Node) {
    let carried = format!("{}-carried", project.name);
    let container = node.containers(&project.name, "{{.Names}}").remove(0);
    node.witness(&format!("docker commit {container} {carried}"));
    let made = project.path("made.tar");
    save(node, &carried, &carried, &made);
    project.compose_file(CARRIED);
    let stranger = |name: &str| {
        let cache = text(&project.path(name));
        project.webpods().env("XDG_CACHE_HOME", cache)
    };
    let first = stranger("cache-made");
    first.ok(["push", "--from", "made.tar"]);
    first.ok(["up", "-d"]);
    project.answers();
    let digest = |client: &Webpods| {
        let images = client.json(["images"]);
        images[0]["digest"].as_str().unwrap().to_owned()
    };

    docker(&["load", "--input", &text(&made)]);
    let again = text(&project.path("again.tar"));
    docker(&["save", "--output", &again, &carried]);
    docker(&["rmi", "--force", &carried]);
    let second = stranger("cache-again");
    let pushed = second.run(["push", "--from", "again.tar"]).expect(0);
    let hex = digest(&first)["sha256:".len()..].to_owned();
    assert!(pushed.stderr.contains(&hex[..12]), "{hex}: {pushed}");
}

/// What `push` says of the classic store: the other one takes more.
fn more_layers_than_the_classic_store_takes(project: &Project, node: &Node) {
    let folder = project.path("many");
    let mut layout = Layout::new(&folder);
    for number in 0..200 {
        let content = noise(2_000 + number);
        let size = content.len() as u64;
        layout.layer(&format!("file-{number}"), size, &content[..]);
    }
    layout.finish(&format!(
        "docker.io/library/{}-carried:latest",
        project.name
    ));
    let pushed = project.webpods().run(["push", "--from", "many"]).expect(0);
    let short = pushed.stderr.split("image ").nth(1).unwrap();
    let short = short.split(' ').next().unwrap();
    let images = node.witness("docker images --format '{{.Repository}}'");
    let mut names = images.lines();
    let image = names.find(|name| name.starts_with(&format!("webpods/{short}")));
    let image = image.unwrap_or_else(|| panic!("{short} is not in {images}"));
    // It can be mounted as well.
    node.witness(&format!(
        "docker rm $(docker create {image} /none) && docker rmi {image}"
    ));
}

/// What `docker save` of the node's engine writes of an image, under another name.
fn save(node: &Node, image: &str, name: &str, to: &Path) {
    node.witness(&format!(
        "if [ {image} != {name} ]; then docker tag {image} {name}; fi; docker save --output /tmp/saved.tar {name}"
    ));
    docker(&[
        "cp",
        &format!("{}:/tmp/saved.tar", node.container()),
        &text(to),
    ]);
    node.witness("rm /tmp/saved.tar");
}

fn load(node: &Node, archive: &Path) {
    let there = format!("{}:/tmp/saved.tar", node.container());
    docker(&["cp", &text(archive), &there]);
    node.witness("docker load --input /tmp/saved.tar && rm /tmp/saved.tar");
}

fn docker(args: &[&str]) {
    let output = Command::new("docker").args(args).output().unwrap();
    assert!(output.status.success(), "{args:?}: {output:?}");
}

fn text(path: &Path) -> String {
    path.to_str().unwrap().to_owned()
}
