//! What images are called: a registry, a repository there, and a tag or a digest.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::Digest;
use crate::error::Error;

/// The registry of names that mention none.
const DOCKER_HUB: &str = "docker.io";
/// The longest name of registry and repository that engines take.
const LONGEST: usize = 255;

/// The name of an image as a Compose file writes it, in full: `nginx` is
/// `docker.io/library/nginx:latest`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference {
    /// Where it is.
    pub repository: Repository,
    /// The tag; none with a digest alone.
    pub tag: Option<String>,
    /// The digest, when it is written.
    pub digest: Option<Digest>,
}

impl FromStr for Reference {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let (name, digest) = match text.split_once('@') {
            Some((name, digest)) => (name, Some(digest.parse::<Digest>()?)),
            None => (text, None),
        };
        let last = name.rfind('/').map_or(0, |slash| slash + 1);
        let (name, tag) = match name[last..].split_once(':') {
            Some((end, tag)) => (&name[..last + end.len()], Some(tag)),
            None => (name, None),
        };
        let repository = Repository::parse(name)
            .ok_or_else(|| refuse("image", text, "write it as `registry/name:tag`"))?;
        if tag.is_some_and(|tag| !is_tag(tag)) {
            return Err(refuse("image", text, "its tag is not one"));
        }
        let latest = (digest.is_none() && tag.is_none()).then_some("latest");
        Ok(Self {
            repository,
            tag: tag.or(latest).map(str::to_owned),
            digest,
        })
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.repository.fmt(f)?;
        match (&self.digest, &self.tag) {
            (Some(digest), _) => write!(f, "@{digest}"),
            (None, Some(tag)) => write!(f, ":{tag}"),
            (None, None) => Ok(()),
        }
    }
}

/// A repository of images in a registry: `registry.example.com/team/shop`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Repository {
    registry: String,
    path: String,
}

impl Repository {
    fn parse(name: &str) -> Option<Self> {
        let (registry, path) = match name.split_once('/') {
            Some((first, path)) if is_registry(first) => (first, path),
            _ => (DOCKER_HUB, name),
        };
        let registry = match registry {
            "index.docker.io" => DOCKER_HUB,
            other => other,
        };
        let library = if registry == DOCKER_HUB && !path.contains('/') {
            "library/"
        } else {
            ""
        };
        let path = format!("{library}{path}");
        (is_path(&path) && registry.len() + path.len() < LONGEST).then(|| Self {
            registry: registry.to_owned(),
            path,
        })
    }

    /// The registry with its port, `registry.example.com:5000`.
    #[must_use]
    pub fn registry(&self) -> &str {
        &self.registry
    }

    /// Whether the registry's name means another machine on every machine.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        let host = match self.registry.rsplit_once(':') {
            Some((host, _)) => host,
            None => &self.registry,
        };
        host == "localhost" || host.starts_with("127.") || host == "[::1]"
    }

    /// The image in it that has this digest.
    #[must_use]
    pub fn at(&self, digest: Digest) -> Pinned {
        Pinned {
            repository: self.clone(),
            digest,
        }
    }
}

impl fmt::Display for Repository {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.registry, self.path)
    }
}

/// One image for good, wherever its tags move: `registry.example.com/shop@sha256:…`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Pinned {
    repository: Repository,
    digest: Digest,
}

impl Pinned {
    /// Where it is.
    #[must_use]
    pub fn repository(&self) -> &Repository {
        &self.repository
    }

    /// What it is.
    #[must_use]
    pub fn digest(&self) -> &Digest {
        &self.digest
    }
}

impl fmt::Display for Pinned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.repository, self.digest)
    }
}

impl FromStr for Pinned {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let reference: Reference = text.parse()?;
        match reference.digest {
            Some(digest) => Ok(reference.repository.at(digest)),
            None => Err(refuse("image", text, "it has no digest")),
        }
    }
}

impl Serialize for Pinned {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Pinned {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// Where a context's built images are pushed: a registry and, perhaps, a path in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegistryPath(String);

impl RegistryPath {
    /// The repository `name` below it; none when the two together are no valid name.
    #[must_use]
    pub fn repository(&self, name: &str) -> Option<Repository> {
        Repository::parse(&format!("{}/{name}", self.0))
    }

    /// Whether the repository is below it.
    #[must_use]
    pub fn holds(&self, repository: &Repository) -> bool {
        let full = repository.to_string();
        let rest = full.strip_prefix(&self.0);
        rest.is_some_and(|rest| rest.starts_with('/'))
    }
}

impl fmt::Display for RegistryPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for RegistryPath {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let (registry, path) = match text.split_once('/') {
            Some((registry, path)) => (registry, Some(path)),
            None => (text, None),
        };
        if is_registry(registry) && path.is_none_or(is_path) && text.len() < LONGEST / 2 {
            Ok(Self(text.to_owned()))
        } else {
            Err(refuse(
                "registry",
                text,
                "write it as `registry.example.com` or `registry.example.com:5000/team`",
            ))
        }
    }
}

impl Serialize for RegistryPath {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for RegistryPath {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// What tells a registry from the first part of a path, as engines have it.
fn is_registry(text: &str) -> bool {
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) if !text.ends_with(']') => (host, Some(port)),
        _ => (text, None),
    };
    let bare = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'));
    let named = || {
        host.starts_with(|c: char| c.is_ascii_alphanumeric())
            && !host.contains("..")
            && host
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || "-.".contains(c))
    };
    let valid = match bare {
        Some(bare) => bare.parse::<std::net::Ipv6Addr>().is_ok(),
        None => named(),
    };
    valid
        && port.is_none_or(|port| port.parse::<u16>().is_ok_and(|port| port > 0))
        && (text == "localhost" || text.contains(['.', ':']))
}

/// Words of lowercase letters, digits and separators between slashes.
fn is_path(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    text.split('/').all(|word| {
        word.starts_with(plain)
            && word.ends_with(plain)
            && !word.contains("..")
            && word.chars().all(|c| plain(c) || "-_.".contains(c))
    })
}

fn is_tag(text: &str) -> bool {
    text.len() <= 128
        && text.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_')
        && text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
}

fn refuse(what: &str, text: &str, rule: &str) -> Error {
    let shown: String = text.escape_debug().take(80).collect();
    Error::user(format!("{what} name \"{shown}\" is not valid: {rule}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEX: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    #[test]
    fn names_are_completed_as_engines_do() {
        for (written, full) in [
            ("nginx", "docker.io/library/nginx:latest"),
            ("me/app:1", "docker.io/me/app:1"),
            ("index.docker.io/nginx:1", "docker.io/library/nginx:1"),
            ("localhost/app", "localhost/app:latest"),
            ("10.0.0.1:5000/a/b:v1.2_3", "10.0.0.1:5000/a/b:v1.2_3"),
            ("[::1]:5000/a", "[::1]:5000/a:latest"),
            ("ghcr.io/a__b/c-d.e", "ghcr.io/a__b/c-d.e:latest"),
        ] {
            let reference: Reference = written.parse().unwrap();
            assert_eq!(reference.to_string(), full);
        }
        let both: Reference = format!("r.io/app:1@{HEX}").parse().unwrap();
        assert_eq!(both.to_string(), format!("r.io/app@{HEX}"));
        assert_eq!(both.tag.as_deref(), Some("1"));
        let bare: Reference = format!("r.io/app@{HEX}").parse().unwrap();
        assert_eq!(bare.tag, None);
    }

    #[test]
    fn names_that_would_become_paths_or_queries_are_refused() {
        for bad in [
            "",
            "/",
            "a/",
            "UPPER",
            "r.io/../containers",
            "r.io/a?x=1",
            "r.io/a b",
            "r.io/a:b c",
            "r.io/a:-x",
            "r.io/a@sha256:12",
            "-r.io/a:1",
            "r.io:99999/a",
            "r.io/a\n",
            "[::x]/a",
            "$(id)",
        ] {
            assert!(bad.parse::<Reference>().is_err(), "{bad:?}");
        }
        assert!("r.io/app:1".parse::<Pinned>().is_err());
        let long = format!("r.io/{}", "a".repeat(300));
        assert!(long.parse::<Reference>().is_err());
    }

    #[test]
    fn what_is_pinned_reads_back() {
        let pinned: Pinned = format!("r.io/app@{HEX}").parse().unwrap();
        assert_eq!(pinned.digest().as_str(), HEX);
        assert_eq!(pinned.repository().registry(), "r.io");
        let json = serde_json::to_string(&pinned).unwrap();
        assert_eq!(serde_json::from_str::<Pinned>(&json).unwrap(), pinned);
        assert!(serde_json::from_str::<Pinned>("\"r.io/app:1\"").is_err());
    }

    #[test]
    fn registries_have_names_of_machines() {
        for good in ["r.io", "r.io:5000/team", "localhost", "10.0.0.1:5000/a/b"] {
            assert_eq!(good.parse::<RegistryPath>().unwrap().to_string(), good);
        }
        for bad in [
            "",
            "registry",
            "https://r.io",
            "r.io/",
            "r.io/Team",
            "u:p@r.io",
            "r.io/a:1",
        ] {
            assert!(bad.parse::<RegistryPath>().is_err(), "{bad:?}");
        }
        let path: RegistryPath = "r.io/team".parse().unwrap();
        let shop = path.repository("shop-web").unwrap();
        assert_eq!(shop.to_string(), "r.io/team/shop-web");
        assert!(path.holds(&shop));
        let other: Reference = "r.io/teams/web".parse().unwrap();
        assert!(!path.holds(&other.repository));
        assert_eq!(path.repository("../x"), None);
    }

    #[test]
    fn loopback_registries_are_each_machines_own() {
        for (name, own) in [
            ("localhost:5000/a", true),
            ("127.0.0.1:5000/a", true),
            ("[::1]:5000/a", true),
            ("r.io/a", false),
            ("localhost.example.com/a", false),
        ] {
            let reference: Reference = name.parse().unwrap();
            assert_eq!(reference.repository.is_loopback(), own, "{name}");
        }
    }
}
