//! Images written by hand, as folders in the OCI layout: what no builder would make.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::Path;
use std::process::Command;

use flate2::write::GzEncoder;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

const LAYER: &str = "application/vnd.oci.image.layer.v1.tar+gzip";

/// An OCI layout's folder that is being filled.
#[derive(Debug)]
pub struct Layout<'a> {
    folder: &'a Path,
    /// Descriptors of the layers, from the base up.
    pub layers: Vec<Value>,
    /// Digests of the layers unpacked.
    ids: Vec<String>,
}

/// Packs what is written, and makes a digest of it.
struct Packer {
    file: GzEncoder<File>,
    sum: Sha256,
}

impl Write for Packer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.sum.update(bytes);
        self.file.write_all(bytes)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl<'a> Layout<'a> {
    /// Begins one.
    pub fn new(folder: &'a Path) -> Self {
        fs::create_dir_all(folder.join("blobs/sha256")).unwrap();
        fs::write(
            folder.join("oci-layout"),
            r#"{"imageLayoutVersion":"1.0.0"}"#,
        )
        .unwrap();
        Self {
            folder,
            layers: Vec::new(),
            ids: Vec::new(),
        }
    }

    /// Adds a layer of one file.
    pub fn layer(&mut self, name: &str, size: u64, content: impl Read) {
        let path = self.folder.join("layer");
        let packer = Packer {
            file: GzEncoder::new(File::create(&path).unwrap(), flate2::Compression::fast()),
            sum: Sha256::new(),
        };
        let mut archive = tar::Builder::new(packer);
        let mut header = tar::Header::new_gnu();
        header.set_size(size);
        header.set_mode(0o644);
        archive
            .append_data(&mut header, name, content.take(size))
            .unwrap();
        let packer = archive.into_inner().unwrap();
        packer.file.finish().unwrap();
        let sum = packer.sum.finalize();
        let digest = sum.iter().fold("sha256:".to_owned(), |text, byte| {
            text + &format!("{byte:02x}")
        });
        self.ids.push(digest);
        let layer = self.blob(LAYER, &path);
        self.layers.push(layer);
    }

    /// Writes configuration, manifest and index: an image of this name.
    pub fn finish(self, tag: &str) {
        let config = json!({
            "architecture": if cfg!(target_arch = "aarch64") { "arm64" } else { "amd64" },
            "os": "linux",
            "config": { "Cmd": ["/none"] },
            "rootfs": { "type": "layers", "diff_ids": self.ids },
        });
        let config = self.json("application/vnd.oci.image.config.v1+json", &config);
        let manifest = json!({ "schemaVersion": 2, "config": config, "layers": self.layers });
        let mut manifest = self.json("application/vnd.oci.image.manifest.v1+json", &manifest);
        manifest["annotations"] = json!({ "io.containerd.image.name": tag });
        let index = json!({ "schemaVersion": 2, "manifests": [manifest] });
        fs::write(self.folder.join("index.json"), index.to_string()).unwrap();
    }

    fn json(&self, kind: &str, value: &Value) -> Value {
        let path = self.folder.join("document");
        fs::write(&path, value.to_string()).unwrap();
        self.blob(kind, &path)
    }

    /// Gives a file the name of its digest.
    fn blob(&self, kind: &str, path: &Path) -> Value {
        let sum = Command::new("sha256sum").arg(path).output().unwrap();
        let sum = String::from_utf8(sum.stdout).unwrap();
        let hex = sum.split(' ').next().unwrap();
        let size = fs::metadata(path).unwrap().len();
        fs::rename(path, self.folder.join("blobs/sha256").join(hex)).unwrap();
        json!({ "mediaType": kind, "digest": format!("sha256:{hex}"), "size": size })
    }
}
