//! Layouts in folders, and what lies outside of them.

use super::*;

/// The archive as a folder.
fn unpacked(archive: Archive) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let bytes = archive.bytes();
    tar::Archive::new(&*bytes).unpack(folder.path()).unwrap();
    folder
}

fn from_folder(folder: &std::path::Path) -> Result<Image> {
    let (_folder, store) = store();
    let archive = crate::image::archive::Archive::open(&store, folder)?;
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
