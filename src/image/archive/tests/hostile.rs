//! Archives that are damaged, cut, or made to do harm.

use super::*;

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
