//! The normalised manifest: an image's identity, computed over uncompressed layers (spec §12.3).

use serde::{Deserialize, Serialize};

use super::Store;
use crate::error::{Error, Explain, Result};
use crate::model::{Blob, Digest, Image};

/// The largest manifest, index or configuration that is believed, in bytes.
pub(super) const LARGEST_DOCUMENT: u64 = 8 << 20;

pub(super) const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const LAYER: &str = "application/vnd.oci.image.layer.v1.tar";

/// What webpods reads of an image's configuration.
#[derive(Debug, Deserialize)]
pub(super) struct Config {
    #[serde(default)]
    pub(super) os: String,
    #[serde(default)]
    pub(super) architecture: String,
    #[serde(default)]
    pub(super) variant: String,
    pub(super) rootfs: Rootfs,
}

/// The layers of an image by their uncompressed content.
#[derive(Debug, Deserialize)]
pub(super) struct Rootfs {
    #[serde(default)]
    pub(super) diff_ids: Option<Vec<Digest>>,
}

impl Config {
    pub(super) fn parse(bytes: &[u8]) -> Result<Self> {
        serde_json::from_slice(bytes).explain(|| "the image's configuration cannot be read")
    }

    /// `os/architecture[/variant]`.
    pub(super) fn platform(&self) -> String {
        let mut platform = format!("{}/{}", self.os, self.architecture);
        if !self.variant.is_empty() {
            platform.push('/');
            platform.push_str(&self.variant);
        }
        platform
    }

    pub(super) fn diff_ids(&self) -> &[Digest] {
        self.rootfs.diff_ids.as_deref().unwrap_or_default()
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Manifest {
    schema_version: u32,
    media_type: &'static str,
    config: Descriptor,
    layers: Vec<Descriptor>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Descriptor {
    media_type: &'static str,
    digest: Digest,
    size: u64,
}

fn descriptor(media_type: &'static str, blob: &Blob) -> Descriptor {
    Descriptor {
        media_type,
        digest: blob.digest.clone(),
        size: blob.size,
    }
}

/// The manifest's bytes: the same for the same configuration and layers, whoever built them.
pub(super) fn bytes(config: &Blob, layers: &[Blob]) -> Result<Vec<u8>> {
    let manifest = Manifest {
        schema_version: 2,
        media_type: MANIFEST,
        config: descriptor(CONFIG, config),
        layers: layers.iter().map(|blob| descriptor(LAYER, blob)).collect(),
    };
    serde_json::to_vec(&manifest).explain(|| "the image's manifest cannot be written")
}

/// Stores configuration and manifest and makes the image of them. `layers` are in the store,
/// from the base up.
///
/// # Errors
/// The configuration cannot be read or names other layers than these.
pub(super) fn normalise(
    store: &Store,
    reference: &str,
    config: &[u8],
    layers: Vec<Blob>,
) -> Result<Image> {
    let parsed = Config::parse(config)?;
    let wanted = parsed.diff_ids();
    if wanted.len() != layers.len() {
        return Err(Error::user(format!(
            "image `{reference}` is damaged: its configuration names {} layers and it has {}",
            wanted.len(),
            layers.len()
        )));
    }
    for (number, (wanted, layer)) in wanted.iter().zip(&layers).enumerate() {
        if *wanted != layer.digest {
            return Err(Error::user(format!(
                "image `{reference}` is damaged: layer {} has digest `{}`, its configuration \
                 says `{wanted}`",
                number + 1,
                layer.digest
            )));
        }
    }
    let config = store.put(config)?;
    let manifest = store.put(&bytes(&config, &layers)?)?;
    Ok(Image {
        reference: reference.to_owned(),
        manifest,
        config,
        layers,
        platform: parsed.platform(),
        source: None,
        pull: None,
        variants: Vec::new(),
    })
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// The configuration of an image with these layers.
    pub(crate) fn config(layers: &[&[u8]]) -> Vec<u8> {
        let ids: Vec<Digest> = layers.iter().map(|layer| Digest::of(layer)).collect();
        serde_json::to_vec(&serde_json::json!({
            "architecture": "amd64", "os": "linux", "config": {},
            "rootfs": {"type": "layers", "diff_ids": ids},
        }))
        .unwrap()
    }

    /// An image with these layers, complete in `store`.
    pub(crate) fn image(store: &Store, layers: &[&[u8]]) -> Image {
        let blobs = layers.iter().map(|l| store.put(l).unwrap()).collect();
        normalise(store, "app:1", &config(layers), blobs).unwrap()
    }

    /// The same for another architecture.
    pub(crate) fn image_for(store: &Store, layers: &[&[u8]], architecture: &str) -> Image {
        let blobs = layers.iter().map(|l| store.put(l).unwrap()).collect();
        let config = String::from_utf8(config(layers)).unwrap();
        let config = config.replace("amd64", architecture);
        normalise(store, "app:1", config.as_bytes(), blobs).unwrap()
    }

    #[test]
    fn the_manifest_is_the_same_every_time_and_known() {
        let blob = |text: &[u8]| Blob {
            digest: Digest::of(text),
            size: text.len() as u64,
        };
        let written = bytes(&blob(b"{}"), &[blob(b"a")]).unwrap();
        assert_eq!(
            String::from_utf8(written).unwrap(),
            "{\"schemaVersion\":2,\"mediaType\":\"application/vnd.oci.image.manifest.v1+json\",\
             \"config\":{\"mediaType\":\"application/vnd.oci.image.config.v1+json\",\
             \"digest\":\"sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a\",\
             \"size\":2},\"layers\":[{\"mediaType\":\"application/vnd.oci.image.layer.v1.tar\",\
             \"digest\":\"sha256:ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb\",\
             \"size\":1}]}"
        );
    }

    #[test]
    fn an_image_without_layers_is_an_image() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::at(folder.path()).unwrap();
        let config = br#"{"os":"linux","architecture":"arm64","variant":"v8",
            "rootfs":{"type":"layers","diff_ids":null}}"#;
        let image = normalise(&store, "empty", config, Vec::new()).unwrap();
        assert_eq!(image.platform, "linux/arm64/v8");
        assert!(store.complete(&image));
    }

    #[test]
    fn layers_that_are_not_the_named_ones_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::at(folder.path()).unwrap();
        let other = store.put(b"other").unwrap();
        let wrong = normalise(&store, "x", &config(&[b"layer"]), vec![other]).unwrap_err();
        assert!(wrong.message().contains("damaged: layer 1"), "{wrong}");
        let few = normalise(&store, "x", &config(&[b"layer"]), vec![]).unwrap_err();
        assert!(few.message().contains("names 1 layers and it has 0"));
    }
}
