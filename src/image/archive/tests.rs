//! Archives of every engine, written by hand.

mod folder;
mod hostile;
mod telling;

use std::io::Write;

use tar::{Builder, EntryType, Header};

use super::*;
use crate::image::manifest::tests::config;
use crate::model::Digest;

/// An archive written by hand, so that it can also be wrong.
struct Archive(Builder<Vec<u8>>);

impl Archive {
    fn new() -> Self {
        Self(Builder::new(Vec::new()))
    }

    fn file(mut self, path: &str, bytes: &[u8]) -> Self {
        let mut header = Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        raw_name(&mut header, path);
        self.0.append(&header, bytes).unwrap();
        self
    }

    fn link(mut self, kind: EntryType, path: &str, target: &str) -> Self {
        let mut header = Header::new_gnu();
        header.set_entry_type(kind);
        header.set_size(0);
        header.as_gnu_mut().unwrap().linkname[..target.len()].copy_from_slice(target.as_bytes());
        raw_name(&mut header, path);
        self.0.append(&header, &b""[..]).unwrap();
        self
    }

    /// Stored under its digest.
    fn blob(self, bytes: &[u8]) -> Self {
        let path = path(bytes);
        self.file(&path, bytes)
    }

    fn bytes(self) -> Vec<u8> {
        self.0.into_inner().unwrap()
    }
}

/// `Header::set_path` refuses what these tests are about.
fn raw_name(header: &mut Header, path: &str) {
    header.as_gnu_mut().unwrap().name[..path.len()].copy_from_slice(path.as_bytes());
    header.set_cksum();
}

fn path(bytes: &[u8]) -> String {
    format!("blobs/sha256/{}", Digest::of(bytes).hex())
}

fn json(value: &serde_json::Value) -> Vec<u8> {
    serde_json::to_vec(value).unwrap()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn oci_manifest(config: &[u8], layers: &[(&str, &[u8])]) -> Vec<u8> {
    let descriptor = |kind: &str, bytes: &[u8]| {
        serde_json::json!({
            "mediaType": format!("application/vnd.oci.image.{kind}"),
            "digest": Digest::of(bytes), "size": bytes.len(),
        })
    };
    json(&serde_json::json!({
        "schemaVersion": 2,
        "config": descriptor("config.v1+json", config),
        "layers": layers.iter().map(|(kind, bytes)| descriptor(kind, bytes)).collect::<Vec<_>>(),
    }))
}

fn store() -> (tempfile::TempDir, Store) {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::at(folder.path()).unwrap();
    (folder, store)
}

const APP: Wanted = Wanted {
    reference: "app:1",
    platform: None,
};

const BASE: &[u8] = b"the base layer's tar, as far as anyone here cares";
const TOP: &[u8] = b"the top layer";

fn import(archive: Archive) -> Result<Image> {
    let (_folder, store) = store();
    let image = store.import(&*archive.bytes(), APP)?;
    assert!(store.complete(&image), "all blobs are in the store");
    assert_eq!(std::fs::read_dir(store.temporary()).unwrap().count(), 0);
    Ok(image)
}

fn refusal(archive: Archive) -> String {
    import(archive).unwrap_err().to_string()
}

/// Docker 20.10: `<id>/layer.tar`, a repeated layer as a symlink, `manifest.json` near the end.
fn docker_20(layers: &[&[u8]]) -> Archive {
    let config = config(layers);
    let name = format!("{}.json", Digest::of(&config).hex());
    let mut archive = Archive::new();
    let mut paths = Vec::new();
    for (number, layer) in layers.iter().enumerate() {
        let path = format!("id{number}/layer.tar");
        archive = archive
            .file(&format!("id{number}/VERSION"), b"1.0")
            .file(&format!("id{number}/json"), b"{}");
        archive = match layers[..number].iter().position(|other| other == layer) {
            Some(first) => archive.link(
                EntryType::Symlink,
                &path,
                &format!("../id{first}/layer.tar"),
            ),
            None => archive.file(&path, layer),
        };
        paths.push(path);
    }
    let manifest = serde_json::json!([{"Config": name, "RepoTags": ["app:1"], "Layers": paths}]);
    archive
        .file(&name, &config)
        .file("manifest.json", &json(&manifest))
        .file("repositories", b"{}")
}

/// Docker 25 and later, classic store: `blobs/sha256`, index and `manifest.json`.
fn docker_25(layers: &[&[u8]]) -> Archive {
    let config = config(layers);
    let kinds: Vec<_> = layers.iter().map(|l| ("layer.v1.tar", *l)).collect();
    let manifest = oci_manifest(&config, &kinds);
    let mut archive = Archive::new();
    for layer in layers {
        archive = archive.blob(layer);
    }
    archive
        .blob(&config)
        .blob(&manifest)
        .file("index.json", &index(&manifest))
        .file(
            "manifest.json",
            &json(&serde_json::json!([{
                "Config": path(&config), "RepoTags": ["app:1"],
                "Layers": layers.iter().map(|l| path(l)).collect::<Vec<_>>(),
            }])),
        )
        .file("oci-layout", br#"{"imageLayoutVersion":"1.0.0"}"#)
}

fn index(manifest: &[u8]) -> Vec<u8> {
    json(&serde_json::json!({"schemaVersion": 2, "manifests": [{
        "mediaType": manifest::MANIFEST, "digest": Digest::of(manifest), "size": manifest.len(),
    }]}))
}

/// The containerd store: compressed layers, an index of an index, an attestation, and a platform
/// that was never fetched.
fn containerd(layers: &[&[u8]]) -> Archive {
    let config = config(layers);
    let packed: Vec<(&str, Vec<u8>)> = layers
        .iter()
        .enumerate()
        .map(|(number, layer)| match number % 2 {
            0 => ("layer.v1.tar+gzip", gzip(layer)),
            _ => ("layer.v1.tar+zstd", zstd::encode_all(*layer, 3).unwrap()),
        })
        .collect();
    let kinds: Vec<_> = packed.iter().map(|(k, l)| (*k, l.as_slice())).collect();
    let manifest = oci_manifest(&config, &kinds);
    let attestation = oci_manifest(b"{}", &[("layer.v1.tar", b"in-toto")]);
    let inner = json(&serde_json::json!({"schemaVersion": 2, "manifests": [
        {"mediaType": manifest::MANIFEST, "digest": Digest::of(&manifest),
         "platform": {"os": "linux", "architecture": "amd64"}},
        {"mediaType": manifest::MANIFEST, "digest": Digest::of(b"never fetched"),
         "platform": {"os": "linux", "architecture": "arm64"}},
        {"mediaType": manifest::MANIFEST, "digest": Digest::of(&attestation),
         "platform": {"os": "unknown", "architecture": "unknown"},
         "annotations": {"vnd.docker.reference.type": "attestation-manifest"}},
    ]}));
    let outer = json(&serde_json::json!({"schemaVersion": 2, "manifests": [
        {"mediaType": "application/vnd.oci.image.index.v1+json", "digest": Digest::of(&inner)},
    ]}));
    let mut archive = Archive::new()
        .file("oci-layout", b"{}")
        .file("index.json", &outer);
    for (_, layer) in &packed {
        archive = archive.blob(layer);
    }
    archive
        .blob(&attestation)
        .blob(b"in-toto")
        .blob(&inner)
        .blob(&manifest)
        .blob(&config)
}

#[test]
fn every_layout_gives_the_same_image() {
    let layers = [BASE, TOP];
    let old = import(docker_20(&layers)).unwrap();
    assert_eq!(old.layers.len(), 2);
    assert_eq!(old.layers[0].digest, Digest::of(BASE));
    assert_eq!(old.layers[1].size, TOP.len() as u64);
    assert_eq!(old.platform, "linux/amd64");
    assert_eq!(import(docker_25(&layers)).unwrap(), old);
    assert_eq!(import(containerd(&layers)).unwrap(), old);
}

#[test]
fn repeated_layers_are_links_in_old_archives() {
    let image = import(docker_20(&[BASE, TOP, BASE])).unwrap();
    assert_eq!(image.layers[0], image.layers[2]);
    let mut hard = docker_20(&[BASE]).link(EntryType::Link, "id9/layer.tar", "id0/layer.tar");
    let config = config(&[BASE, BASE]);
    hard = hard.file("two.json", &config).file(
        "manifest.json",
        &json(&serde_json::json!([
            {"Config": "two.json", "Layers": ["id0/layer.tar", "id9/layer.tar"]}
        ])),
    );
    assert_eq!(import(hard).unwrap().layers.len(), 2);
}

#[test]
fn an_image_without_layers_can_be_read() {
    let archive = Archive::new().file("c.json", &config(&[])).file(
        "manifest.json",
        br#"[{"Config":"c.json","RepoTags":null,"Layers":null}]"#,
    );
    assert!(import(archive).unwrap().layers.is_empty());
}

#[test]
fn the_wanted_platform_is_chosen_among_several() {
    let arm = String::from_utf8(config(&[TOP]))
        .unwrap()
        .replace("amd64", "arm64");
    let both = || {
        Archive::new()
            .file("base/layer.tar", BASE)
            .file("top/layer.tar", TOP)
            .file("amd.json", &config(&[BASE]))
            .file("arm.json", arm.as_bytes())
            .file(
                "manifest.json",
                br#"[{"Config":"amd.json","Layers":["base/layer.tar"]},
                     {"Config":"arm.json","Layers":["top/layer.tar"]}]"#,
            )
    };
    let (_folder, store) = store();
    let mut wanted = APP;
    wanted.platform = Some("linux/arm64");
    let image = store.import(&*both().bytes(), wanted).unwrap();
    assert_eq!(image.platform, "linux/arm64");
    assert!(refusal(both()).contains("several images: linux/amd64, linux/arm64"));
    wanted.platform = Some("linux/riscv64");
    let none = store.import(&*both().bytes(), wanted).unwrap_err();
    assert!(none.to_string().contains("no image for `linux/riscv64`"));
}

#[test]
fn platforms_match_by_what_is_asked_for() {
    use choose::same_platform;
    assert!(same_platform("linux/arm64/v8", "linux/arm64"));
    assert!(same_platform("linux/arm/v7", "linux/arm/v7"));
    assert!(!same_platform("linux/arm/v6", "linux/arm/v7"));
    assert!(!same_platform("linux/arm", "linux/arm/v7"));
    assert!(!same_platform("windows/amd64", "linux/amd64"));
}

#[test]
fn a_hundred_and_twenty_seven_layers_are_read_from_every_layout() {
    let layers: Vec<Vec<u8>> = (0..127)
        .map(|n| format!("layer {n}").into_bytes())
        .collect();
    let layers: Vec<&[u8]> = layers.iter().map(Vec::as_slice).collect();
    let image = import(docker_20(&layers)).unwrap();
    assert_eq!(image.layers.len(), 127);
    assert_eq!(import(docker_25(&layers)).unwrap(), image);
    assert_eq!(import(containerd(&layers)).unwrap(), image);
}

#[test]
fn documents_are_the_ones_their_digest_names() {
    let config = config(&[BASE]);
    let manifest = oci_manifest(&config, &[("layer.v1.tar", BASE)]);
    // Links could lead from a digest's name to other content.
    let archive = |name: &[u8]| {
        Archive::new()
            .blob(BASE)
            .file("other.json", b"{}")
            .file("index.json", &index(&manifest))
            .link(EntryType::Symlink, &path(name), "../../other.json")
    };
    let swapped = archive(&manifest).blob(&config);
    assert!(refusal(swapped).contains("has digest"));
    let swapped = archive(&config).blob(&manifest);
    assert!(refusal(swapped).contains("has digest"));
}

#[test]
fn a_blob_that_is_missing_is_named() {
    let config = config(&[BASE]);
    let archive = Archive::new().file("c.json", &config).file(
        "manifest.json",
        br#"[{"Config":"c.json","Layers":["gone/layer.tar"]}]"#,
    );
    assert!(refusal(archive).contains("`gone/layer.tar`"));
    let manifest = oci_manifest(&config, &[("layer.v1.tar", BASE)]);
    let archive = Archive::new()
        .blob(&config)
        .blob(&manifest)
        .file("index.json", &index(&manifest));
    assert!(refusal(archive).contains(&path(BASE)));
}

#[test]
fn names_are_read_in_full_wherever_they_stand() {
    for (short, long) in [
        ("app", "docker.io/library/app:latest"),
        ("app:1", "docker.io/library/app:1"),
        ("me/app", "docker.io/me/app:latest"),
        ("docker.io/app", "docker.io/library/app:latest"),
        ("index.docker.io/me/app:2", "docker.io/me/app:2"),
        ("localhost/app", "localhost/app:latest"),
        ("reg:5000/a/b", "reg:5000/a/b:latest"),
        ("app@sha256:12", "docker.io/library/app@sha256:12"),
    ] {
        assert_eq!(in_full(short), long);
    }
    let (_folder, store) = store();
    let bytes = docker_20(&[BASE]).bytes();
    let members = Members::read(&store, &*bytes, None).unwrap();
    let archive = super::Archive::new(&store, members).unwrap();
    assert_eq!(
        archive.names().into_iter().collect::<Vec<_>>(),
        ["docker.io/library/app:1"]
    );
    assert!(archive.named(APP).unwrap().is_some());
    let other = Wanted {
        reference: "app:2",
        platform: None,
    };
    assert!(archive.named(other).unwrap().is_none());
}
