//! What the nodes of a lab have in common.

use std::fmt;
use std::str::FromStr;

use crate::error::{Error, Result, near_miss};

/// A Docker engine that a node can run. Debian's releases carry one each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EngineVersion {
    /// Docker 20.10, in Debian bookworm.
    V20,
    /// Docker 26.1, in Debian trixie.
    V26,
    /// Docker 28.5, in Debian sid; the number moves with sid.
    V28,
}

impl EngineVersion {
    const ALL: [Self; 3] = [Self::V20, Self::V26, Self::V28];

    /// `20.10`, `26.1` or `28.5`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::V20 => "20.10",
            Self::V26 => "26.1",
            Self::V28 => "28.5",
        }
    }

    /// The Debian release whose engine this is.
    pub(super) fn suite(self) -> &'static str {
        match self {
            Self::V20 => "bookworm",
            Self::V26 => "trixie",
            Self::V28 => "sid",
        }
    }

    /// The packages a node needs.
    pub(super) fn packages(self) -> Vec<&'static str> {
        let mut packages = vec![
            "openssh-server",
            "docker.io",
            "iptables",
            "iproute2",
            "ca-certificates",
            "procps",
            "sudo",
            "tini",
            "curl",
            // As servers have it: transfers pack better with it than with gzip.
            "zstd",
        ];
        if self != Self::V20 {
            // Until bookworm the client was part of the engine's package.
            packages.push("docker-cli");
        }
        packages
    }
}

/// Where a node's engine keeps image layers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Store {
    /// The engine's own layer store, the default of every engine before 29.
    Classic,
    /// containerd's content store and snapshotters.
    Containerd,
}

impl Store {
    const ALL: [Self; 2] = [Self::Classic, Self::Containerd];

    /// `classic` or `containerd`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Classic => "classic",
            Self::Containerd => "containerd",
        }
    }
}

/// Who logs in over ssh.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum User {
    /// The superuser.
    Root,
    /// A user in the docker group, with sudo and without a password; root cannot log in.
    Deploy,
}

impl User {
    const ALL: [Self; 2] = [Self::Root, Self::Deploy];

    /// `root` or `deploy`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Root => "root",
            Self::Deploy => "deploy",
        }
    }
}

macro_rules! word {
    ($type:ty, $what:literal) => {
        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl FromStr for $type {
            type Err = Error;

            fn from_str(value: &str) -> Result<Self> {
                let words = Self::ALL.map(Self::as_str);
                if let Some(found) = Self::ALL.into_iter().find(|word| word.as_str() == value) {
                    return Ok(found);
                }
                let error = Error::user(format!(
                    concat!("no ", $what, " {:?} in a lab, only `{}`"),
                    value,
                    words.join("`, `")
                ));
                Err(match near_miss(value, words) {
                    Some(near) => error.hint(format!("did you mean `{near}`?")),
                    None => error,
                })
            }
        }
    };
}

word!(EngineVersion, "engine");
word!(Store, "store");
word!(User, "user");

/// What every node of one lab runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// The Docker engine.
    pub engine: EngineVersion,
    /// Its image store.
    pub store: Store,
    /// The login.
    pub user: User,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            engine: EngineVersion::V26,
            store: Store::Classic,
            user: User::Root,
        }
    }
}

/// What the command line asks for; what is left out stays as it is, or is the default.
#[derive(Debug, Clone, Copy, Default)]
pub struct Wanted {
    /// How many nodes, 1 to 32.
    pub nodes: Option<u8>,
    /// The Docker engine.
    pub engine: Option<EngineVersion>,
    /// Its image store.
    pub store: Option<Store>,
    /// The login.
    pub user: Option<User>,
}

/// Nodes of a new lab when nobody says how many.
const DEFAULT_NODES: u8 = 3;
/// More would not fit a laptop.
const MOST_NODES: u8 = 32;

impl Wanted {
    /// The settings and the number of nodes the lab `name` shall have, given those of the lab
    /// that exists already.
    pub(super) fn resolve(
        self,
        name: &str,
        existing: Option<(Settings, u8)>,
    ) -> Result<(Settings, u8)> {
        let (base, count) = existing.map_or((Settings::default(), DEFAULT_NODES), |found| found);
        let settings = Settings {
            engine: self.engine.unwrap_or(base.engine),
            store: self.store.unwrap_or(base.store),
            user: self.user.unwrap_or(base.user),
        };
        if existing.is_some() && settings != base {
            return Err(Error::user(format!(
                "lab `{name}` runs already, with {}",
                describe(base)
            ))
            .hint(format!(
                "`webpods lab down --name {name}` removes it, `--name` with another word makes a second one"
            )));
        }
        if settings.engine == EngineVersion::V20 && settings.store == Store::Containerd {
            return Err(
                Error::user("engine `20.10` has no containerd store").hint("use `--engine 26.1`")
            );
        }
        let nodes = self.nodes.unwrap_or(count);
        if nodes == 0 || nodes > MOST_NODES {
            return Err(Error::user(format!(
                "a lab has 1 to {MOST_NODES} nodes, not {nodes}"
            )));
        }
        Ok((settings, nodes))
    }
}

fn describe(settings: Settings) -> String {
    format!(
        "engine `{}`, store `{}`, user `{}`",
        settings.engine, settings.store, settings.user
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_lab_has_defaults_and_an_old_one_keeps_what_it_has() {
        let (settings, nodes) = Wanted::default().resolve("lab", None).unwrap();
        assert_eq!((settings, nodes), (Settings::default(), 3));

        let deploy = Settings {
            user: User::Deploy,
            ..Settings::default()
        };
        let again = Wanted::default().resolve("lab", Some((deploy, 5))).unwrap();
        assert_eq!(again, (deploy, 5));
    }

    #[test]
    fn another_engine_for_a_running_lab_is_refused() {
        let wanted = Wanted {
            engine: Some(EngineVersion::V20),
            ..Wanted::default()
        };
        let error = wanted
            .resolve("lab", Some((Settings::default(), 3)))
            .unwrap_err();
        assert_eq!(
            error.message(),
            "lab `lab` runs already, with engine `26.1`, store `classic`, user `root`"
        );
        assert!(error.hints()[0].contains("lab down --name lab"));
    }

    #[test]
    fn impossible_labs_are_refused() {
        let old = Wanted {
            engine: Some(EngineVersion::V20),
            store: Some(Store::Containerd),
            ..Wanted::default()
        };
        assert!(old.resolve("lab", None).is_err());
        for nodes in [0, 33] {
            let wanted = Wanted {
                nodes: Some(nodes),
                ..Wanted::default()
            };
            assert!(wanted.resolve("lab", None).is_err(), "{nodes} nodes");
        }
    }

    #[test]
    fn words_are_parsed_and_a_typo_is_explained() {
        assert_eq!("26.1".parse::<EngineVersion>().unwrap(), EngineVersion::V26);
        let error = "containrd".parse::<Store>().unwrap_err();
        assert_eq!(error.hints(), ["did you mean `containerd`?"]);
        assert!("; rm -rf /".parse::<User>().is_err());
    }
}
