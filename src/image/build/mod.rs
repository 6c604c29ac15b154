//! Builds with the local engine through the `docker` command: BuildKit where its plugin is
//! installed, the classic builder otherwise.

mod choose;
mod command;
mod output;
mod secrets;

use std::path::{Path, PathBuf};
use std::process::Stdio;

use tokio::io::AsyncWriteExt;
use tokio::process::Command;

use self::choose::{Asked, Builder, Choice};
use self::command::Invocation;
pub(super) use self::output::follow;
use crate::docker::Engine;
use crate::error::{Error, Explain, Result};
use crate::event::Events;
use crate::model::{Build, ServiceName};

/// The first Docker whose own BuildKit knows every key.
const NEWER: u32 = 23;

/// The `docker` command of this machine, talking to one engine.
#[derive(Debug, Clone)]
pub(super) struct Docker {
    program: PathBuf,
    socket: PathBuf,
    choice: Choice,
}

/// One image to build.
pub(super) struct Order<'a> {
    pub(super) service: &'a ServiceName,
    pub(super) build: &'a Build,
    /// What it is called.
    pub(super) reference: &'a str,
    /// The platform to ask for; none: the engine's own.
    pub(super) platform: Option<&'a str>,
    /// What the images of other services are called.
    pub(super) image_of: &'a (dyn Fn(&ServiceName) -> String + Sync),
}

impl Docker {
    /// Finds the command and asks it for BuildKit. None: there is no `docker` on this machine.
    pub(super) async fn find(socket: &Path, engine: &Engine) -> Option<Self> {
        let mut docker = Self {
            program: "docker".into(),
            socket: socket.to_owned(),
            choice: Choice {
                plugin: false,
                asked: Asked::read(std::env::var_os("DOCKER_BUILDKIT").as_deref()),
                old: false,
            },
        };
        let mut version = docker.command();
        version.args(["buildx", "version"]).stdin(Stdio::null());
        match version.output().await {
            Ok(output) => docker.choice.plugin = output.status.success(),
            Err(_) => return None,
        }
        let version = &engine.identity().version;
        let major = version
            .split('.')
            .next()
            .and_then(|major| major.parse().ok());
        if docker.choice.plugin && major.is_some_and(|major: u32| major < NEWER) {
            docker.choice.old = docker.builds_inside().await;
        }
        Some(docker)
    }

    /// Whether the chosen builder is the engine's own, and not one in a container of its own.
    async fn builds_inside(&self) -> bool {
        let mut inspect = self.command();
        inspect.args(["buildx", "inspect"]).stdin(Stdio::null());
        let said = inspect.output().await.map(|output| output.stdout);
        let said = said.unwrap_or_default();
        let driver = String::from_utf8_lossy(&said)
            .lines()
            .find_map(|line| Some(line.strip_prefix("Driver:")?.trim().to_owned()));
        driver.is_none_or(|driver| driver == "docker")
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

    /// Which builder makes the image, and that it can be given all it needs.
    ///
    /// # Errors
    /// A key needs a builder that is not here; a secret cannot be given.
    fn builder(&self, order: &Order<'_>) -> Result<Builder> {
        let builder = self
            .choice
            .builder(order.service, order.build, order.platform)?;
        secrets::check(order.service, order.build)?;
        Ok(builder)
    }

    /// Makes sure that all of these can be built, before the first one is.
    ///
    /// # Errors
    /// What stands in the way, for every image at once.
    pub(super) fn check<'a>(&self, orders: impl IntoIterator<Item = Order<'a>>) -> Result<()> {
        let mut refusals: Vec<Error> = orders
            .into_iter()
            .filter_map(|order| self.builder(&order).err())
            .collect();
        if refusals.len() < 2 {
            return refusals.pop().map_or(Ok(()), Err);
        }
        let mut error = Error::user(format!("{} services cannot be built", refusals.len()));
        let mut hints = Vec::new();
        for refusal in refusals {
            error = error.cause(refusal.message());
            for hint in refusal.hints() {
                if !hints.contains(hint) {
                    hints.push(hint.clone());
                }
            }
        }
        Err(hints.into_iter().fold(error, Error::hint))
    }

    /// Builds an image and returns the identifier the engine gave it.
    ///
    /// # Errors
    /// The build fails; its last lines are the cause. What [`Docker::check`] refuses.
    pub(super) async fn build(&self, order: &Order<'_>, events: &Events) -> Result<String> {
        let service = order.service;
        let folder = tempfile::tempdir().explain(|| "no temporary folder can be made")?;
        let iidfile = folder.path().join("iid");
        let builder = self.builder(order)?;
        if let Some(ignored) = self.choice.ignored(order.build, builder) {
            events.warn(format!("service `{service}`: {ignored}"));
        }
        let invocation = Invocation {
            build: order.build,
            reference: order.reference,
            platform: order.platform,
            builder,
            iidfile: &iidfile,
            image_of: order.image_of,
        };
        let mut command = self.command();
        command.args(invocation.arguments());
        if builder == Builder::Classic {
            // Without the plugin this is what docker does anyway.
            command.env("DOCKER_BUILDKIT", "0");
        }
        command.envs(secrets::environment(order.build));
        let inline = order.build.dockerfile_inline.as_deref();
        let hidden = secrets::hidden(order.build);
        let done = self
            .run(command, service.as_str(), inline, &hidden, events)
            .await?;
        if let Err(lines) = done {
            return Err(failed(service, &lines));
        }
        let id = std::fs::read_to_string(&iidfile)
            .explain(|| format!("the build of service `{service}` did not say what it made"))?;
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

/// A build that ended badly, with its last lines and what they mean.
fn failed(service: &ServiceName, lines: &[String]) -> Error {
    let text = lines.join("\n");
    let mut failed = Error::user(format!("the build of service `{service}` failed"));
    if !lines.is_empty() {
        failed = failed.cause(text.clone());
    }
    let said = |words: &str| text.contains(words);
    failed.hint(if said("requires BuildKit") {
        "install the `docker buildx` plugin, which brings BuildKit".to_owned()
    } else if said("moby.buildkit.frontend.contexts") {
        "`build.additional_contexts` needs Docker 23 or newer on this machine, or a builder of its \
         own: `docker buildx create --use`"
            .to_owned()
    } else if said("is not supported for the docker driver") {
        "Docker's own builder cannot do that: use one of its own (`docker buildx create --use`), \
         or switch Docker to the containerd image store"
            .to_owned()
    } else if said("is not allowed by build daemon configuration") {
        "allow it in `builder.entitlements` of Docker's `daemon.json`, or use a builder of its own: \
         `docker buildx create --use --buildkitd-flags '--allow-insecure-entitlement …'`"
            .to_owned()
    } else {
        format!("`webpods build {service}` shows the whole output again")
    })
}
