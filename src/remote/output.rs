//! What a script on a host left behind: status, stdout, stderr.

use crate::error::{Error, Result};
use crate::model::HostName;

/// Lines of stderr that an error repeats.
const SHOWN: usize = 5;

/// The result of a script that ran to its end. A status other than 0 is not an error by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Output {
    /// Where it ran.
    pub host: HostName,
    /// The exit status; 128 + n when signal n ended it.
    pub status: i32,
    /// What it printed. Empty when it was streamed.
    pub stdout: Vec<u8>,
    /// What it complained about; of a streamed script the last 16 KiB.
    pub stderr: Vec<u8>,
}

impl Output {
    /// Status 0.
    #[must_use]
    pub fn success(&self) -> bool {
        self.status == 0
    }

    /// Standard output as text without blanks at its ends.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.stdout).trim().to_owned()
    }

    /// The output, when the status is 0.
    ///
    /// # Errors
    /// "cannot `doing` on host …" with the last lines of stderr as cause, and a hint where the
    /// reason is a common one. `doing` reads like `write the state`.
    pub fn ok(self, doing: &str) -> Result<Self> {
        if self.success() {
            Ok(self)
        } else {
            Err(self.error(doing))
        }
    }

    /// The error for a script that failed.
    #[must_use]
    pub fn error(&self, doing: &str) -> Error {
        let stderr = String::from_utf8_lossy(&self.stderr);
        let lines: Vec<&str> = stderr
            .lines()
            .map(str::trim_end)
            .filter(|line| !line.is_empty())
            .collect();
        let last = &lines[lines.len().saturating_sub(SHOWN)..];
        let error = Error::user(format!("cannot {doing} on host `{}`", self.host));
        let error = match last {
            [] => error.cause(format!("its script ended with status {}", self.status)),
            _ => error.cause(last.join("\n")),
        };
        let has = |what: &str| lines.iter().any(|line| line.contains(what));
        if has("No space left on device") || has("Disk quota exceeded") {
            error.hint("free disk space on the host; `webpods prune` removes what no release needs")
        } else if has("Read-only file system") {
            error.hint("the host's disk is mounted read-only; remount it and run the command again")
        } else if has("Permission denied") || has("Operation not permitted") {
            error.hint("`webpods node bootstrap` gives the ssh user the folders it needs")
        } else if self.status == 126 || self.status == 127 {
            error.hint("a program that every Docker host has is missing or cannot be run there")
        } else {
            error
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn output(status: i32, stderr: &str) -> Output {
        Output {
            host: "web-1".parse().unwrap(),
            status,
            stdout: b" 42 \n".to_vec(),
            stderr: stderr.as_bytes().to_vec(),
        }
    }

    #[test]
    fn success_passes_and_failure_names_the_host_and_the_last_lines() {
        assert_eq!(output(0, "warning").ok("count").unwrap().text(), "42");
        let error = output(2, "1\n2\n3\n4\n5\n\n6\n")
            .ok("count sheep")
            .unwrap_err();
        assert_eq!(error.message(), "cannot count sheep on host `web-1`");
        assert_eq!(error.causes(), ["2\n3\n4\n5\n6"]);
        let silent = output(3, "").error("count");
        assert_eq!(silent.causes(), ["its script ended with status 3"]);
    }

    #[test]
    fn common_reasons_come_with_a_hint() {
        let hint = |status, stderr| output(status, stderr).error("x").hints().join(" ");
        assert!(hint(1, "tee: f: No space left on device").contains("prune"));
        assert!(hint(1, "mkdir: Permission denied").contains("bootstrap"));
        assert!(hint(127, "sh: 1: tar: not found").contains("missing"));
        assert!(hint(1, "whatever").is_empty());
    }
}
