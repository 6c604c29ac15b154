//! The real Docker Compose.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::case::Case;

const VERSION: &str = "2.40.3";

pub(super) struct Oracle(PathBuf);

/// What Compose says to a case.
pub(super) enum Answer {
    Printed(String),
    Refused(String),
    /// It crashed, or could not print what it had accepted: no measure.
    Broke,
}

impl Oracle {
    /// Where `scripts/compose.sh` puts or finds it.
    pub fn find() -> Self {
        let home = PathBuf::from(std::env::var_os("HOME").unwrap_or_default());
        let cache = std::env::var_os("XDG_CACHE_HOME").map_or(home.join(".cache"), PathBuf::from);
        let plugins = "cli-plugins/docker-compose";
        let places = match std::env::var_os("COMPOSE") {
            Some(path) => vec![PathBuf::from(path)],
            None => vec![
                home.join(".docker").join(plugins),
                cache.join(format!("webpods/docker-compose-{VERSION}")),
                Path::new("/usr/local/lib/docker").join(plugins),
                Path::new("/usr/libexec/docker").join(plugins),
            ],
        };
        let found = places.into_iter().find(|path| {
            let asked = Command::new(path).args(["version", "--short"]).output();
            asked.is_ok_and(|asked| asked.stdout.trim_ascii() == VERSION.as_bytes())
        });
        Self(found.expect(
            "Docker Compose v2.40.3, which webpods is compared with, is not here; \
             run `scripts/setup.sh test`, or name it in COMPOSE",
        ))
    }

    /// What it makes of `case`, in this format.
    pub fn ask(&self, case: &Case, folder: &Path, format: &str) -> Answer {
        let asked = Command::new(&self.0)
            .env_clear()
            .envs(case.environment())
            .current_dir(case.cwd(folder))
            .args(case.arguments())
            .args(["--format", format])
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&asked.stderr);
        if asked.status.success() {
            String::from_utf8(asked.stdout).map_or(Answer::Broke, Answer::Printed)
        } else if said.contains("panic: ") || said.contains("error calling MarshalJSON") {
            Answer::Broke
        } else {
            let lines = said.lines().filter(|line| !line.contains("level=warning"));
            Answer::Refused(lines.collect::<Vec<_>>().join("\n"))
        }
    }
}
