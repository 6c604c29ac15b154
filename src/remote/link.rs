//! A live connection to an ssh master, shared by everything that talks to one host.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use openssh::{ForwardType, Session, Socket};
use tokio::net::UnixStream;
use tokio::sync::OnceCell;
use tokio::time::timeout;

/// How long a master may take to answer on its own machine's socket.
const ANSWER: Duration = Duration::from_secs(5);

/// A connection that a master serves.
pub struct Link {
    pub(super) session: Arc<Session>,
    /// A connection to the control socket that is never used. While it is open the master does not
    /// count as idle, so it outlives the longest pause within one command; and its end of file
    /// tells when the master is gone.
    watch: UnixStream,
    /// Set once the engine's socket is forwarded.
    forwarded: OnceCell<()>,
}

impl Link {
    /// Attaches to the master that listens on `socket`, if one does.
    pub async fn attach(socket: &Path) -> Option<Self> {
        let watch = UnixStream::connect(socket).await.ok()?;
        let session = Session::resume_mux(socket.into(), None);
        match timeout(ANSWER, session.check()).await {
            Ok(Ok(())) => Some(Self {
                session: Arc::new(session),
                watch,
                forwarded: OnceCell::new(),
            }),
            _ => None,
        }
    }

    /// False once the master has gone.
    pub fn is_alive(&self) -> bool {
        let mut greeting = [0; 256];
        loop {
            match self.watch.try_read(&mut greeting) {
                Ok(0) => return false,
                Ok(_) => {}
                Err(error) => return error.kind() == std::io::ErrorKind::WouldBlock,
            }
        }
    }

    /// Waits for at most `limit` for the master to go.
    pub async fn goes_within(&self, limit: Duration) -> bool {
        let gone = async {
            while self.is_alive() {
                if self.watch.readable().await.is_err() {
                    break;
                }
            }
        };
        timeout(limit, gone).await.is_ok()
    }

    /// Tells the master to take no more sessions and to end with its last one.
    pub async fn retire(&self) {
        let session = Session::resume_mux(self.session.control_socket().into(), None);
        // A master that does not answer is as good as gone.
        let _ = timeout(ANSWER, session.close()).await;
    }

    /// Forwards `listen`, a socket on this machine, to the engine's socket on the host, once.
    pub async fn forward_engine(&self, listen: &Path, path: &Path) -> Result<(), openssh::Error> {
        let forward = || {
            let (listen, connect) = (unix(listen), unix(path));
            self.session
                .request_port_forward(ForwardType::Local, listen, connect)
        };
        self.forwarded.get_or_try_init(forward).await?;
        Ok(())
    }

    /// A connection to 127.0.0.1:`port` on the host, through a socket at `listen` that is gone
    /// again when this returns.
    pub async fn dial(&self, listen: &Path, port: u16) -> std::io::Result<UnixStream> {
        let forward = |error: openssh::Error| std::io::Error::other(error);
        let target = || Socket::new("127.0.0.1", port);
        self.session
            .request_port_forward(ForwardType::Local, unix(listen), target())
            .await
            .map_err(forward)?;
        let stream = UnixStream::connect(listen).await;
        // Closing the listener leaves the connection open. The answer to a failure here would be
        // to close the listener, which is what failed.
        let _ = self
            .session
            .close_port_forward(ForwardType::Local, unix(listen), target())
            .await;
        let _ = tokio::fs::remove_file(listen).await;
        stream
    }
}

fn unix(path: &Path) -> Socket<'static> {
    Socket::from(PathBuf::from(path))
}
