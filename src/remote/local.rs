//! The host `local`: this machine, without ssh.

use std::env;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::Stdio;

use tokio::process::Command;

use crate::error::{Error, Explain, Result};
use crate::model::HostName;

use super::docker_context;
use super::process::Process;

/// Runs `sh -c script webpods args…` on this machine.
///
/// # Errors
/// `sh` cannot be started, or an argument holds a NUL byte.
pub fn open(host: &HostName, script: &str, args: &[&str]) -> Result<Process> {
    let mut child = Command::new("sh")
        .arg("-c")
        .arg(script)
        .arg("webpods")
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .explain(|| "cannot run `sh` on this machine")?;
    let (Some(stdin), Some(stdout), Some(stderr)) =
        (child.stdin.take(), child.stdout.take(), child.stderr.take())
    else {
        return Err(Error::user("cannot open pipes to `sh` on this machine"));
    };
    let ending = Box::pin(async move {
        let status = child
            .wait()
            .await
            .explain(|| "cannot wait for a script on this machine")?;
        Ok(status
            .code()
            .unwrap_or_else(|| 128 + status.signal().unwrap_or_default()))
    });
    let (stdin, stdout, stderr) = (Box::new(stdin), Box::new(stdout), Box::new(stderr));
    Ok(Process::new(host, stdin, stdout, stderr, ending, None))
}

/// The Unix socket of this machine's engine: `DOCKER_HOST`, else that of the user's docker context,
/// else Docker's own default, else where a rootless engine or Docker Desktop listens.
///
/// # Errors
/// `DOCKER_HOST` names something other than a Unix socket.
pub fn engine_socket() -> Result<PathBuf> {
    let default = PathBuf::from(super::host::ENGINE_SOCKET);
    match env::var("DOCKER_HOST") {
        Ok(host) if !host.is_empty() => named(&host),
        _ => {
            if let Some(socket) = docker_context::socket() {
                return Ok(socket);
            }
            if default.exists() {
                return Ok(default);
            }
            let others = [
                env::var_os("XDG_RUNTIME_DIR").map(|dir| PathBuf::from(dir).join("docker.sock")),
                env::var_os("HOME").map(|home| PathBuf::from(home).join(".docker/run/docker.sock")),
            ];
            let found = others.into_iter().flatten().find(|path| path.exists());
            Ok(found.unwrap_or(default))
        }
    }
}

fn named(host: &str) -> Result<PathBuf> {
    match host.strip_prefix("unix://") {
        Some(path) if path.starts_with('/') => Ok(PathBuf::from(path)),
        _ => Err(Error::user(
            "`DOCKER_HOST` does not name a Unix socket, which is how webpods reaches this \
             machine's Docker",
        )
        .hint("unset it, or write `unix:///path/to/docker.sock`")
        .hint("for an engine on another machine, add that machine to `hosts` of a context")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn docker_host_must_be_a_unix_socket() {
        assert_eq!(
            named("unix:///run/d.sock").unwrap(),
            PathBuf::from("/run/d.sock")
        );
        for wrong in [
            "tcp://user:secret@1.2.3.4:2375",
            "ssh://h",
            "unix://d.sock",
            "/run/d.sock",
        ] {
            let error = named(wrong).unwrap_err();
            assert!(!format!("{error:?}").contains("secret"), "{error:?}");
        }
    }

    #[tokio::test]
    async fn a_signal_is_a_status() {
        let host: HostName = "local".parse().unwrap();
        let process = open(&host, "kill -9 $$", &[]).unwrap();
        assert_eq!(process.wait().await.unwrap().status, 137);
    }
}
