//! Images that are strange, large or hostile: each ends done or with a clear error, never with an
//! image that is half there (spec §12.6).

use std::fs;
use std::io;

use serde_json::json;

use crate::support::{CACHE, Layout, Node, Project, Run, noise};

const CARRIED: &str = "name: {{name}}
services:
  web:
    image: {{name}}-carried
    x-placement: { hosts: [node-1] }
";

/// A project whose image comes from the folder `image`, filled by `fill`.
fn carried(journey: &str, fill: impl FnOnce(&mut Layout<'_>)) -> Project {
    let project = Project::compose(journey, CARRIED);
    filled(project, fill)
}

fn filled(project: Project, fill: impl FnOnce(&mut Layout<'_>)) -> Project {
    let folder = project.path("image");
    let mut layout = Layout::new(&folder);
    fill(&mut layout);
    layout.finish(&format!(
        "docker.io/library/{}-carried:latest",
        project.name
    ));
    project
}

fn push(project: &Project) -> Run {
    let cache = project.path("cache").to_str().unwrap().to_owned();
    let client = project.webpods().env("XDG_CACHE_HOME", cache);
    client.run(["push", "--from", "image"])
}

/// How many layers the node's engine has of the image that was pushed; none: it has no such image.
fn layers_of(node: &Node, run: &Run) -> Option<usize> {
    let short = run.stderr.split("image ").nth(1)?.split(' ').next()?;
    let images = node.witness("docker images --format '{{.Repository}}'");
    let name = images
        .lines()
        .find(|name| name.starts_with(&format!("webpods/{short}")))?;
    let layers = node.witness(&format!(
        "docker image inspect --format '{{{{len .RootFS.Layers}}}}' {name}"
    ));
    Some(layers.parse().unwrap())
}

fn many(count: u64) -> impl FnOnce(&mut Layout<'_>) {
    move |layout| {
        for number in 0..count {
            let content = noise(2_000 + number);
            let size = content.len() as u64;
            layout.layer(&format!("file-{number}"), size, io::Cursor::new(content));
        }
    }
}

#[test]
fn as_many_layers_as_an_engine_takes_and_more() {
    let project = carried("many", many(125));
    let node = &project.lab.nodes[0];
    let run = push(&project).expect(0);
    assert_eq!(layers_of(node, &run), Some(125), "{run}");
    assert!(run.stderr.contains(" sent "), "{run}");
    let again = push(&project).expect(0);
    assert!(again.stderr.contains("node-1: nothing to send"), "{again}");

    let project = carried("more", many(127));
    let run = push(&project).expect(1);
    let why = "has 127 layers, and the classic image store on `node-1` takes at most 125";
    assert!(run.stderr.contains(why), "{run}");
    assert!(!run.stderr.contains(" sent "), "{run}");
}

#[test]
fn an_image_without_layers() {
    let project = carried("none", |_| {});
    let run = push(&project).expect(0);
    assert_eq!(layers_of(&project.lab.nodes[0], &run), Some(0), "{run}");
}

#[test]
fn a_layer_of_more_than_five_gigabytes() {
    let project = carried("huge", |layout| {
        layout.layer("zeros", 5_100_000_000, io::repeat(0));
    });
    let node = &project.lab.nodes[0];
    let run = push(&project).expect(0);
    assert_eq!(layers_of(node, &run), Some(1), "{run}");
    assert!(run.stderr.contains("of 5.1 GB"), "{run}");
    let blobs = format!("find {CACHE}/blobs/sha256 -size +4000000k");
    let blob = node.witness(&blobs);
    let sum = node.witness(&format!("sha256sum {blob}"));
    assert!(blob.ends_with(sum.split(' ').next().unwrap()), "{sum}");
    // Nobody wants to wait for an hour until it may be pruned.
    let image = node.witness("docker images --format '{{.Repository}} {{.Size}}' | grep GB");
    let name = image.split(' ').next().unwrap();
    node.witness(&format!("docker rmi {name} && rm {blob}"));
}

#[test]
fn layers_that_may_not_be_distributed_are_named() {
    let project = carried("foreign", |layout| {
        layout.layer("file", 3, io::repeat(7));
        let kind = "application/vnd.oci.image.layer.nondistributable.v1.tar";
        layout.layers[0]["mediaType"] = json!(kind);
    });
    let run = push(&project).expect(1);
    assert!(run.stderr.contains("may not be distributed"), "{run}");
    assert!(run.stderr.contains("`image`"), "{run}");
}

#[test]
fn an_index_with_attestations() {
    let project = carried("attested", |layout| {
        layout.layer("file", 3_000, io::Cursor::new(noise(3_000)));
    });
    let path = project.path("image/index.json");
    let mut index: serde_json::Value =
        serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
    // As BuildKit writes it: of an unknown platform, about another manifest, and no image.
    let about = index["manifests"][0]["digest"].clone();
    let mut attestation = index["manifests"][0].clone();
    attestation["digest"] = json!(format!("sha256:{}", "0".repeat(64)));
    attestation["platform"] = json!({ "architecture": "unknown", "os": "unknown" });
    attestation["annotations"] = json!({
        "vnd.docker.reference.type": "attestation-manifest",
        "vnd.docker.reference.digest": about,
    });
    index["manifests"].as_array_mut().unwrap().push(attestation);
    fs::write(&path, index.to_string()).unwrap();
    let run = push(&project).expect(0);
    assert_eq!(layers_of(&project.lab.nodes[0], &run), Some(1), "{run}");
}

#[test]
fn an_archive_that_leads_outside_is_refused() {
    let project = Project::compose("outside", CARRIED);
    let secret = project.path("secret");
    fs::write(&secret, "kept to myself").unwrap();
    for (name, layer) in [("names", "../secret"), ("links", "layer.tar")] {
        let archive = format!("{name}.tar");
        let file = fs::File::create(project.path(&archive)).unwrap();
        let mut builder = tar::Builder::new(file);
        let mut add = |name: &str, bytes: &[u8]| {
            let mut header = tar::Header::new_gnu();
            header.set_size(bytes.len() as u64);
            header.set_mode(0o644);
            // `append_data` would refuse such a name.
            header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
            header.set_cksum();
            builder.append(&header, bytes).unwrap();
        };
        if name == "names" {
            add("../outside", b"written");
        }
        let manifest = json!([{
            "Config": "config.json",
            "RepoTags": [format!("{}-carried:latest", project.name)],
            "Layers": [layer],
        }]);
        add("config.json", b"{}");
        add("manifest.json", manifest.to_string().as_bytes());
        let mut link = tar::Header::new_gnu();
        link.set_entry_type(tar::EntryType::Symlink);
        link.set_size(0);
        builder
            .append_link(&mut link, "layer.tar", &secret)
            .unwrap();
        builder.into_inner().unwrap();

        let run = project
            .webpods()
            .run(["push", "--from", &archive])
            .expect(1);
        assert!(run.stderr.contains("outside"), "{run}");
        assert!(!project.path("../outside").exists());
        assert!(!run.stderr.contains("kept to myself"), "{run}");
    }
}

#[test]
fn a_blob_that_was_cut_in_the_cache_is_sent_again() {
    // A size that no other run had.
    let size = 512 * (1_800 + u64::from(std::process::id() % 10_000));
    let project = carried("short", |layout| {
        layout.layer("file", size, io::Cursor::new(noise(size)));
    });
    let node = &project.lab.nodes[0];
    let run = push(&project).expect(0);
    let archive = 512 + size + 1024;
    let blob = node.witness(&format!(
        "find {CACHE}/blobs/sha256 -size {archive}c -mmin -5"
    ));
    let layer = blob.rsplit('/').next().unwrap();
    let images = node.witness("docker images --format '{{.Repository}}'");
    let short = run.stderr.split("image ").nth(1).unwrap();
    let short = short.split(' ').next().unwrap();
    let mut names = images.lines();
    let name = names
        .find(|name| name.starts_with(&format!("webpods/{short}")))
        .unwrap();
    node.witness(&format!("truncate -s 400000 {blob} && docker rmi {name}"));
    let again = push(&project).expect(0);
    assert_eq!(layers_of(node, &again), Some(1), "{again}");
    assert_eq!(
        node.witness(&format!("sha256sum {blob} | cut -c 1-64")),
        layer
    );
}

#[test]
fn a_document_that_was_damaged_in_the_cache_is_sent_again_and_not_loaded() {
    let project = carried("document", |layout| {
        layout.layer("file", 3_000, io::Cursor::new(noise(3_000)));
    });
    let node = &project.lab.nodes[0];
    let run = push(&project).expect(0);
    let short = run.stderr.split("image ").nth(1).unwrap();
    let short = short.split(' ').next().unwrap().to_owned();
    let blobs = format!("{CACHE}/blobs/sha256");
    let manifest = node.witness(&format!("ls {blobs} | grep ^{short}"));
    let text = node.witness(&format!("cat {blobs}/{manifest}"));
    let parsed: serde_json::Value = serde_json::from_str(&text).unwrap();
    let config = parsed["config"]["digest"].as_str().unwrap();
    let config = config.trim_start_matches("sha256:");
    let image = format!("webpods/{manifest}");
    let flip = |hex: &str| format!("printf X | dd of={blobs}/{hex} bs=1 seek=20 conv=notrunc 2>&1");
    let cut = |hex: &str| format!("truncate -s 100 {blobs}/{hex}");
    let damages = [
        flip(&manifest),
        flip(config),
        format!("{} && {}", flip(&manifest), flip(config)),
        cut(&manifest),
        cut(config),
    ];
    for damage in damages {
        node.witness(&format!("docker rmi {image} && {damage}"));
        let again = push(&project).expect(0);
        assert_eq!(layers_of(node, &again), Some(1), "{damage}: {again}");
        for hex in [&manifest, config] {
            let sum = node.witness(&format!("sha256sum {blobs}/{hex} | cut -c 1-64"));
            assert_eq!(sum, hex, "{damage}: {again}");
        }
        let id = node.witness(&format!(
            "docker image inspect --format '{{{{.Id}}}}' {image}"
        ));
        assert_eq!(id, format!("sha256:{config}"), "{damage}");
    }
}
