//! Names that reach shells, paths and labels: parsed once at the edge and carried as types.

use std::borrow::Borrow;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Why a string is not a valid name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what} {shown} is not valid: {rule}")]
pub struct NameError {
    what: &'static str,
    shown: String,
    rule: &'static str,
}

fn refuse(what: &'static str, value: &str, rule: &'static str) -> NameError {
    // Debug formatting escapes newlines and control characters, so a hostile name cannot
    // forge lines of output.
    let mut shown = format!("{value:?}");
    if shown.chars().count() > 80 {
        shown = shown.chars().take(77).collect::<String>() + "...";
    }
    NameError { what, shown, rule }
}

impl From<NameError> for crate::error::Error {
    fn from(error: NameError) -> Self {
        Self::user(error.to_string())
    }
}

macro_rules! name {
    ($(#[$doc:meta])* $name:ident, $what:literal, $rule:literal, $valid:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(String);

        impl $name {
            /// The name as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = NameError;

            fn from_str(value: &str) -> Result<Self, NameError> {
                let valid: fn(&str) -> bool = $valid;
                if valid(value) {
                    Ok(Self(value.to_owned()))
                } else {
                    Err(refuse($what, value, $rule))
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?
                    .parse()
                    .map_err(serde::de::Error::custom)
            }
        }
    };
}

fn plain(value: &str, longest: usize, extra: &str) -> bool {
    value.len() <= longest
        && value.starts_with(|c: char| c.is_ascii_alphanumeric())
        && value
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || extra.contains(c))
        && !value.contains("..")
}

name!(
    /// A context's name (spec §3.2); becomes a path segment and a label.
    ContextName,
    "context name",
    "use letters, digits, `-`, `_` and `.`, starting with a letter or digit, at most 63",
    |value| plain(value, 63, "-_.")
);
name!(
    /// A project's name (spec §3.1), as Compose restricts it.
    ProjectName,
    "project name",
    "use lowercase letters, digits, `-` and `_`, starting with a letter or digit, at most 63",
    |value| plain(value, 63, "-_") && !value.contains(|c: char| c.is_ascii_uppercase())
);
name!(
    /// A host's name in a context's inventory (spec §3.3).
    HostName,
    "host name",
    "use letters, digits, `-`, `_` and `.`, starting with a letter or digit, at most 63",
    |value| plain(value, 63, "-_.")
);
name!(
    /// A Compose service's name (spec §3.5).
    ServiceName,
    "service name",
    "use letters, digits, `-`, `_` and `.`, at most 128",
    |value| !value.is_empty()
        && value.len() <= 128
        && !value.contains("..")
        && value
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
);
name!(
    /// A sha256 digest, `sha256:` and 64 lowercase hex digits.
    Digest,
    "digest",
    "it is `sha256:` followed by 64 lowercase hexadecimal digits",
    |value| value.strip_prefix("sha256:").is_some_and(|hex| {
        hex.len() == 64 && hex.chars().all(|c| matches!(c, '0'..='9' | 'a'..='f'))
    })
);

impl Digest {
    /// The digest of `bytes`.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        use sha2::Digest as _;
        Self::from_hash(sha2::Sha256::digest(bytes))
    }

    /// The digest for a finished sha256 hash.
    pub fn from_hash(hash: impl AsRef<[u8]>) -> Self {
        use fmt::Write as _;
        let mut text = String::from("sha256:");
        for byte in hash.as_ref() {
            // Writing to a String cannot fail.
            let _ = write!(text, "{byte:02x}");
        }
        Self(text)
    }

    /// The 64 hexadecimal digits without the algorithm.
    #[must_use]
    pub fn hex(&self) -> &str {
        &self.0["sha256:".len()..]
    }

    /// The first twelve hexadecimal digits, as Docker shows identifiers.
    #[must_use]
    pub fn short(&self) -> &str {
        &self.hex()[..12]
    }
}

/// A release's number within its (context, project), written `r12` (spec §3.4).
///
/// It only grows and doubles as the fencing token of the lock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ReleaseId(pub u64);

impl ReleaseId {
    /// The release after this one.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

impl fmt::Display for ReleaseId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("r{}", self.0))
    }
}

impl FromStr for ReleaseId {
    type Err = NameError;

    fn from_str(value: &str) -> Result<Self, NameError> {
        let digits = value.strip_prefix('r').unwrap_or(value);
        digits
            .parse()
            .ok()
            .filter(|_| digits.chars().all(|c| c.is_ascii_digit()))
            .map(Self)
            .ok_or_else(|| refuse("release", value, "a release is written like `r12`"))
    }
}

impl Serialize for ReleaseId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ReleaseId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}

/// The hard namespace of everything webpods touches: (context, project) (spec §7).
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct StackKey {
    /// The context.
    pub context: ContextName,
    /// The project.
    pub project: ProjectName,
}

impl fmt::Display for StackKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.context, self.project)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOSTILE: [&str; 12] = [
        "",
        "; rm -rf /",
        "../up",
        "a/../b",
        "a\nb",
        "naïve",
        "🚀",
        "$(id)",
        "a b",
        "-rf",
        "a\0b",
        "a'b",
    ];

    #[test]
    fn hostile_names_are_refused_everywhere() {
        for name in HOSTILE {
            assert!(name.parse::<ContextName>().is_err(), "context {name:?}");
            assert!(name.parse::<ProjectName>().is_err(), "project {name:?}");
            assert!(name.parse::<HostName>().is_err(), "host {name:?}");
            assert!(name.parse::<Digest>().is_err(), "digest {name:?}");
            assert!(name.parse::<ReleaseId>().is_err(), "release {name:?}");
            if name != "-rf" {
                assert!(name.parse::<ServiceName>().is_err(), "service {name:?}");
            }
        }
    }

    #[test]
    fn a_refusal_never_prints_a_raw_newline() {
        let error = "a\nb".parse::<HostName>().map_err(|e| e.to_string());
        assert_eq!(
            error,
            Err(
                "host name \"a\\nb\" is not valid: use letters, digits, `-`, `_` and `.`, \
                 starting with a letter or digit, at most 63"
                    .to_owned()
            )
        );
    }

    #[test]
    fn digests_and_releases_round_trip() {
        let digest = Digest::of(b"");
        assert_eq!(digest.short(), "e3b0c44298fc");
        assert_eq!(digest.to_string().parse(), Ok(digest));
        assert_eq!("r12".parse(), Ok(ReleaseId(12)));
        assert_eq!(ReleaseId(12).to_string(), "r12");
        assert!("r+2".parse::<ReleaseId>().is_err());
    }
}
