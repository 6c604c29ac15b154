//! The user's credentials for a registry, as `docker login` keeps them: in Docker's configuration,
//! or with a helper program that it names.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use serde::Deserialize;
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

use crate::docker::RegistryAuth;
use crate::error::{Error, Explain, Result};

/// How long a helper may take; some ask the network.
const PATIENCE: Duration = Duration::from_secs(60);
/// What a helper calls the name that goes with an identity token.
const TOKEN: &str = "<token>";

/// Credentials for one registry, and where they are from.
#[derive(Debug)]
pub(super) struct Credentials {
    pub(super) auth: RegistryAuth,
    registry: String,
    origin: Origin,
}

#[derive(Debug)]
enum Origin {
    /// There are none.
    Nowhere(PathBuf),
    File {
        user: String,
        path: PathBuf,
    },
    Helper {
        user: String,
        program: String,
    },
}

impl Credentials {
    /// Finds them, as the `docker` command would.
    ///
    /// # Errors
    /// The configuration cannot be read; a helper fails. No message holds what was in them.
    pub(super) async fn find(registry: &str) -> Result<Self> {
        let path = path();
        let config = match tokio::fs::read(&path).await {
            Ok(bytes) => Config::parse(&bytes, &path)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Config::default(),
            Err(error) => {
                let message = format!("`{}` cannot be read", path.display());
                return Err(Error::user(message).cause(error));
            }
        };
        let server = RegistryAuth::server(registry);
        let helper = config.helpers.get(server).or(config.store.as_ref());
        let found = match helper.filter(|name| !name.is_empty()) {
            Some(name) => from_helper(registry, name).await?,
            None => config.entry(registry).and_then(|entry| {
                let (user, auth) = entry.auth(registry)?;
                let path = path.clone();
                Some((auth, Origin::File { user, path }))
            }),
        };
        let (auth, origin) =
            found.unwrap_or_else(|| (RegistryAuth::anonymous(), Origin::Nowhere(path)));
        Ok(Self {
            auth,
            registry: registry.to_owned(),
            origin,
        })
    }

    /// Which were used, without the secret.
    pub(super) fn describe(&self) -> String {
        match &self.origin {
            Origin::Nowhere(path) => format!(
                "there are no credentials for `{}` in `{}`",
                self.registry,
                path.display()
            ),
            Origin::File { user, path } => format!(
                "the credentials of `{}` from `{}` were used",
                user.escape_debug(),
                path.display()
            ),
            Origin::Helper { user, program } => format!(
                "the credentials of `{}` from `{program}` were used",
                user.escape_debug()
            ),
        }
    }
}

/// `config.json` where the `docker` command looks for it.
fn path() -> PathBuf {
    let set = |name| std::env::var_os(name).filter(|value| !value.is_empty());
    let folder = set("DOCKER_CONFIG").map(PathBuf::from);
    let home = || PathBuf::from(set("HOME").unwrap_or_default()).join(".docker");
    folder.unwrap_or_else(home).join("config.json")
}

#[derive(Default, Deserialize)]
struct Config {
    #[serde(default)]
    auths: BTreeMap<String, Entry>,
    #[serde(default, rename = "credHelpers")]
    helpers: BTreeMap<String, String>,
    #[serde(default, rename = "credsStore")]
    store: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Entry {
    auth: String,
    username: String,
    password: String,
    identitytoken: String,
    registrytoken: String,
}

impl Config {
    fn parse(bytes: &[u8], path: &Path) -> Result<Self> {
        // What the parser says may repeat what it found.
        serde_json::from_slice(bytes).map_err(|error| {
            Error::user(format!(
                "`{}` is not Docker's configuration",
                path.display()
            ))
            .cause(format!("line {}, column {}", error.line(), error.column()))
        })
    }

    /// What is kept for a registry: under its name, or under an address of it.
    fn entry(&self, registry: &str) -> Option<&Entry> {
        let server = RegistryAuth::server(registry);
        let own = self.auths.get(server);
        own.or_else(|| {
            let mut auths = self.auths.iter();
            let found = auths.find(|(key, _)| machine(key) == machine(server));
            found.map(|(_, entry)| entry)
        })
    }
}

/// `registry.example.com` from `https://registry.example.com/v1/`.
fn machine(address: &str) -> &str {
    let rest = address
        .strip_prefix("https://")
        .or_else(|| address.strip_prefix("http://"))
        .unwrap_or(address);
    rest.split('/').next().unwrap_or(rest)
}

impl Entry {
    fn auth(&self, registry: &str) -> Option<(String, RegistryAuth)> {
        let basic = RegistryAuth::basic(registry, &self.auth);
        let user = match &basic {
            Some((user, _)) => user.clone(),
            None => self.username.clone(),
        };
        let named = |otherwise: &str| match user.as_str() {
            "" => otherwise.to_owned(),
            user => user.to_owned(),
        };
        if !self.identitytoken.is_empty() {
            let auth = RegistryAuth::identity_token(registry, &self.identitytoken);
            return Some((named("an identity token"), auth));
        }
        if !self.registrytoken.is_empty() {
            let auth = RegistryAuth::registry_token(registry, &self.registrytoken);
            return Some((named("a registry token"), auth));
        }
        basic.or_else(|| {
            let written = !self.username.is_empty() && !self.password.is_empty();
            written.then(|| {
                let auth = RegistryAuth::password(registry, &self.username, &self.password);
                (self.username.clone(), auth)
            })
        })
    }
}

/// What a helper answers.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Answer {
    #[serde(default)]
    username: String,
    secret: String,
}

/// Asks `docker-credential-<name>`. None: it has none.
async fn from_helper(registry: &str, name: &str) -> Result<Option<(RegistryAuth, Origin)>> {
    let good = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    if !name.chars().all(good) {
        return Err(Error::user(format!(
            "{name:?} in Docker's configuration is no credential helper"
        )));
    }
    let program = format!("docker-credential-{name}");
    let server = RegistryAuth::server(registry);
    let failed = || {
        Error::user(format!("`{program}` gives no credentials for `{registry}`"))
            .hint(format!("see why: `echo {server} | {program} get`"))
    };
    let mut child = Command::new(&program)
        .arg("get")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .explain(|| format!("`{program}`, which Docker's configuration names, cannot be run"))?;
    if let Some(mut stdin) = child.stdin.take() {
        // One that does not read ends with an answer of its own.
        let _ = stdin.write_all(format!("{server}\n").as_bytes()).await;
    }
    let output = tokio::time::timeout(PATIENCE, child.wait_with_output())
        .await
        .map_err(|_| failed().cause(format!("no answer within {} s", PATIENCE.as_secs())))?
        .map_err(|error| failed().cause(error))?;
    if !output.status.success() {
        // Whatever else it says may hold a secret.
        let said = String::from_utf8_lossy(&output.stdout).to_lowercase();
        return if said.contains("credentials not found") {
            Ok(None)
        } else {
            Err(failed().cause(output.status))
        };
    }
    let answer: Answer = serde_json::from_slice(&output.stdout)
        .map_err(|_| failed().cause("its answer is not understood"))?;
    if answer.secret.is_empty() {
        return Ok(None);
    }
    let (user, auth) = if answer.username == TOKEN {
        let auth = RegistryAuth::identity_token(registry, &answer.secret);
        ("an identity token".to_owned(), auth)
    } else {
        let auth = RegistryAuth::password(registry, &answer.username, &answer.secret);
        (answer.username, auth)
    };
    Ok(Some((auth, Origin::Helper { user, program })))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(text: &str) -> Result<Config> {
        Config::parse(text.as_bytes(), Path::new("config.json"))
    }

    fn user(config: &Config, registry: &str) -> Option<String> {
        let (user, _) = config.entry(registry)?.auth(registry)?;
        Some(user)
    }

    #[test]
    fn entries_are_found_under_names_and_addresses() {
        let config = config(
            r#"{"auths": {
                "r.io": {"auth": "Y2k6aHVudGVyMg=="},
                "https://old.io/v1/": {"username": "me", "password": "hunter2"},
                "https://index.docker.io/v1/": {"identitytoken": "t"},
                "stored.io": {}
            }, "HttpHeaders": {}}"#,
        )
        .unwrap();
        assert_eq!(user(&config, "r.io").as_deref(), Some("ci"));
        assert_eq!(user(&config, "old.io").as_deref(), Some("me"));
        let hub = user(&config, "docker.io");
        assert_eq!(hub.as_deref(), Some("an identity token"));
        assert_eq!(user(&config, "stored.io"), None);
        assert_eq!(user(&config, "r.io:5000"), None);
    }

    #[test]
    fn a_broken_configuration_is_named_and_not_shown() {
        for text in [
            "{\"auths\": \"hunter2\"}",
            "hunter2",
            "{\"auths\": {\"r\": 7}}",
        ] {
            let error = config(text).err().unwrap();
            assert!(error.message().contains("`config.json`"), "{error}");
            assert!(!format!("{error:?}").contains("hunter2"), "{error:?}");
        }
    }

    #[tokio::test]
    async fn a_helper_must_be_a_programs_name() {
        let error = from_helper("r.io", "x; id").await.err().unwrap();
        assert!(error.message().contains("\"x; id\""), "{error}");
        let error = from_helper("r.io", "webpods-none").await.err().unwrap();
        assert!(error.message().contains("`docker-credential-webpods-none`"));
    }
}
