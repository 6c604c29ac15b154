//! Which builder makes an image: BuildKit through the `docker buildx` plugin, or the classic one.

use std::ffi::OsStr;

use crate::error::{Error, Result};
use crate::model::{Build, ServiceName};

/// Who builds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Builder {
    /// `docker buildx build`.
    BuildKit,
    /// `docker build`, as it was before BuildKit.
    Classic,
}

/// What `DOCKER_BUILDKIT` asks for, as docker reads it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Asked {
    Nothing,
    BuildKit,
    Classic,
    /// Not a boolean; docker refuses it too.
    Nonsense,
}

impl Asked {
    pub(super) fn read(value: Option<&OsStr>) -> Self {
        match value.map(OsStr::to_str) {
            None | Some(Some("")) => Self::Nothing,
            Some(Some("1" | "t" | "T" | "true" | "TRUE" | "True")) => Self::BuildKit,
            Some(Some("0" | "f" | "F" | "false" | "FALSE" | "False")) => Self::Classic,
            Some(_) => Self::Nonsense,
        }
    }
}

/// What this machine can build with.
#[derive(Debug, Clone, Copy)]
pub(super) struct Choice {
    pub(super) plugin: bool,
    pub(super) asked: Asked,
    /// BuildKit is the one inside an engine older than Docker 23.
    pub(super) old: bool,
}

impl Choice {
    /// The builder of one image; `foreign` is a platform that is not the engine's own.
    ///
    /// # Errors
    /// No builder here can do all that is asked; every key that stands in the way is named.
    pub(super) fn builder(
        self,
        service: &ServiceName,
        build: &Build,
        foreign: Option<&str>,
    ) -> Result<Builder> {
        if self.asked == Asked::Nonsense {
            return Err(Error::user(
                "`DOCKER_BUILDKIT` is neither true nor false, so no builder can be chosen",
            )
            .hint("unset it: BuildKit is used where the `docker buildx` plugin is installed"));
        }
        if self.old && !build.contexts.is_empty() {
            return Err(Error::user(format!(
                "service `{service}` cannot be built here: `build.additional_contexts` needs a \
                 newer BuildKit than the one in this machine's Docker"
            ))
            .hint("upgrade Docker to 23 or newer, or use a builder of its own: `docker buildx create --use`"));
        }
        let mut modern = needs_buildkit(build);
        if foreign.is_some() && !modern.contains(&"platforms") {
            modern.push("platforms");
        }
        let classic = needs_classic(build);
        if !modern.is_empty() && classic.is_some() {
            return Err(Error::user(format!(
                "service `{service}` cannot be built: {} BuildKit, which knows no \
                 `build.network` but `default`, `none` and `host`",
                keys(&modern)
            ))
            .hint("remove `build.network`, or the keys that need BuildKit"));
        }
        let allowed = self.plugin && self.asked != Asked::Classic;
        // What the old one does not carry out, the classic builder does.
        let better = self.old
            && modern.is_empty()
            && self.asked != Asked::BuildKit
            && !unknown_to_old(build).is_empty();
        if allowed && classic.is_none() && !better {
            return Ok(Builder::BuildKit);
        }
        if modern.is_empty() && self.asked != Asked::BuildKit {
            return Ok(Builder::Classic);
        }
        if modern.is_empty() && self.plugin {
            return Err(Error::user(format!(
                "service `{service}` cannot be built: `build.network` needs the classic builder, \
                 and `DOCKER_BUILDKIT` forbids it"
            ))
            .hint("unset `DOCKER_BUILDKIT`, or remove `build.network`"));
        }
        Err(self.refusal(service, &modern, foreign))
    }

    /// What the builder leaves out without a word, if anything.
    pub(super) fn ignored(self, build: &Build, builder: Builder) -> Option<String> {
        let keys: Vec<_> = unknown_to_old(build)
            .into_iter()
            .map(|key| format!("`build.{key}`"))
            .collect();
        (self.old && builder == Builder::BuildKit && !keys.is_empty()).then(|| {
            format!(
                "{} not carried out: the BuildKit in this machine's Docker is too old",
                keys.join(" and ")
            )
        })
    }

    fn refusal(self, service: &ServiceName, modern: &[&str], foreign: Option<&str>) -> Error {
        let why = if modern.is_empty() {
            "`DOCKER_BUILDKIT` asks for BuildKit".to_owned()
        } else {
            format!("{} BuildKit", keys(modern))
        };
        let mut error = Error::user(format!(
            "service `{service}` cannot be built here: {why}, and {}",
            if self.plugin {
                "`DOCKER_BUILDKIT` forbids it"
            } else {
                "this machine's `docker` has only the classic builder"
            }
        ));
        if let Some(platform) = foreign {
            error = error.cause(format!(
                "the image is needed for `{platform}`, which the classic builder cannot make here"
            ));
        }
        if self.plugin {
            error.hint("unset `DOCKER_BUILDKIT`")
        } else {
            error.hint(
                "install the `docker buildx` plugin, which brings BuildKit: `apt-get install \
                 docker-buildx` or `docker-buildx-plugin`, or \
                 https://github.com/docker/buildx#installing",
            )
        }
    }
}

/// "`build.ssh` and `build.secrets` need", and so on.
fn keys(keys: &[&str]) -> String {
    let named: Vec<_> = keys.iter().map(|key| format!("`build.{key}`")).collect();
    match named.as_slice() {
        [one] => format!("{one} needs"),
        [rest @ .., last] => format!("{} and {last} need", rest.join(", ")),
        [] => String::new(),
    }
}

/// The keys that only BuildKit carries out, as Docker Compose has it.
fn needs_buildkit(build: &Build) -> Vec<&'static str> {
    let typed = |entries: &[String]| entries.iter().any(|entry| entry.contains("type="));
    [
        ("additional_contexts", !build.contexts.is_empty()),
        ("cache_from", typed(&build.cache_from)),
        ("cache_to", !build.cache_to.is_empty()),
        ("entitlements", !build.entitlements.is_empty()),
        ("platforms", build.platforms.len() > 1),
        ("privileged", build.privileged),
        ("secrets", !build.secrets.is_empty()),
        ("ssh", !build.ssh.is_empty()),
    ]
    .into_iter()
    .filter_map(|(key, needed)| needed.then_some(key))
    .collect()
}

/// The keys that BuildKit ignored before Docker 23.
fn unknown_to_old(build: &Build) -> Vec<&'static str> {
    let keys = [
        ("shm_size", build.shm_size.is_some()),
        ("ulimits", !build.ulimits.is_empty()),
    ];
    keys.into_iter()
        .filter_map(|(key, written)| written.then_some(key))
        .collect()
}

/// A network of the engine: BuildKit does not see those.
fn needs_classic(build: &Build) -> Option<&str> {
    build
        .network
        .as_deref()
        .filter(|network| !matches!(*network, "default" | "none" | "host"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{BuildSecret, NamedContext, SecretSource};

    const PLUGIN: Choice = Choice {
        plugin: true,
        asked: Asked::Nothing,
        old: false,
    };
    const BARE: Choice = Choice {
        plugin: false,
        asked: Asked::Nothing,
        old: false,
    };

    fn choose(choice: Choice, build: &Build) -> Result<Builder> {
        choice.builder(&"web".parse().unwrap(), build, None)
    }

    fn demanding() -> Build {
        Build {
            contexts: [("res".to_owned(), NamedContext::Folder("/res".into()))].into(),
            cache_from: vec!["type=local,src=/c".to_owned()],
            cache_to: vec!["type=inline".to_owned()],
            entitlements: vec!["network.host".to_owned()],
            platforms: vec!["linux/amd64".to_owned(), "linux/arm64".to_owned()],
            privileged: true,
            secrets: vec![BuildSecret {
                id: "t".to_owned(),
                source: SecretSource::File("/t".into()),
            }],
            ssh: vec!["default".to_owned()],
            ..Build::default()
        }
    }

    #[test]
    fn buildkit_is_used_where_it_is_installed() {
        let plain = Build::default();
        assert_eq!(choose(PLUGIN, &plain).unwrap(), Builder::BuildKit);
        assert_eq!(choose(BARE, &plain).unwrap(), Builder::Classic);
        assert_eq!(choose(PLUGIN, &demanding()).unwrap(), Builder::BuildKit);
    }

    #[test]
    fn every_key_that_needs_buildkit_is_named_at_once() {
        let error = choose(BARE, &demanding()).unwrap_err();
        for key in [
            "additional_contexts",
            "cache_from",
            "cache_to",
            "entitlements",
            "platforms",
            "privileged",
            "secrets",
            "ssh",
        ] {
            assert!(
                error.message().contains(&format!("`build.{key}`")),
                "{error}"
            );
        }
        assert!(error.hints()[0].contains("docker-buildx"), "{error:?}");
    }

    #[test]
    fn docker_buildkit_is_read_as_docker_reads_it() {
        let read = |value: &str| Asked::read(Some(OsStr::new(value)));
        assert_eq!(Asked::read(None), Asked::Nothing);
        assert_eq!(read(""), Asked::Nothing);
        assert_eq!(read("true"), Asked::BuildKit);
        assert_eq!(read("0"), Asked::Classic);
        assert_eq!(read("yes"), Asked::Nonsense);
        let with = |plugin, asked, build: &Build| {
            let old = false;
            choose(Choice { plugin, asked, old }, build)
        };
        let plain = Build::default();
        let classic = with(true, Asked::Classic, &plain).unwrap();
        assert_eq!(classic, Builder::Classic);
        let forbidden = with(true, Asked::Classic, &demanding()).unwrap_err();
        assert!(
            forbidden
                .message()
                .ends_with("`DOCKER_BUILDKIT` forbids it")
        );
        let missing = with(false, Asked::BuildKit, &plain).unwrap_err();
        assert!(missing.message().contains("`DOCKER_BUILDKIT` asks for"));
        assert!(with(true, Asked::Nonsense, &plain).is_err());
    }

    #[test]
    fn a_network_of_the_engine_is_for_the_classic_builder() {
        let mut build = Build {
            network: Some("shop_default".to_owned()),
            ..Build::default()
        };
        assert_eq!(choose(PLUGIN, &build).unwrap(), Builder::Classic);
        let asked = Asked::BuildKit;
        let refused = choose(Choice { asked, ..PLUGIN }, &build);
        assert!(refused.unwrap_err().message().contains("`build.network`"));
        build.ssh = vec!["default".to_owned()];
        let refused = choose(PLUGIN, &build).unwrap_err();
        assert!(refused.message().contains("`build.ssh` needs"), "{refused}");
        build.network = Some("host".to_owned());
        assert_eq!(choose(PLUGIN, &build).unwrap(), Builder::BuildKit);
    }

    #[test]
    fn another_platform_needs_buildkit() {
        let service = "web".parse().unwrap();
        let build = Build::default();
        let error = BARE.builder(&service, &build, Some("linux/arm64"));
        let error = error.unwrap_err();
        assert!(error.message().contains("`build.platforms` needs BuildKit"));
        assert!(error.causes()[0].contains("`linux/arm64`"), "{error:?}");
        let builder = PLUGIN.builder(&service, &build, Some("linux/arm64"));
        assert_eq!(builder.unwrap(), Builder::BuildKit);
    }

    #[test]
    fn an_old_buildkit_is_given_only_what_it_knows() {
        let old = Choice {
            old: true,
            ..PLUGIN
        };
        let mut build = Build {
            shm_size: Some(1),
            ..Build::default()
        };
        assert_eq!(choose(PLUGIN, &build).unwrap(), Builder::BuildKit);
        assert_eq!(choose(old, &build).unwrap(), Builder::Classic);
        assert_eq!(old.ignored(&build, Builder::Classic), None);
        build.ssh = vec!["default".to_owned()];
        assert_eq!(choose(old, &build).unwrap(), Builder::BuildKit);
        let said = old.ignored(&build, Builder::BuildKit).unwrap();
        assert!(
            said.starts_with("`build.shm_size` not carried out"),
            "{said}"
        );
        assert_eq!(PLUGIN.ignored(&build, Builder::BuildKit), None);
        build.contexts = demanding().contexts;
        let error = choose(old, &build).unwrap_err();
        assert!(error.hints()[0].contains("Docker to 23"), "{error:?}");
    }
}
