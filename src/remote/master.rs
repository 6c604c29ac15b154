//! Starting the OpenSSH master that carries all sessions with one host.

use std::fs::{File, TryLockError};
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;
use tokio::time::{Instant, sleep, timeout};

use crate::error::{Error, Explain, Result};

use super::address::Address;
use super::classify;
use super::known;
use super::link::Link;

/// Seconds a master waits for the next command after the last one ended.
const PERSIST: &str = "60";
/// Beyond the connection itself: name lookup, key exchange, a touch on a hardware key.
const LOGIN: Duration = Duration::from_secs(30);
/// Attempts when a busy sshd drops connections before they log in.
const ATTEMPTS: u32 = 4;

/// A link over the running master at `socket`, or over one started now, and what ssh said then.
///
/// # Errors
/// ssh is not installed, or the host cannot be reached or refuses us; see `classify`.
pub async fn establish(program: &Path, address: &Address, socket: &Path) -> Result<(Link, String)> {
    if let Some(link) = Link::attach(socket).await {
        return Ok((link, String::new()));
    }
    let limit = address.connect_timeout + LOGIN;
    let _lock = lock(&socket.with_extension("lock"), limit).await?;
    // Somebody else may have started it while we waited for the lock.
    if let Some(link) = Link::attach(socket).await {
        return Ok((link, String::new()));
    }
    let mut attempt = 1;
    let said = loop {
        // ssh does not replace a socket that a dead master left behind.
        if let Err(error) = std::fs::remove_file(socket)
            && error.kind() != std::io::ErrorKind::NotFound
        {
            let message = format!("cannot remove `{}`", socket.display());
            return Err(Error::user(message).cause(error));
        }
        let (success, said) = launch(program, address, socket, limit).await?;
        if success {
            break said;
        }
        if attempt == ATTEMPTS || !classify::was_dropped(&said) {
            return Err(refused(program, address, &said).await);
        }
        sleep(Duration::from_millis(300) * attempt).await;
        attempt += 1;
    };
    match Link::attach(socket).await {
        Some(link) => Ok((link, said)),
        None => Err(Error::unreachable(format!(
            "ssh connected to host `{}` but its control socket `{}` does not answer",
            address.name,
            socket.display()
        ))),
    }
}

/// Why ssh, which printed `said`, did not connect.
async fn refused(program: &Path, address: &Address, said: &str) -> Error {
    if classify::is_unknown(said)
        && let Some((file, why)) = known::unreadable(program, address).await
    {
        return classify::keys_unreadable(address, &file, &why);
    }
    classify::refused(address, said)
}

/// Starts a master that goes to the background once it has logged in; its success and its stderr.
async fn launch(
    program: &Path,
    address: &Address,
    socket: &Path,
    limit: Duration,
) -> Result<(bool, String)> {
    // A file, not a pipe: some versions of ssh keep stderr open in the background, and a pipe
    // would never end.
    let folder = socket.parent().unwrap_or(Path::new("/"));
    let what = || format!("cannot use a file in `{}`", folder.display());
    let said = tempfile::NamedTempFile::new_in(folder).explain(what)?;
    let stderr = File::options().append(true).open(said.path());
    let stderr = stderr.explain(what)?;
    let mut child = Command::new(program)
        .args(["-M", "-N", "-f", "-x", "-S"])
        .arg(socket)
        .args(["-o", &format!("ControlPersist={PERSIST}")])
        // Forwardings in ~/.ssh/config are meant for a person's own sessions, and would make a
        // second connection fail.
        .args(["-o", "ClearAllForwardings=yes"])
        .args([
            "-o",
            "StreamLocalBindUnlink=yes",
            "-o",
            "StreamLocalBindMask=0177",
        ])
        .args(["-o", "RequestTTY=no", "-o", "PermitLocalCommand=no"])
        .args(address.arguments(Some(said.path())))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(stderr)
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| not_started(&error))?;
    let Ok(status) = timeout(limit, child.wait()).await else {
        let message = format!(
            "ssh did not log in to host `{}` ({address}) within {} s",
            address.name,
            limit.as_secs()
        );
        return Err(
            Error::unreachable(message).hint(format!("try it by hand: `{}`", address.by_hand()))
        );
    };
    let status = status.explain(|| "cannot wait for `ssh`")?;
    let text = std::fs::read(said.path()).explain(what)?;
    Ok((
        status.success(),
        String::from_utf8_lossy(&text).into_owned(),
    ))
}

/// Why there is no `ssh`.
pub fn not_started(error: &std::io::Error) -> Error {
    if error.kind() == std::io::ErrorKind::NotFound {
        Error::unreachable("the program `ssh` is not installed on this machine")
            .hint("install the OpenSSH client, for example with `apt-get install openssh-client`")
    } else {
        Error::unreachable("cannot start `ssh`").cause(error)
    }
}

/// Holds the file's lock, so that two commands that start at once share one master.
async fn lock(path: &Path, limit: Duration) -> Result<File> {
    let what = || format!("cannot lock `{}`", path.display());
    let file = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(path)
        .explain(what)?;
    let deadline = Instant::now() + limit * 2;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::WouldBlock) if Instant::now() < deadline => {
                sleep(Duration::from_millis(20)).await;
            }
            Err(TryLockError::WouldBlock) => {
                return Err(Error::unreachable(what())
                    .cause("another webpods has been connecting to the same host for too long"));
            }
            Err(TryLockError::Error(error)) => return Err(Error::user(what()).cause(error)),
        }
    }
}
