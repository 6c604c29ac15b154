//! Builds with the local engine through the `docker` command: BuildKit where it is installed, the
//! classic builder otherwise.

mod command;
mod output;

use std::path::{Path, PathBuf};
use std::process::Stdio;

use tokio::io::AsyncWriteExt;
use tokio::process::Command;

use self::command::Invocation;
pub(super) use self::output::follow;
use crate::error::{Error, Explain, Result};
use crate::event::Events;
use crate::model::{Build, Service};

/// The `docker` command of this machine, talking to one engine.
#[derive(Debug, Clone)]
pub(super) struct Docker {
    program: PathBuf,
    socket: PathBuf,
    buildkit: bool,
}

impl Docker {
    /// Finds the command and asks it for BuildKit. None: there is no `docker` on this machine.
    pub(super) async fn find(socket: &Path) -> Option<Self> {
        let mut docker = Self {
            program: "docker".into(),
            socket: socket.to_owned(),
            buildkit: false,
        };
        // docker itself reads the variable; here it only decides which flags it understands.
        let wanted = std::env::var_os("DOCKER_BUILDKIT").is_none_or(|value| value != "0");
        let mut version = docker.command();
        version.args(["buildx", "version"]).stdin(Stdio::null());
        match version.output().await {
            Ok(output) => docker.buildkit = wanted && output.status.success(),
            Err(_) => return None,
        }
        Some(docker)
    }

    /// The command with its engine chosen, whatever `docker context` says.
    fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        let mut socket = std::ffi::OsString::from("unix://");
        socket.push(&self.socket);
        command
            .env("DOCKER_HOST", socket)
            .env_remove("DOCKER_CONTEXT")
            .env("DOCKER_CLI_HINTS", "false")
            // An attestation would make each build of the same source another image.
            .env("BUILDX_NO_DEFAULT_ATTESTATIONS", "1")
            .kill_on_drop(true);
        command
    }

    /// Builds a service's image, tagged `reference`, and returns the identifier the engine gave it.
    ///
    /// # Errors
    /// The build fails; its last lines are the cause. A key needs BuildKit, which is not there.
    pub(super) async fn build(
        &self,
        service: &Service,
        build: &Build,
        reference: &str,
        platform: Option<&str>,
        events: &Events,
    ) -> Result<String> {
        let folder = tempfile::tempdir().explain(|| "no temporary folder can be made")?;
        let iidfile = folder.path().join("iid");
        let invocation = Invocation {
            service: &service.name,
            build,
            reference,
            platform,
            buildkit: self.buildkit,
            iidfile: &iidfile,
        };
        let mut command = self.command();
        command.args(invocation.arguments()?);
        command.envs(invocation.secrets());
        let inline = build.dockerfile_inline.as_deref();
        let done = self
            .run(
                command,
                service.name.as_str(),
                inline,
                &invocation.hidden(),
                events,
            )
            .await?;
        if let Err(lines) = done {
            let text = lines.join("\n");
            let failed = Error::user(format!("the build of service `{}` failed", service.name));
            let failed = if lines.is_empty() {
                failed
            } else {
                failed.cause(text.clone())
            };
            return Err(if text.contains("requires BuildKit") {
                failed.hint("install the `docker-buildx` plugin, which brings BuildKit")
            } else {
                failed.hint(format!(
                    "`webpods build {}` shows the whole output again",
                    service.name
                ))
            });
        }
        let id = std::fs::read_to_string(&iidfile).explain(|| {
            format!(
                "the build of service `{}` did not say what it made",
                service.name
            )
        })?;
        Ok(id.trim().to_owned())
    }

    /// Pulls an image with the user's own credentials.
    ///
    /// # Errors
    /// The registry refuses, does not answer or has no such image.
    pub(super) async fn pull(
        &self,
        service: &str,
        reference: &str,
        platform: Option<&str>,
        events: &Events,
    ) -> Result<(), Vec<String>> {
        let mut command = self.command();
        command.arg("pull");
        if let Some(platform) = platform {
            command.arg(format!("--platform={platform}"));
        }
        command.args(["--", reference]);
        match self.run(command, service, None, &[], events).await {
            Ok(done) => done,
            Err(error) => Err(vec![error.to_string()]),
        }
    }

    /// Runs to the end; the inner error has the last lines.
    async fn run(
        &self,
        mut command: Command,
        service: &str,
        input: Option<&str>,
        hidden: &[String],
        events: &Events,
    ) -> Result<Result<(), Vec<String>>> {
        let mut child = command
            .stdin(if input.is_some() {
                Stdio::piped()
            } else {
                Stdio::null()
            })
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .explain(|| format!("`{}` cannot be run", self.program.display()))?;
        let stdin = child.stdin.take();
        let feed = async {
            if let (Some(mut stdin), Some(text)) = (stdin, input) {
                // A command that fails early stops reading; its status says so.
                let _ = stdin.write_all(text.as_bytes()).await;
            }
        };
        let streams = (child.stdout.take(), child.stderr.take());
        let (lines, ()) = tokio::join!(follow(streams, service, hidden, events), feed);
        let status = child
            .wait()
            .await
            .explain(|| format!("`{}` cannot be waited for", self.program.display()))?;
        Ok(if status.success() { Ok(()) } else { Err(lines) })
    }
}
