//! A host as the rest of the program sees it, whether ssh is needed or not.

use std::iter;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::net::{TcpStream, UnixStream};
use tokio_util::either::Either;

use crate::error::{Error, Explain, Result};
use crate::event::Events;
use crate::model::{self, HostName, Ssh};

use super::address::Address;
use super::ssh::Remote;
use super::{Output, Process, local};

/// Where a Docker engine listens unless it was told otherwise.
pub(super) const ENGINE_SOCKET: &str = "/var/run/docker.sock";

/// Bytes of lines that travel with a command, far below what a command line holds.
const FEW: usize = 32 * 1024;
/// Makes the first argument the input of what follows.
const LINES: &str = "lines=$1; shift; printf %s \"$lines\" | ";

/// A connection to a port on a host.
pub type Stream = Either<TcpStream, UnixStream>;

/// A session with one host. Connects on first use and again after a loss.
pub struct Host {
    name: HostName,
    route: Route,
}

enum Route {
    Local { engine: PathBuf },
    Ssh(Box<Remote>),
}

/// What a session uses on this machine and on the host, where it is not the usual.
#[derive(Debug, Clone)]
pub struct Options {
    /// The ssh program; looked for on `PATH` when it is a bare name.
    pub ssh: PathBuf,
    /// A private folder for sockets, of at most 64 bytes; none: the user's own.
    pub sockets: Option<PathBuf>,
    /// The Unix socket on the host where its engine listens; none: `/var/run/docker.sock`, on this
    /// machine what `DOCKER_HOST` says.
    pub engine: Option<PathBuf>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            ssh: "ssh".into(),
            sockets: None,
            engine: None,
        }
    }
}

impl Host {
    /// A session with `host` under a context's ssh settings. Nothing is contacted yet.
    ///
    /// # Errors
    /// The address, user or bastion cannot be used; no private folder for sockets can be had.
    pub fn new(ssh: &Ssh, host: &model::Host, events: &Events) -> Result<Arc<Self>> {
        Self::with(ssh, host, events, &Options::default())
    }

    /// As [`Host::new`], with other than the usual programs and paths.
    ///
    /// # Errors
    /// As [`Host::new`]; the engine's path is not absolute.
    pub fn with(
        ssh: &Ssh,
        host: &model::Host,
        events: &Events,
        options: &Options,
    ) -> Result<Arc<Self>> {
        if let Some(path) = options.engine.as_ref().filter(|path| !path.is_absolute()) {
            return Err(Error::user(format!(
                "the Docker socket of host `{}`, `{}`, is not an absolute path",
                host.name,
                path.display()
            )));
        }
        let route = if host.local {
            Route::Local {
                engine: options
                    .engine
                    .clone()
                    .map_or_else(local::engine_socket, Ok)?,
            }
        } else {
            let address = Address::new(ssh, host)?;
            Route::Ssh(Box::new(Remote::new(address, options, events.clone())?))
        };
        Ok(Arc::new(Self {
            name: host.name.clone(),
            route,
        }))
    }

    /// Its name in the inventory.
    #[must_use]
    pub fn name(&self) -> &HostName {
        &self.name
    }

    /// True for this machine, which is used without ssh.
    #[must_use]
    pub fn is_local(&self) -> bool {
        matches!(self.route, Route::Local { .. })
    }

    /// Makes the connection now, to learn early whether it can be made.
    ///
    /// # Errors
    /// Why ssh cannot connect, as something to act on (exit 7).
    pub async fn connect(&self) -> Result<()> {
        match &self.route {
            Route::Local { .. } => Ok(()),
            Route::Ssh(remote) => remote.link().await.map(|_| ()),
        }
    }

    /// Whether the connection is gone that was used last. The next use makes another.
    #[must_use]
    pub fn is_lost(&self) -> bool {
        match &self.route {
            Route::Local { .. } => false,
            Route::Ssh(remote) => remote.is_lost(),
        }
    }

    /// Logs in anew at the next use. A connection keeps the groups that its user had at login, also
    /// for later commands that share it; this makes new ones count.
    pub async fn renew(&self) {
        if let Route::Ssh(remote) = &self.route {
            remote.renew().await;
        }
    }

    /// Runs `sh -c script webpods args…` on the host: the arguments are `$1`, `$2`, … of the
    /// script, so text never becomes part of it. At most eight run at once; more wait their turn.
    ///
    /// # Errors
    /// No connection. A status other than 0 is no error: see [`Output::ok`].
    pub async fn sh(&self, script: &str, args: &[&str]) -> Result<Output> {
        self.sh_with_input(script, args, &[]).await
    }

    /// As [`Host::sh`], with `input` on standard input.
    ///
    /// # Errors
    /// As [`Host::sh`].
    pub async fn sh_with_input(&self, script: &str, args: &[&str], input: &[u8]) -> Result<Output> {
        self.stream(script, args).await?.finish(input).await
    }

    /// As [`Host::sh_with_input`], for lines that anybody on the host may see, such as names of
    /// files. Where they are few they travel with the command: a host takes no input before it has
    /// answered the command, which is a round trip later.
    ///
    /// # Errors
    /// As [`Host::sh`].
    pub async fn sh_with_lines(&self, script: &str, args: &[&str], lines: &str) -> Result<Output> {
        if lines.len() > FEW {
            return self.sh_with_input(script, args, lines.as_bytes()).await;
        }
        let script = format!("{LINES}{{\n{script}\n}}");
        let args: Vec<&str> = iter::once(&lines).chain(args).copied().collect();
        self.sh(&script, &args).await
    }

    /// As [`Host::sh`], with input and output as streams.
    ///
    /// # Errors
    /// As [`Host::sh`].
    pub async fn stream(&self, script: &str, args: &[&str]) -> Result<Process> {
        match &self.route {
            Route::Local { .. } => local::open(&self.name, script, args),
            Route::Ssh(remote) => remote.open(script, args).await,
        }
    }

    /// As [`Host::stream`], over a connection of its own along which this machine's ssh agent is
    /// forwarded, where there is one and the host lets it in. Connecting may fail: that shows as
    /// status 255.
    ///
    /// # Errors
    /// ssh cannot be started.
    pub fn stream_with_agent(&self, script: &str, args: &[&str]) -> Result<Process> {
        match &self.route {
            Route::Local { .. } => local::open(&self.name, script, args),
            Route::Ssh(remote) => remote.lend(script, args),
        }
    }

    /// The host keys by which this machine knows the host, each as `<type> <base64>`, revoked ones
    /// with `@revoked ` before them. None for this machine, and when no key is known.
    pub async fn known_keys(&self) -> Vec<String> {
        match &self.route {
            Route::Local { .. } => Vec::new(),
            Route::Ssh(remote) => remote.keys().await,
        }
    }

    /// The path of a Unix socket on this machine that leads to the host's engine. It works until
    /// the connection is lost; ask again rather than keep it.
    ///
    /// # Errors
    /// No connection, or ssh refuses to forward.
    pub async fn engine_socket(&self) -> Result<PathBuf> {
        match &self.route {
            Route::Local { engine } => Ok(engine.clone()),
            Route::Ssh(remote) => remote.engine_socket().await,
        }
    }

    /// A connection to the host's engine.
    ///
    /// # Errors
    /// No connection to the host; nothing answers on the engine's socket, where that can be known:
    /// over ssh it shows as the end of the stream at the first read.
    pub async fn engine_stream(&self) -> Result<UnixStream> {
        let path = self.engine_socket().await?;
        UnixStream::connect(&path).await.map_err(|error| {
            let name = &self.name;
            Error::unreachable(format!("cannot connect to Docker of host `{name}`")).cause(error)
        })
    }

    /// Where the engine listens on the host itself.
    #[must_use]
    pub fn engine_path(&self) -> &Path {
        match &self.route {
            Route::Local { engine } => engine,
            Route::Ssh(remote) => remote.engine_path(),
        }
    }

    /// A file on this machine, ours alone, for notes about the host's engine that are worth having
    /// at the next command. None for this machine, which is asked as fast as a file is read.
    #[must_use]
    pub fn engine_notes(&self) -> Option<PathBuf> {
        match &self.route {
            Route::Local { .. } => None,
            Route::Ssh(remote) => Some(remote.engine_notes()),
        }
    }

    /// A connection to `port` on the host's 127.0.0.1. Over ssh a refused port shows as the end
    /// of the stream at the first read.
    ///
    /// # Errors
    /// No connection; nothing listens, where that can be known.
    pub async fn dial(&self, port: u16) -> Result<Stream> {
        match &self.route {
            Route::Local { .. } => TcpStream::connect(("127.0.0.1", port))
                .await
                .map(Either::Left)
                .explain(|| format!("nothing answers on port {port} of host `{}`", self.name)),
            Route::Ssh(remote) => remote.dial(port).await.map(Either::Right),
        }
    }
}

impl std::fmt::Debug for Host {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Host({})", self.name)
    }
}
