//! A host behind ssh: keeps one link, opens sessions over it, reconnects when it was lost.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use openssh::{Session, Stdio};
use tokio::net::UnixStream;
use tokio::sync::{Mutex, Semaphore};
use tokio::time::{Instant, sleep};

use crate::error::{Error, Result};
use crate::event::Events;
use crate::model::Digest;

use super::address::Address;
use super::host::{ENGINE_SOCKET, Options};
use super::link::Link;
use super::process::Process;
use super::{folder, known, lend, master, noise, quote};

/// Sessions at once over one connection, below sshd's `MaxSessions` of 10.
const CHANNELS: usize = 8;
/// How long to wait for a free session when other commands or a stricter sshd take them all.
const PATIENCE: Duration = Duration::from_secs(60);

/// A host behind ssh.
pub struct Remote {
    address: Address,
    /// The ssh program.
    program: PathBuf,
    /// Every socket of this connection is named after it.
    base: PathBuf,
    engine: PathBuf,
    link: Mutex<Option<Arc<Link>>>,
    channels: Arc<Semaphore>,
    dialled: AtomicU32,
    events: Events,
}

impl Remote {
    pub fn new(address: Address, options: &Options, events: Events) -> Result<Self> {
        let folder = match &options.sockets {
            Some(folder) => folder.clone(),
            None => folder::private()?,
        };
        Ok(Self {
            program: options.ssh.clone(),
            base: folder.join(&address.identity().hex()[..16]),
            engine: options
                .engine
                .clone()
                .unwrap_or_else(|| ENGINE_SOCKET.into()),
            address,
            link: Mutex::new(None),
            channels: Arc::new(Semaphore::new(CHANNELS)),
            dialled: AtomicU32::new(0),
            events,
        })
    }

    pub fn engine_path(&self) -> &Path {
        &self.engine
    }

    /// The connection, made or made again as needed.
    pub async fn link(&self) -> Result<Arc<Link>> {
        let mut slot = self.link.lock().await;
        if let Some(link) = slot.as_ref().filter(|link| link.is_alive()) {
            return Ok(Arc::clone(link));
        }
        let (link, said) = master::establish(&self.program, &self.address, &self.base).await?;
        let accepted = |entry: &&str| entry.contains("Permanently added");
        for entry in said.lines().filter(accepted) {
            let entry = entry.trim().trim_start_matches("Warning: ");
            let name = &self.address.name;
            self.events.notice(format!("host `{name}`: ssh: {entry}"));
        }
        let link = Arc::new(link);
        *slot = Some(Arc::clone(&link));
        Ok(link)
    }

    /// Whether the connection that was used last is gone, as far as that can be told at once.
    pub fn is_lost(&self) -> bool {
        let slot = self.link.try_lock();
        slot.is_ok_and(|slot| slot.as_ref().is_some_and(|link| !link.is_alive()))
    }

    /// Gives the connection up, so that the next use logs in anew.
    pub async fn renew(&self) {
        if let Some(link) = self.link.lock().await.take() {
            link.retire().await;
        }
    }

    /// Runs `sh -c script webpods args…` on the host.
    pub async fn open(&self, script: &str, args: &[&str]) -> Result<Process> {
        let command = quote::command_line(&noise::marked(script), args)?;
        // The semaphore is never closed.
        let channel = Arc::clone(&self.channels).acquire_owned().await.ok();
        let deadline = Instant::now() + PATIENCE;
        let mut pause = Duration::from_millis(20);
        let (link, mut session) = loop {
            let link = self.link().await?;
            let started = Session::to_raw_command(Arc::clone(&link.session), &command)
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .spawn()
                .await;
            match started {
                Ok(session) => break (link, session),
                Err(error) if is_crowded(&error) => {
                    if Instant::now() > deadline {
                        return Err(self.crowded());
                    }
                    sleep(pause).await;
                    pause = (pause * 2).min(Duration::from_secs(1));
                }
                Err(error) => return Err(self.lost(&error)),
            }
        };
        let (Some(input), Some(output), Some(errors)) = (
            session.stdin().take(),
            session.stdout().take(),
            session.stderr().take(),
        ) else {
            return Err(Error::unreachable(format!(
                "ssh opened no pipes to host `{}`",
                self.address.name
            )));
        };
        let name = self.address.name.clone();
        let ending = Box::pin(async move {
            match session.wait().await {
                Ok(status) => Ok(status.code().unwrap_or(SIGNALLED)),
                // The crate's own reading of status 127; the script may mean something by it.
                Err(openssh::Error::Remote(_)) => Ok(127),
                Err(error) if link.goes_within(Duration::from_millis(500)).await => {
                    Err(lost(&name, &error))
                }
                Err(openssh::Error::RemoteProcessTerminated) => Ok(SIGNALLED),
                Err(error) => Err(lost(&name, &error)),
            }
        });
        let output = noise::skipped(output);
        let (input, errors) = (Box::new(input), Box::new(errors));
        let name = &self.address.name;
        Ok(Process::new(name, input, output, errors, ending, channel))
    }

    /// Runs `sh -c script webpods args…` on the host over a connection of its own, with this
    /// machine's ssh agent.
    pub fn lend(&self, script: &str, args: &[&str]) -> Result<Process> {
        lend::open(&self.program, &self.address, script, args)
    }

    /// The host keys by which this machine knows the host.
    pub async fn keys(&self) -> Vec<String> {
        known::keys(&self.program, &self.address).await
    }

    /// The path of a local socket that leads to the host's engine for as long as the master lives.
    pub async fn engine_socket(&self) -> Result<PathBuf> {
        let link = self.link().await?;
        let listen = self.engine_file("");
        link.forward_engine(&listen, &self.engine)
            .await
            .map_err(|error| self.not_forwarded("the Docker socket", &error))?;
        Ok(listen)
    }

    /// A file for notes about the host's engine, beside the sockets.
    pub fn engine_notes(&self) -> PathBuf {
        self.engine_file(".json")
    }

    /// A file of this host's engine in the private folder.
    fn engine_file(&self, suffix: &str) -> PathBuf {
        let digest = Digest::of(self.engine.as_os_str().as_encoded_bytes());
        let name = format!("e{}{suffix}", &digest.hex()[..6]);
        self.base.with_extension(name)
    }

    /// A connection to 127.0.0.1:`port` on the host.
    pub async fn dial(&self, port: u16) -> Result<UnixStream> {
        let link = self.link().await?;
        let number = self.dialled.fetch_add(1, Ordering::Relaxed);
        let name = format!("{:x}-{number:x}", std::process::id());
        link.dial(&self.base.with_extension(name), port)
            .await
            .map_err(|error| self.not_forwarded(&format!("port {port}"), &error))
    }

    fn not_forwarded(&self, what: &str, error: &dyn std::error::Error) -> Error {
        let name = &self.address.name;
        let message = format!("cannot forward {what} of host `{name}` over ssh");
        explained(Error::unreachable(message), error)
    }

    fn crowded(&self) -> Error {
        Error::unreachable(format!(
            "host `{}` refuses further ssh sessions over its connection",
            self.address.name
        ))
        .hint("raise `MaxSessions` in the host's sshd_config; 10, its default, is enough")
    }

    fn lost(&self, error: &openssh::Error) -> Error {
        lost(&self.address.name, error)
    }
}

/// What the ssh program itself returns for a remote command that a signal ended.
const SIGNALLED: i32 = 255;

fn lost(name: &crate::model::HostName, error: &openssh::Error) -> Error {
    let message = format!("the ssh connection to host `{name}` was lost");
    explained(Error::unreachable(message), error)
        .hint("run the command again; it goes on from what it finds on the hosts")
}

fn explained(mut explained: Error, error: &dyn std::error::Error) -> Error {
    let mut source = Some(error);
    while let Some(error) = source {
        explained = explained.cause(error);
        source = error.source();
    }
    explained
}

/// True when sshd refused one more session on this connection (its `MaxSessions`).
fn is_crowded(error: &openssh::Error) -> bool {
    let openssh::Error::SshMux(error) = error else {
        return false;
    };
    error.to_string().contains("refused by peer")
}
