//! What engines do with registries: look up, pull and push, with credentials for one call only.

use base64::Engine as _;
use base64::alphabet::{STANDARD, URL_SAFE};
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use serde::Deserialize;
use serde_json::{Value, json};

use super::call::Call;
use super::{Engine, EngineError, Result};
use crate::model::{Digest, Pinned, Reference};

/// How `X-Registry-Auth` and Docker's configuration call Docker Hub.
const DOCKER_HUB: &str = "https://index.docker.io/v1/";
const HIDDEN: &str = "***";
/// What others wrote may be padded or not.
const LENIENT: GeneralPurposeConfig =
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
const PLAIN: GeneralPurpose = GeneralPurpose::new(&STANDARD, LENIENT);
/// What engines read `X-Registry-Auth` with.
const URL: GeneralPurpose = GeneralPurpose::new(&URL_SAFE, LENIENT);

/// Credentials in the form an engine is given them. They are shown nowhere.
#[derive(Clone)]
pub struct RegistryAuth {
    header: String,
    hidden: Vec<String>,
}

impl RegistryAuth {
    /// None: what anybody may do.
    #[must_use]
    pub fn anonymous() -> Self {
        Self::new(&json!({}), Vec::new())
    }

    /// A name and a password.
    #[must_use]
    pub fn password(registry: &str, user: &str, password: &str) -> Self {
        let written = json!({
            "username": user, "password": password, "serveraddress": Self::server(registry),
        });
        Self::new(&written, vec![password.to_owned()])
    }

    /// A token that the registry gave in exchange for a password.
    #[must_use]
    pub fn identity_token(registry: &str, token: &str) -> Self {
        let written = json!({
            "identitytoken": token, "serveraddress": Self::server(registry),
        });
        Self::new(&written, vec![token.to_owned()])
    }

    /// A token that the registry takes as it is.
    #[must_use]
    pub fn registry_token(registry: &str, token: &str) -> Self {
        let written = json!({
            "registrytoken": token, "serveraddress": Self::server(registry),
        });
        Self::new(&written, vec![token.to_owned()])
    }

    /// The `auth` of Docker's configuration, `user:password` in base64: the name, and the
    /// credentials. None: it is something else.
    #[must_use]
    pub fn basic(registry: &str, encoded: &str) -> Option<(String, Self)> {
        let encoded = encoded.trim();
        let bytes = PLAIN.decode(encoded).or_else(|_| URL.decode(encoded));
        let text = String::from_utf8(bytes.ok()?).ok()?;
        let (user, password) = text.split_once(':')?;
        // Older versions of Docker padded it with zeros.
        let password = password.trim_end_matches('\0');
        let mut auth = Self::password(registry, user, password);
        auth.hidden.push(encoded.to_owned());
        Some((user.to_owned(), auth))
    }

    /// What Docker's configuration calls a registry.
    #[must_use]
    pub fn server(registry: &str) -> &str {
        if registry == "docker.io" {
            DOCKER_HUB
        } else {
            registry
        }
    }

    fn new(written: &Value, mut hidden: Vec<String>) -> Self {
        let header = URL.encode(written.to_string());
        hidden.retain(|secret| !secret.is_empty());
        if !hidden.is_empty() {
            hidden.push(header.clone());
        }
        Self { header, hidden }
    }

    /// The value of `X-Registry-Auth`.
    pub(super) fn header(&self) -> &str {
        &self.header
    }

    /// What an engine or a registry said, without the secrets it may repeat.
    pub(super) fn conceal(&self, said: &str) -> String {
        let hide = |said: String, secret: &String| said.replace(secret, HIDDEN);
        self.hidden.iter().fold(said.to_owned(), hide)
    }
}

impl std::fmt::Debug for RegistryAuth {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("RegistryAuth")
    }
}

/// What a registry says of a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Distribution {
    /// The digest of the manifest or index.
    pub digest: Digest,
    /// Its size in bytes.
    pub size: u64,
    /// What it runs on, `os/architecture[/variant]`; empty when the registry does not say.
    pub platforms: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Inspected {
    descriptor: Descriptor,
    #[serde(default)]
    platforms: Option<Vec<Platform>>,
}

#[derive(Deserialize)]
struct Descriptor {
    digest: Digest,
    #[serde(default)]
    size: u64,
}

#[derive(Deserialize)]
struct Platform {
    #[serde(default)]
    os: String,
    #[serde(default)]
    architecture: String,
    #[serde(default)]
    variant: String,
}

impl Platform {
    /// None: an attestation, or nothing at all.
    fn text(&self) -> Option<String> {
        let known = |part: &str| !part.is_empty() && part != "unknown";
        if !known(&self.os) || !known(&self.architecture) {
            return None;
        }
        let parts = [&self.os, &self.architecture, &self.variant];
        let parts = parts.into_iter().filter(|part| !part.is_empty());
        let parts: Vec<&str> = parts.map(String::as_str).collect();
        Some(parts.join("/"))
    }
}

impl From<Inspected> for Distribution {
    fn from(inspected: Inspected) -> Self {
        let platforms = inspected.platforms.unwrap_or_default();
        Self {
            digest: inspected.descriptor.digest,
            size: inspected.descriptor.size,
            platforms: platforms.iter().filter_map(Platform::text).collect(),
        }
    }
}

impl Engine {
    /// What the registry has under a name now. Nothing is pulled.
    ///
    /// # Errors
    /// The registry does not have it, does not answer, or wants other credentials.
    pub async fn look_up(&self, name: &Reference, auth: &RegistryAuth) -> Result<Distribution> {
        let name = name.to_string();
        let call = Call::get(
            format!("look up `{name}`"),
            &["distribution", &name, "json"],
        );
        let inspected: Inspected = self.wire.json(call.auth(auth)).await?;
        Ok(inspected.into())
    }

    /// Pulls an image by digest; the engine verifies it. It is known by that digest then.
    ///
    /// # Errors
    /// As [`Engine::look_up`]; there is none for the platform.
    pub async fn pull_pinned(
        &self,
        image: &Pinned,
        platform: Option<&str>,
        auth: &RegistryAuth,
    ) -> Result<()> {
        let mut call = Call::post(format!("pull `{image}`"), &["images", "create"])
            .query("fromImage", image.repository().to_string())
            .query("tag", image.digest().as_str())
            .patience(None)
            .auth(auth);
        if let Some(platform) = platform {
            call = call.query("platform", platform);
        }
        self.follow(call, |_| {}).await.map(drop)
    }

    /// Pushes an image under a name that it has; its digest in the registry, and the size of its
    /// manifest there.
    ///
    /// # Errors
    /// The registry does not answer, or wants other credentials.
    pub async fn push_image(
        &self,
        name: &Reference,
        auth: &RegistryAuth,
        progress: impl FnMut(&str),
    ) -> Result<(Digest, u64)> {
        let (repository, tag) = (name.repository.to_string(), name.tag.as_deref());
        let doing = format!("push `{name}`");
        let call = Call::post(doing.as_str(), &["images", &repository, "push"])
            .query("tag", tag.unwrap_or("latest"))
            .patience(None)
            .auth(auth);
        let said = self.follow(call, progress).await?;
        let pushed = said.aux.as_ref().and_then(|aux| {
            let digest = aux.get("Digest")?.as_str()?.parse().ok()?;
            Some((digest, aux.get("Size")?.as_u64()?))
        });
        pushed.ok_or_else(|| {
            let said = "the engine did not say under which digest";
            EngineError::answered(self.host(), &doing, 500, said)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(auth: &RegistryAuth) -> Value {
        serde_json::from_slice(&URL.decode(&auth.header).unwrap()).unwrap()
    }

    #[test]
    fn credentials_are_written_as_engines_read_them() {
        let auth = RegistryAuth::password("r.io:5000", "ci", "hunter2");
        let wanted = json!({
            "username": "ci", "password": "hunter2", "serveraddress": "r.io:5000",
        });
        assert_eq!(decoded(&auth), wanted);
        let (user, auth) = RegistryAuth::basic("docker.io", "Y2k6aHVudGVyMjp4").unwrap();
        assert_eq!(user, "ci");
        assert_eq!(decoded(&auth)["password"], "hunter2:x");
        for written in [
            "w7_Dvzp-fg==",
            "w7/Dvzp+fg==",
            "w7/Dvzp+fg",
            " w7/Dvzp+fg==\n",
        ] {
            let (user, _) = RegistryAuth::basic("r.io", written).unwrap();
            assert_eq!(user, "\u{ff}\u{ff}");
        }
        assert_eq!(decoded(&auth)["serveraddress"], DOCKER_HUB);
        assert_eq!(decoded(&RegistryAuth::anonymous()), json!({}));
        let token = RegistryAuth::identity_token("r.io", "tok");
        assert_eq!(decoded(&token)["identitytoken"], "tok");
        for bad in ["%", "Y2k=", ""] {
            assert!(RegistryAuth::basic("r.io", bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn credentials_are_shown_nowhere() {
        let (_, auth) = RegistryAuth::basic("r.io", "Y2k6aHVudGVyMg==").unwrap();
        assert_eq!(format!("{auth:?}"), "RegistryAuth");
        let said = format!("no: hunter2 (Y2k6aHVudGVyMg==, {})", auth.header);
        assert_eq!(auth.conceal(&said), "no: *** (***, ***)");
        let nobody = RegistryAuth::anonymous();
        assert_eq!(nobody.conceal("e30= is kept"), "e30= is kept");
        let empty = RegistryAuth::password("r.io", "ci", "");
        assert_eq!(empty.conceal("as it is"), "as it is");
    }

    #[test]
    fn platforms_of_attestations_are_none() {
        let inspected: Inspected = serde_json::from_value(json!({
            "Descriptor": {"mediaType": "x", "digest": Digest::of(b"x"), "size": 7},
            "Platforms": [
                {"architecture": "amd64", "os": "linux"},
                {"architecture": "arm", "os": "linux", "variant": "v7"},
                {"architecture": "unknown", "os": "unknown"},
            ],
        }))
        .unwrap();
        let found = Distribution::from(inspected);
        assert_eq!((found.digest, found.size), (Digest::of(b"x"), 7));
        assert_eq!(found.platforms, ["linux/amd64", "linux/arm/v7"]);
    }
}
