//! The archive that every engine loads: an OCI layout with Docker's `manifest.json`.

use std::collections::BTreeSet;
use std::io::{self, Write};

use serde_json::json;
use tar::{Builder, Header};

use super::{Store, manifest};
use crate::error::{Error, Result};
use crate::model::{Blob, Digest, Image};

/// Archives consist of records of so many bytes.
const RECORD: u64 = 512;

/// The blobs of an image's archive, each once, without the layers the engine supplies itself.
pub(super) fn blobs<'a>(image: &'a Image, supplied: &BTreeSet<Digest>) -> Vec<&'a Blob> {
    let mut seen = BTreeSet::new();
    image
        .blobs()
        .filter(|blob| !supplied.contains(&blob.digest) && seen.insert(&blob.digest))
        .collect()
}

fn path(blob: &Blob) -> String {
    format!("blobs/sha256/{}", blob.digest.hex())
}

/// An image and what it is called in full: `docker.io/library/app:1`.
pub(super) struct Named {
    pub(super) image: Image,
    pub(super) names: Vec<String>,
}

impl Named {
    /// Under the name it has on hosts.
    fn on_hosts(image: &Image) -> Self {
        Self {
            image: image.clone(),
            names: vec![format!("docker.io/{}", image.host_tag())],
        }
    }

    /// Its entries in `index.json`: one per name.
    fn manifests(&self) -> Vec<serde_json::Value> {
        let image = &self.image;
        let mut platform = image.platform.splitn(3, '/');
        let mut part = || platform.next().unwrap_or_default().to_owned();
        let mut described = json!({ "os": part(), "architecture": part() });
        let variant = part();
        if !variant.is_empty() {
            described["variant"] = variant.into();
        }
        let entries = self.names.iter().map(|name| {
            let last = name.rsplit('/').next().unwrap_or(name);
            let tag = last.split_once(':').map_or("latest", |(_, tag)| tag);
            json!({
                "mediaType": manifest::MANIFEST,
                "digest": image.manifest.digest,
                "size": image.manifest.size,
                "platform": described,
                "annotations": {
                    "io.containerd.image.name": name,
                    "org.opencontainers.image.ref.name": tag,
                },
            })
        });
        entries.collect()
    }

    /// Its entry in `manifest.json`. A name with a digest is no tag.
    fn docker(&self) -> serde_json::Value {
        let tags = self.names.iter().filter(|name| !name.contains('@'));
        let tags = tags.map(|name| name.strip_prefix("docker.io/").unwrap_or(name));
        json!({
            "Config": path(&self.image.config),
            "RepoTags": tags.collect::<Vec<_>>(),
            "Layers": self.image.layers.iter().map(path).collect::<Vec<_>>(),
        })
    }
}

/// The documents of the archive: `oci-layout`, `index.json` for containerd, `manifest.json` for
/// the classic store.
fn documents(images: &[Named]) -> [(&'static str, Vec<u8>); 3] {
    let index = json!({
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.index.v1+json",
        "manifests": images.iter().flat_map(Named::manifests).collect::<Vec<_>>(),
    });
    let docker: Vec<_> = images.iter().map(Named::docker).collect();
    [
        ("oci-layout", br#"{"imageLayoutVersion":"1.0.0"}"#.to_vec()),
        ("index.json", index.to_string().into_bytes()),
        ("manifest.json", json!(docker).to_string().into_bytes()),
    ]
}

fn header(size: u64) -> Header {
    let mut header = Header::new_gnu();
    header.set_size(size);
    header.set_mode(0o644);
    header
}

fn append_documents(archive: &mut Builder<impl Write>, images: &[Named]) -> io::Result<()> {
    for (name, bytes) in documents(images) {
        archive.append_data(&mut header(bytes.len() as u64), name, &*bytes)?;
    }
    Ok(())
}

/// A tar of the documents alone, for the name it has on hosts; the host adds the blobs.
pub(super) fn head(image: &Image) -> Result<Vec<u8>> {
    tail(&[image])
}

/// The documents of several images under the names they have on hosts, and the end of an archive
/// that has their blobs before.
pub(super) fn tail(images: &[&Image]) -> Result<Vec<u8>> {
    let named: Vec<Named> = images.iter().map(|image| Named::on_hosts(image)).collect();
    let mut archive = Builder::new(Vec::new());
    append_documents(&mut archive, &named)
        .and_then(|()| archive.into_inner())
        .map_err(unmakeable)
}

/// What stands before a blob in an archive.
pub(super) fn before(blob: &Blob) -> Result<Vec<u8>> {
    let mut header = header(blob.size);
    header.set_path(path(blob)).map_err(unmakeable)?;
    header.set_cksum();
    Ok(header.as_bytes().to_vec())
}

/// How many zeros stand behind a blob in an archive.
pub(super) fn behind(blob: &Blob) -> u64 {
    blob.size.next_multiple_of(RECORD) - blob.size
}

fn unmakeable(error: io::Error) -> Error {
    Error::user("the image's archive cannot be made").cause(error)
}

/// The whole archive under the name it has on hosts, blobs from the local store.
pub(super) fn write(
    store: &Store,
    image: &Image,
    supplied: &BTreeSet<Digest>,
    to: impl Write,
) -> io::Result<()> {
    whole(store, &[Named::on_hosts(image)], supplied, to)
}

/// An archive of several images, each blob once.
pub(super) fn archive(store: &Store, images: &[Named], to: impl Write) -> io::Result<()> {
    whole(store, images, &BTreeSet::new(), to)
}

fn whole(
    store: &Store,
    images: &[Named],
    supplied: &BTreeSet<Digest>,
    to: impl Write,
) -> io::Result<()> {
    let mut archive = Builder::new(to);
    append_documents(&mut archive, images)?;
    let mut written = supplied.clone();
    for image in images {
        for blob in blobs(&image.image, &written) {
            let file = store.read(&blob.digest).map_err(io::Error::other)?;
            archive.append_data(&mut header(blob.size), path(blob), file)?;
        }
        written.extend(image.image.blobs().map(|blob| blob.digest.clone()));
    }
    archive.into_inner()?.flush()
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::super::Wanted;
    use super::*;

    #[test]
    fn what_is_written_is_read_as_the_same_image() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::at(folder.path().join("a")).unwrap();
        let image = manifest::tests::image(&store, &[b"base", b"top", b"base"]);
        let mut bytes = Vec::new();
        write(&store, &image, &BTreeSet::new(), &mut bytes).unwrap();
        let other = Store::at(folder.path().join("b")).unwrap();
        let wanted = Wanted {
            reference: "app:1",
            platform: None,
        };
        assert_eq!(other.import(&*bytes, wanted).unwrap(), image);
    }

    #[test]
    fn an_archive_can_be_put_together_piece_by_piece() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::at(folder.path().join("a")).unwrap();
        let full = vec![7; 1024];
        let image = manifest::tests::image(&store, &[b"base", b"", &full]);
        let mut bytes = Vec::new();
        for blob in blobs(&image, &BTreeSet::new()) {
            bytes.extend(before(blob).unwrap());
            store
                .read(&blob.digest)
                .unwrap()
                .read_to_end(&mut bytes)
                .unwrap();
            bytes.resize(bytes.len() + usize::try_from(behind(blob)).unwrap(), 0);
        }
        bytes.extend(tail(&[&image]).unwrap());
        let other = Store::at(folder.path().join("b")).unwrap();
        let wanted = Wanted {
            reference: "app:1",
            platform: None,
        };
        assert_eq!(other.import(&*bytes, wanted).unwrap(), image);
    }

    #[test]
    fn supplied_layers_are_named_but_left_out() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::at(folder.path()).unwrap();
        let image = manifest::tests::image(&store, &[b"base", b"top"]);
        let supplied = [image.layers[0].digest.clone()].into();
        let left: Vec<_> = blobs(&image, &supplied);
        assert_eq!(left, [&image.layers[1], &image.config, &image.manifest]);
        let [_, index, docker] = documents(&[Named::on_hosts(&image)]);
        let docker: serde_json::Value = serde_json::from_slice(&docker.1).unwrap();
        assert_eq!(docker[0]["Layers"].as_array().unwrap().len(), 2);
        assert_eq!(docker[0]["RepoTags"][0], image.host_tag());
        let index: serde_json::Value = serde_json::from_slice(&index.1).unwrap();
        assert_eq!(
            index["manifests"][0]["annotations"]["io.containerd.image.name"],
            format!("docker.io/{}", image.host_tag())
        );
        assert_eq!(
            index["manifests"][0]["platform"],
            json!({"os": "linux", "architecture": "amd64"})
        );
    }
}
