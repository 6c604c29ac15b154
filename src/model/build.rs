//! `build:` of a service.

use std::fmt;
use std::path::PathBuf;

use indexmap::IndexMap;
use serde::{Deserialize, Serialize, Serializer};

use super::ServiceName;

/// `build:`. Paths are absolute.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Build {
    /// The context folder, or a URL.
    pub context: String,
    /// Relative to the context or absolute.
    pub dockerfile: Option<String>,
    /// The Dockerfile's text.
    pub dockerfile_inline: Option<String>,
    /// Build arguments; none: taken from the environment.
    pub args: IndexMap<String, Option<String>>,
    /// The stage to build.
    pub target: Option<String>,
    /// Image labels.
    pub labels: IndexMap<String, String>,
    /// `--network`.
    pub network: Option<String>,
    /// Extra tags.
    pub tags: Vec<String>,
    /// Pull base images always.
    pub pull: bool,
    /// Ignore the build cache.
    pub no_cache: bool,
    /// `cache_from`.
    pub cache_from: Vec<String>,
    /// `cache_to`.
    pub cache_to: Vec<String>,
    /// `platforms`.
    pub platforms: Vec<String>,
    /// `host:ip` pairs.
    pub extra_hosts: Vec<String>,
    /// `additional_contexts` by the name that the Dockerfile uses.
    pub contexts: IndexMap<String, NamedContext>,
    /// `secrets`.
    pub secrets: Vec<BuildSecret>,
    /// `ssh`: `default` or `id=path`.
    pub ssh: Vec<String>,
    /// `shm_size` in bytes.
    pub shm_size: Option<u64>,
    /// `ulimits`.
    pub ulimits: IndexMap<String, Ulimit>,
    /// `entitlements`.
    pub entitlements: Vec<String>,
    /// `privileged`.
    pub privileged: bool,
    /// `isolation`.
    pub isolation: Option<String>,
}

impl Build {
    /// The services whose images this one is built from.
    pub fn services(&self) -> impl Iterator<Item = &ServiceName> {
        self.contexts.values().filter_map(|context| match context {
            NamedContext::Service(service) => Some(service),
            _ => None,
        })
    }
}

/// One of `additional_contexts`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NamedContext {
    /// A folder here.
    Folder(PathBuf),
    /// `service:x`: the image of another service.
    Service(ServiceName),
    /// What the builder fetches: `docker-image://…`, `https://…`, a git repository.
    Fetched(String),
}

/// One of `build.secrets`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BuildSecret {
    /// What the Dockerfile calls it: `RUN --mount=type=secret,id=…`.
    pub id: String,
    /// Where its content is.
    pub source: SecretSource,
}

/// Where a build secret's content is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SecretSource {
    /// A file here.
    File(PathBuf),
    /// A variable, and what it is set to.
    Variable(String, Option<Concealed>),
    /// Text of the Compose file.
    Content(Concealed),
}

/// One of `ulimits`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ulimit {
    /// The limit that holds.
    pub soft: i64,
    /// How far it can be raised.
    pub hard: i64,
}

/// A text that is written nowhere, whoever prints what holds it.
#[derive(Clone, PartialEq, Eq, Deserialize)]
pub struct Concealed(String);

impl Concealed {
    /// The text, for the one that needs it.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl From<String> for Concealed {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl fmt::Debug for Concealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl Serialize for Concealed {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str("***")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_concealed_text_is_not_printed() {
        let secret = BuildSecret {
            id: "token".to_owned(),
            source: SecretSource::Content("hunter2".to_owned().into()),
        };
        assert!(!format!("{secret:?}").contains("hunter2"));
        assert!(!serde_json::to_string(&secret).unwrap().contains("hunter2"));
    }

    #[test]
    fn a_build_of_fewer_keys_is_read() {
        let build: Build = serde_json::from_str(r#"{"context": "/app"}"#).unwrap();
        assert_eq!(build.context, "/app");
        assert!(build.secrets.is_empty());
    }
}
