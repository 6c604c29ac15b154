//! The name of a script: `placement/spread`. One form for `require`, `eject` and file names.

use std::fmt;
use std::str::FromStr;

use crate::error::Error;

/// Longest name, so that it always fits where Luau keeps chunk names.
const LONGEST: usize = 120;

/// A script's name below `lua/` or `.webpods/`, without `.lua`: segments of letters, digits, `-`
/// and `_` joined by `/`. It can hold neither `..` nor an absolute path.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ScriptPath(String);

impl ScriptPath {
    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The file below a script folder: `placement/spread.lua`.
    #[must_use]
    pub fn file(&self) -> String {
        format!("{}.lua", self.0)
    }

    /// The folder part: `placement`; empty for `safety` and `hooks`.
    #[must_use]
    pub fn folder(&self) -> &str {
        self.0.rsplit_once('/').map_or("", |(folder, _)| folder)
    }
}

impl fmt::Display for ScriptPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl FromStr for ScriptPath {
    type Err = Error;

    /// Accepts a trailing `.lua`, which people type.
    fn from_str(value: &str) -> Result<Self, Error> {
        let name = value.strip_suffix(".lua").unwrap_or(value);
        let segment = |part: &str| {
            !part.is_empty()
                && part
                    .chars()
                    .all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_')
        };
        if name.len() <= LONGEST && name.split('/').all(segment) {
            return Ok(Self(name.to_owned()));
        }
        let shown: String = value.chars().take(60).collect();
        Err(Error::user(format!(
            "script name {shown:?} is not valid: use letters, digits, `-` and `_`, with `/` \
             between folders"
        ))
        .hint("`webpods script ls` lists every script"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_scripts_parse_with_and_without_ending() {
        let path: ScriptPath = "proxy/caddy.lua".parse().unwrap();
        assert_eq!(path.as_str(), "proxy/caddy");
        assert_eq!(path.folder(), "proxy");
        assert_eq!(path.file(), "proxy/caddy.lua");
        assert_eq!("safety".parse::<ScriptPath>().unwrap().folder(), "");
    }

    #[test]
    fn names_that_leave_the_folder_are_refused() {
        for name in [
            "",
            "..",
            "../x",
            "a/../b",
            "/etc/passwd",
            "a//b",
            "a/",
            "./a",
            "a.b",
            "a\nb",
            "a b",
            "~/x",
            "🚀",
            "C:\\x",
            ".lua",
            &"a".repeat(200),
        ] {
            assert!(name.parse::<ScriptPath>().is_err(), "{name:?}");
        }
    }
}
