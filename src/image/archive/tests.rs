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
fn names_and_links_that_lead_outside_are_refused() {
    for hostile in ["../../etc/cron.d/x", "/etc/passwd", "a/../../b"] {
        let said = refusal(Archive::new().file(hostile, b"x"));
        assert!(said.contains("leads outside"), "{hostile}: {said}");
    }
    for kind in [EntryType::Symlink, EntryType::Link] {
        for target in ["../../../etc/shadow", "/etc/shadow"] {
            let said = refusal(Archive::new().link(kind, "id/layer.tar", target));
            assert!(said.contains("leads outside"), "{target}: {said}");
        }
    }
    let manifest = br#"[{"Config":"../../../etc/hostname","Layers":[]}]"#;
    let said = refusal(Archive::new().file("manifest.json", manifest));
    assert!(said.contains("leads outside"), "{said}");
}

#[test]
fn circles_of_links_end() {
    let archive = Archive::new()
        .link(EntryType::Symlink, "a/layer.tar", "../b/layer.tar")
        .link(EntryType::Symlink, "b/layer.tar", "../a/layer.tar")
        .file("c.json", &config(&[BASE]))
        .file(
            "manifest.json",
            br#"[{"Config":"c.json","Layers":["a/layer.tar"]}]"#,
        );
    assert!(refusal(archive).contains("does not hold it"));
}

#[test]
fn devices_are_refused() {
    let said = refusal(Archive::new().link(EntryType::Char, "dev/null", ""));
    assert!(said.contains("neither a file"), "{said}");
}

#[test]
fn absurd_sizes_are_refused_before_anything_is_written() {
    let mut header = Header::new_gnu();
    header.set_size(1 << 50);
    raw_name(&mut header, "id/layer.tar");
    let said = refusal(Archive(Builder::new(header.as_bytes().to_vec())));
    assert!(said.contains("no layer is that large"), "{said}");

    let mut header = Header::new_gnu();
    header.set_size(1 << 30);
    raw_name(&mut header, "manifest.json");
    let said = refusal(Archive(Builder::new(header.as_bytes().to_vec())));
    assert!(said.contains("documents are too large"), "{said}");
}

#[test]
fn what_is_damaged_is_refused() {
    // A layer with other bytes than its name says.
    let wrong = docker_25(&[BASE]).file(&path(b"something"), b"else");
    assert!(refusal(wrong).contains("has digest"));
    // A layer that the configuration does not name.
    let swapped = Archive::new()
        .file("x/layer.tar", TOP)
        .file("c.json", &config(&[BASE]))
        .file(
            "manifest.json",
            br#"[{"Config":"c.json","Layers":["x/layer.tar"]}]"#,
        );
    assert!(refusal(swapped).contains("damaged: layer 1"));
    // A compressed layer that ends early.
    let packed = gzip(BASE);
    let cut = Archive::new().file("x/layer.tar", &packed[..packed.len() / 2]);
    assert!(refusal(cut).contains("damaged"));
    // Documents that are none.
    let nonsense = Archive::new().file("manifest.json", b"[{");
    assert!(refusal(nonsense).contains("`manifest.json` cannot be read"));
    assert!(refusal(Archive::new()).contains("holds no image"));
    assert!(store().1.import(&b"not a tar"[..], APP).is_err());
}

#[test]
fn foreign_layers_are_named() {
    let config = config(&[BASE]);
    let manifest = oci_manifest(&config, &[("layer.nondistributable.v1.tar", BASE)]);
    let archive = Archive::new()
        .blob(&config)
        .blob(&manifest)
        .file("index.json", &index(&manifest));
    assert!(refusal(archive).contains("may not be distributed"));
}

#[test]
fn an_archive_cut_anywhere_is_an_error_and_leaves_no_temporary_file() {
    for archive in [docker_20(&[BASE, TOP]), containerd(&[BASE, TOP])] {
        let bytes = archive.bytes();
        // The last two blocks only mark the end.
        for end in (0..bytes.len() - 4096).step_by(700) {
            let (_folder, store) = store();
            let result = store.import(&bytes[..end], APP);
            assert!(result.is_err(), "cut at {end} of {}", bytes.len());
            assert_eq!(std::fs::read_dir(store.temporary()).unwrap().count(), 0);
        }
    }
}

proptest::proptest! {
    #![proptest_config(proptest::test_runner::Config::with_cases(48))]
    #[test]
    fn any_bytes_are_an_error(bytes in proptest::collection::vec(0u8.., 0..2000)) {
        let (_folder, store) = store();
        proptest::prop_assert!(store.import(&*bytes, APP).is_err());
    }
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
    assert!(refusal(archive).contains("holds no image"));
}

/// The archive as a folder.
fn unpacked(archive: Archive) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let bytes = archive.bytes();
    tar::Archive::new(&*bytes).unpack(folder.path()).unwrap();
    folder
}

fn from_folder(folder: &std::path::Path) -> Result<Image> {
    let (_folder, store) = store();
    let archive = super::Archive::open(&store, folder)?;
    let image = archive.only(APP)?.ok_or_else(|| Error::user("several"))?;
    assert!(store.complete(&image), "all blobs are in the store");
    Ok(image)
}

#[test]
fn a_folder_gives_the_same_image_as_its_archive() {
    let layers = [BASE, TOP];
    let image = import(docker_20(&layers)).unwrap();
    for archive in [docker_20(&layers), docker_25(&layers), containerd(&layers)] {
        let folder = unpacked(archive);
        assert_eq!(from_folder(folder.path()).unwrap(), image);
    }
    let empty = tempfile::tempdir().unwrap();
    let error = from_folder(empty.path()).unwrap_err();
    assert!(error.message().contains("several"), "{error}");
}

#[test]
fn nothing_is_read_outside_of_a_folder() {
    let outside = tempfile::tempdir().unwrap();
    std::fs::write(outside.path().join("layer"), BASE).unwrap();
    for wrong in ["link", "pipe", "parent"] {
        let folder = unpacked(docker_25(&[BASE]));
        let layer = folder.path().join(path(BASE));
        std::fs::remove_file(&layer).unwrap();
        match wrong {
            "link" => std::os::unix::fs::symlink(outside.path().join("layer"), &layer).unwrap(),
            "pipe" => {
                // Whoever opened it would wait for ever.
                let made = std::process::Command::new("mkfifo").arg(&layer).status();
                assert!(made.unwrap().success());
            }
            _ => {
                let text = br#"[{"Config":"../c.json","Layers":[]}]"#;
                std::fs::write(folder.path().join("manifest.json"), text).unwrap();
                std::fs::remove_file(folder.path().join("index.json")).unwrap();
            }
        }
        assert!(from_folder(folder.path()).is_err(), "{wrong}");
    }
    let folder = unpacked(docker_25(&[BASE]));
    std::fs::write(folder.path().join(path(BASE)), TOP).unwrap();
    let error = from_folder(folder.path()).unwrap_err();
    assert!(error.to_string().contains("has digest"), "{error}");
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

/// The layers that are told of while an archive is read, each with its bytes.
fn told(archive: Archive, layers: &[&[u8]]) -> Vec<(Digest, Vec<u8>)> {
    let (_folder, store) = store();
    let mut tidings = store.listen();
    let watch = Watch {
        layers: layers.iter().map(|layer| Digest::of(layer)).collect(),
        listeners: store.listeners().clone(),
    };
    store
        .import_watched(&*archive.bytes(), APP, Some(&watch))
        .unwrap();
    let mut told = Vec::new();
    while let Ok(crate::image::Tidings::Layer(layer)) = tidings.try_recv() {
        let mut bytes = vec![0; usize::try_from(layer.blob.size).unwrap()];
        let mut read = 0;
        let file = layer.open().unwrap();
        while read < bytes.len() {
            read += layer
                .read_at(&file, &mut bytes[read..], read as u64)
                .unwrap();
        }
        told.push((layer.blob.digest, bytes));
    }
    told.sort();
    told
}

#[test]
fn layers_are_told_of_in_every_layout() {
    let wanted = |layers: &[&[u8]]| {
        let told = layers
            .iter()
            .map(|layer| (Digest::of(layer), layer.to_vec()));
        let mut told: Vec<_> = told.collect();
        told.sort();
        told
    };
    for layers in [&[BASE][..], &[BASE, TOP], &[]] {
        assert_eq!(told(docker_20(layers), layers), wanted(layers));
        assert_eq!(told(docker_25(layers), layers), wanted(layers));
        assert_eq!(told(containerd(layers), layers), wanted(layers));
    }
    assert_eq!(told(docker_25(&[BASE, TOP]), &[TOP]), wanted(&[TOP]));
}
