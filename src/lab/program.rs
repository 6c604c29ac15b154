//! Running programs of this machine: arguments as a list, never through a shell.

use std::ffi::OsStr;
use std::process::{Output, Stdio};

use tokio::process::Command;

use crate::error::{Error, Result};

/// How much of a program's complaint is worth showing.
const SHOWN_LINES: usize = 12;

/// Runs `program` and returns what it printed, without surrounding blanks.
///
/// # Errors
/// It cannot be started, or its status is not 0; the error has the end of what it complained.
pub(super) async fn run<A: AsRef<OsStr>>(program: &str, args: &[A]) -> Result<String> {
    let output = output(program, args).await?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned());
    }
    Err(failed(program, args, &output.stderr))
}

/// Runs `program` to its end, whatever its status.
pub(super) async fn output<A: AsRef<OsStr>>(program: &str, args: &[A]) -> Result<Output> {
    Command::new(program)
        .args(args)
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output()
        .await
        .map_err(|error| not_started(program, &error))
}

/// Runs `program` with this process's own standard input and outputs, and returns its status.
pub(super) async fn inherit<A: AsRef<OsStr>>(program: &str, args: &[A]) -> Result<u8> {
    let status = Command::new(program)
        .args(args)
        .kill_on_drop(true)
        .status()
        .await
        .map_err(|error| not_started(program, &error))?;
    // A program that was ended by a signal has no status; 255 is what ssh itself uses for that.
    Ok(status
        .code()
        .and_then(|code| u8::try_from(code).ok())
        .unwrap_or(255))
}

/// The error of a program that ended badly.
pub(super) fn failed<A: AsRef<OsStr>>(program: &str, args: &[A], stderr: &[u8]) -> Error {
    let verb = args
        .iter()
        .map(|arg| arg.as_ref().to_string_lossy())
        .take(2)
        .collect::<Vec<_>>()
        .join(" ");
    let error = Error::user(format!("`{program} {verb}` failed"));
    match last_lines(stderr, SHOWN_LINES) {
        complaint if complaint.is_empty() => error,
        complaint => error.cause(complaint),
    }
}

/// The error of a program that is not there or cannot be run.
pub(super) fn not_started(program: &str, error: &std::io::Error) -> Error {
    if error.kind() != std::io::ErrorKind::NotFound {
        return Error::user(format!("`{program}` cannot be run")).cause(error);
    }
    let package = match program {
        "docker" => "Docker (on Debian: `apt-get install docker.io`)",
        "ssh" | "ssh-keygen" => "OpenSSH's client (on Debian: `apt-get install openssh-client`)",
        "debootstrap" => "debootstrap (on Debian: `apt-get install debootstrap`)",
        other => other,
    };
    Error::user(format!("`{program}` is not installed on this machine"))
        .hint(format!("install {package}"))
}

/// The last `count` lines that say something.
pub(super) fn last_lines(text: &[u8], count: usize) -> String {
    let text = String::from_utf8_lossy(text);
    let lines: Vec<&str> = text
        .lines()
        .filter(|line| !line.trim().is_empty())
        .collect();
    lines[lines.len().saturating_sub(count)..].join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_failure_names_the_verb_and_ends_with_the_complaint() {
        let error = run("sh", &["-c", "echo out; echo why >&2; exit 3"])
            .await
            .unwrap_err();
        assert!(error.message().starts_with("`sh -c"), "{error}");
        assert_eq!(error.causes(), ["why"]);
    }

    #[tokio::test]
    async fn a_missing_program_says_what_to_install() {
        let error = not_started("docker", &std::io::ErrorKind::NotFound.into());
        assert!(error.hints()[0].contains("docker.io"));
        assert!(run("no-such-program-here", &["x"]).await.is_err());
    }

    #[test]
    fn last_lines_skip_blank_ones() {
        assert_eq!(last_lines(b"a\n\nb\nc\n\n", 2), "b\nc");
        assert_eq!(last_lines(b"", 2), "");
    }
}
