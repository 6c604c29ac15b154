//! Which image of an archive: by its OCI index, else by Docker's `manifest.json`.

use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::Wanted;
use super::members::{Members, missing};
use crate::error::{Error, Explain, Result};
use crate::image::manifest::Config;
use crate::model::Digest;

/// How deep indexes may nest.
const DEEPEST_INDEX: usize = 4;

/// An image in an archive: its configuration's bytes and the paths of its layers.
pub(super) struct Chosen {
    pub(super) config: Vec<u8>,
    pub(super) layers: Vec<String>,
}

#[derive(Deserialize)]
struct Index {
    #[serde(default)]
    manifests: Vec<Descriptor>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Descriptor {
    #[serde(default)]
    media_type: String,
    digest: Digest,
    #[serde(default)]
    platform: Option<Platform>,
    #[serde(default)]
    annotations: std::collections::BTreeMap<String, String>,
    #[serde(default)]
    urls: Vec<String>,
}

#[derive(Deserialize)]
struct Platform {
    os: String,
}

impl Descriptor {
    fn path(&self) -> String {
        format!("blobs/sha256/{}", self.digest.hex())
    }

    fn is_index(&self) -> bool {
        self.media_type.ends_with("image.index.v1+json")
            || self.media_type.ends_with("manifest.list.v2+json")
    }

    fn is_attestation(&self) -> bool {
        self.annotations.contains_key("vnd.docker.reference.type")
            || self.platform.as_ref().is_some_and(|p| p.os == "unknown")
    }

    fn is_foreign(&self) -> bool {
        !self.urls.is_empty()
            || self.media_type.contains("nondistributable")
            || self.media_type.contains("foreign")
    }
}

#[derive(Deserialize)]
struct Manifest {
    config: Descriptor,
    #[serde(default)]
    layers: Vec<Descriptor>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct DockerManifest {
    config: String,
    #[serde(default)]
    layers: Option<Vec<String>>,
}

/// The one image that matches.
///
/// # Errors
/// There is none, or there are several and the platform does not tell which.
pub(super) fn choose(members: &Members, wanted: Wanted) -> Result<Chosen> {
    let mut found = Vec::new();
    if let Some(bytes) = members.document("index.json")? {
        let index: Index = parse("index.json", &bytes)?;
        from_index(members, &index, 0, &mut found)?;
    }
    if found.is_empty() {
        found = from_docker(members)?;
    }
    let mut platforms: Vec<(String, Chosen)> = Vec::new();
    for chosen in found {
        let platform = Config::parse(&chosen.config)?.platform();
        // Two names of one image are one image.
        if !platforms
            .iter()
            .any(|(_, other)| other.config == chosen.config)
        {
            platforms.push((platform, chosen));
        }
    }
    if platforms.len() > 1
        && let Some(platform) = wanted.platform
    {
        platforms.retain(|(have, _)| same_platform(have, platform));
    }
    let names: Vec<&str> = platforms.iter().map(|(name, _)| name.as_str()).collect();
    match names.len() {
        0 => Err(Error::user(match wanted.platform {
            Some(platform) => format!("the archive holds no image for `{platform}`"),
            None => "the archive holds no image".to_owned(),
        })),
        1 => Ok(platforms.remove(0).1),
        _ => Err(Error::user(format!(
            "the archive holds several images: {}",
            names.join(", ")
        ))
        .hint("set `platform:` of the service to one of them")),
    }
}

/// Whether an image for `have` is what `wanted` asks for; a variant counts when it is asked for.
pub(in crate::image) fn same_platform(have: &str, wanted: &str) -> bool {
    let (mut have, mut wanted) = (have.split('/'), wanted.split('/'));
    have.next() == wanted.next()
        && have.next() == wanted.next()
        && wanted
            .next()
            .is_none_or(|variant| have.next() == Some(variant))
}

fn from_index(
    members: &Members,
    index: &Index,
    depth: usize,
    found: &mut Vec<Chosen>,
) -> Result<()> {
    if depth > DEEPEST_INDEX {
        return Err(Error::user("the archive's indexes nest too deeply"));
    }
    for descriptor in &index.manifests {
        if descriptor.is_attestation() {
            continue;
        }
        let path = descriptor.path();
        // An index lists platforms that were never fetched.
        let Some(bytes) = members.document(&path)? else {
            continue;
        };
        if descriptor.is_index() {
            from_index(members, &parse(&path, &bytes)?, depth + 1, found)?;
            continue;
        }
        let manifest: Manifest = parse(&path, &bytes)?;
        if !members.has(&manifest.config.path()) {
            continue;
        }
        if let Some(layer) = manifest.layers.iter().find(|layer| layer.is_foreign()) {
            return Err(Error::user(format!(
                "layer `{}` may not be distributed and is not in the archive",
                layer.digest
            )));
        }
        if !manifest
            .layers
            .iter()
            .all(|layer| members.has(&layer.path()))
        {
            continue;
        }
        let config = manifest.config.path();
        found.push(Chosen {
            config: members.document(&config)?.ok_or_else(|| missing(&config))?,
            layers: manifest.layers.iter().map(Descriptor::path).collect(),
        });
    }
    Ok(())
}

fn from_docker(members: &Members) -> Result<Vec<Chosen>> {
    let Some(bytes) = members.document("manifest.json")? else {
        return Ok(Vec::new());
    };
    let manifests: Vec<DockerManifest> = parse("manifest.json", &bytes)?;
    manifests
        .into_iter()
        .map(|manifest| {
            let layers = manifest.layers.unwrap_or_default();
            if let Some(absent) = layers.iter().find(|path| !members.has(path)) {
                return Err(missing(absent));
            }
            Ok(Chosen {
                config: members
                    .document(&manifest.config)?
                    .ok_or_else(|| missing(&manifest.config))?,
                layers,
            })
        })
        .collect()
}

fn parse<T: DeserializeOwned>(path: &str, bytes: &[u8]) -> Result<T> {
    serde_json::from_slice(bytes).explain(|| format!("the archive's `{path}` cannot be read"))
}
