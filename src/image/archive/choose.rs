//! The images of an archive, by its OCI index, else by Docker's `manifest.json`, and which of them is
//! wanted.

use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::members::{Members, missing};
use crate::error::{Error, Explain, Result};
use crate::image::manifest::Config;
use crate::model::Digest;

/// How deep indexes may nest.
const DEEPEST_INDEX: usize = 4;

/// An image in an archive: its configuration's bytes and the paths of its layers.
pub(super) struct Found {
    pub(super) config: Vec<u8>,
    pub(super) layers: Vec<String>,
    pub(super) platform: String,
    /// What it is called there, in full: `docker.io/library/app:1`.
    pub(super) names: Vec<String>,
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

    /// What the image is called, if the index says so.
    fn name(&self) -> Option<String> {
        [
            "io.containerd.image.name",
            "org.opencontainers.image.ref.name",
        ]
        .iter()
        .find_map(|key| self.annotations.get(*key))
        .map(|name| in_full(name))
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
    #[serde(default)]
    repo_tags: Option<Vec<String>>,
}

/// Every image, each once, with all its names.
///
/// # Errors
/// A document cannot be read or is another one than its digest says; a layer may not be
/// distributed; of no image everything is there.
pub(super) fn images(members: &Members) -> Result<Vec<Found>> {
    let (mut all, mut absent) = (Vec::new(), None);
    if let Some(bytes) = members.document("index.json")? {
        let index: Index = parse("index.json", &bytes)?;
        from_index(members, &index, None, 0, &mut all, &mut absent)?;
    }
    let from_index = !all.is_empty();
    if let Some(bytes) = members.document("manifest.json")? {
        let manifests: Vec<DockerManifest> = parse("manifest.json", &bytes)?;
        for manifest in manifests {
            match from_docker(members, manifest) {
                Ok(found) => all.push(found),
                // The index has said already what is complete.
                Err(_) if from_index => {}
                Err(error) => return Err(error),
            }
        }
    }
    if let (true, Some(absent)) = (all.is_empty(), absent) {
        return Err(missing(&absent));
    }
    let mut images: Vec<Found> = Vec::new();
    for found in all {
        match images.iter_mut().find(|image| image.config == found.config) {
            // Two names of one image are one image.
            Some(image) => image.names.extend(found.names),
            None => images.push(found),
        }
    }
    Ok(images)
}

/// The one image that matches.
///
/// # Errors
/// There is none, or there are several and the platform does not tell which.
pub(super) fn choose<'a>(
    images: impl Iterator<Item = &'a Found>,
    platform: Option<&str>,
) -> Result<&'a Found> {
    let mut images: Vec<&Found> = images.collect();
    if images.len() > 1
        && let Some(platform) = platform
    {
        images.retain(|image| same_platform(&image.platform, platform));
    }
    match images.as_slice() {
        [] => Err(Error::user(match platform {
            Some(platform) => format!("the archive holds no image for `{platform}`"),
            None => "the archive holds no image".to_owned(),
        })),
        [one] => Ok(one),
        several => {
            let platforms: Vec<&str> = several.iter().map(|one| one.platform.as_str()).collect();
            Err(Error::user(format!(
                "the archive holds several images: {}",
                platforms.join(", ")
            ))
            .hint("set `platform:` of the service to one of them"))
        }
    }
}

/// A name as engines have it in full: `app` is `docker.io/library/app:latest`.
pub(in crate::image) fn in_full(name: &str) -> String {
    let (domain, rest) = match name.split_once('/') {
        Some((domain, rest)) if domain == "localhost" || domain.contains(['.', ':']) => {
            (domain, rest)
        }
        _ => ("docker.io", name),
    };
    let domain = if domain == "index.docker.io" {
        "docker.io"
    } else {
        domain
    };
    let library = if domain == "docker.io" && !rest.contains('/') {
        "library/"
    } else {
        ""
    };
    let tagged = rest.contains('@') || rest.rsplit('/').next().unwrap_or(rest).contains(':');
    let tag = if tagged { "" } else { ":latest" };
    format!("{domain}/{library}{rest}{tag}")
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
    above: Option<&str>,
    depth: usize,
    found: &mut Vec<Found>,
    absent: &mut Option<String>,
) -> Result<()> {
    if depth > DEEPEST_INDEX {
        return Err(Error::user("the archive's indexes nest too deeply"));
    }
    for descriptor in &index.manifests {
        if descriptor.is_attestation() {
            continue;
        }
        // An index lists platforms that were never fetched.
        let Some(bytes) = document(members, descriptor)? else {
            absent.get_or_insert_with(|| descriptor.path());
            continue;
        };
        let path = descriptor.path();
        let name = descriptor.name();
        let name = name.as_deref().or(above);
        if descriptor.is_index() {
            let below = parse(&path, &bytes)?;
            from_index(members, &below, name, depth + 1, found, absent)?;
            continue;
        }
        let manifest: Manifest = parse(&path, &bytes)?;
        let Some(config) = document(members, &manifest.config)? else {
            absent.get_or_insert_with(|| manifest.config.path());
            continue;
        };
        if let Some(layer) = manifest.layers.iter().find(|layer| layer.is_foreign()) {
            return Err(Error::user(format!(
                "layer `{}` may not be distributed and is not in the archive",
                layer.digest
            )));
        }
        let layers: Vec<String> = manifest.layers.iter().map(Descriptor::path).collect();
        if let Some(layer) = layers.iter().find(|path| !members.has(path)) {
            absent.get_or_insert_with(|| layer.clone());
        } else {
            found.push(Found {
                platform: Config::parse(&config)?.platform(),
                config,
                layers,
                names: name.map(str::to_owned).into_iter().collect(),
            });
        }
    }
    Ok(())
}

/// What a descriptor leads to, when it is there; its bytes are the ones it names.
fn document(members: &Members, descriptor: &Descriptor) -> Result<Option<Vec<u8>>> {
    let path = descriptor.path();
    let Some(bytes) = members.document(&path)? else {
        return Ok(None);
    };
    let digest = Digest::of(&bytes);
    if digest != descriptor.digest {
        return Err(Error::user(format!(
            "the archive is damaged: `{path}` has digest `{digest}`"
        )));
    }
    Ok(Some(bytes))
}

fn from_docker(members: &Members, manifest: DockerManifest) -> Result<Found> {
    let layers = manifest.layers.unwrap_or_default();
    if let Some(absent) = layers.iter().find(|path| !members.has(path)) {
        return Err(missing(absent));
    }
    let config = members
        .document(&manifest.config)?
        .ok_or_else(|| missing(&manifest.config))?;
    let names = manifest.repo_tags.unwrap_or_default();
    Ok(Found {
        platform: Config::parse(&config)?.platform(),
        config,
        layers,
        names: names.iter().map(|name| in_full(name)).collect(),
    })
}

fn parse<T: DeserializeOwned>(path: &str, bytes: &[u8]) -> Result<T> {
    serde_json::from_slice(bytes).explain(|| format!("the archive's `{path}` cannot be read"))
}
