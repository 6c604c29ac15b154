//! Why an engine does not answer on its socket.

use crate::error::{Error, Result};
use crate::remote::Host;

/// Says whether the socket `$1` is missing, closed to this user, or there.
const LOOK: &str = r#"
if [ ! -e "$1" ]; then
  if command -v dockerd >/dev/null 2>&1 || command -v docker >/dev/null 2>&1
  then echo stopped; else echo missing; fi
elif [ ! -r "$1" ] || [ ! -w "$1" ]; then echo denied; id -un
else echo there; fi"#;

/// What a look at the socket showed.
pub enum Silence {
    /// No socket, and no Docker either.
    NotInstalled,
    /// No socket, but Docker is installed.
    NotRunning,
    /// This user may not use the socket.
    Denied(String),
    /// The socket is there.
    Unexplained,
}

impl Silence {
    /// Looks at the engine's socket on the host itself.
    ///
    /// # Errors
    /// The host cannot be reached, which explains more.
    pub async fn look(host: &Host) -> Result<Self> {
        let socket = host.engine_path().display().to_string();
        let seen = host.sh(LOOK, &[&socket]).await?.text();
        let mut lines = seen.lines();
        Ok(match lines.next() {
            Some("missing") => Self::NotInstalled,
            Some("stopped") => Self::NotRunning,
            Some("denied") => Self::Denied(lines.next().unwrap_or("the user").to_owned()),
            _ => Self::Unexplained,
        })
    }

    /// The error for people (exit 7); `why` is what the attempt to talk to the engine gave.
    pub fn explain(&self, host: &Host, why: &dyn std::fmt::Display) -> Error {
        let local = host.is_local();
        let socket = host.engine_path().display();
        let error = Error::unreachable(if local {
            "cannot reach Docker on this machine".to_owned()
        } else {
            format!("cannot reach Docker on host `{}`", host.name())
        });
        match self {
            Self::NotInstalled => error
                .cause(format!(
                    "Docker is not installed: `{socket}` does not exist"
                ))
                .hint("install Docker Engine: https://docs.docker.com/engine/install/"),
            Self::NotRunning => error
                .cause(format!("Docker is not running: `{socket}` does not exist"))
                .hint("start it, for example with `sudo systemctl start docker`"),
            Self::Denied(user) => {
                let command = format!("sudo usermod -aG docker {user}");
                let error = error.cause(format!("`{user}` may not use `{socket}`"));
                if local {
                    error.hint(format!(
                        "add the user to the docker group: `{command}`, then log in again"
                    ))
                } else {
                    error
                        .hint(format!(
                            "add the user to the docker group there: `{command}`"
                        ))
                        .hint(
                            "or run `webpods node bootstrap`, which does it where sudo is allowed",
                        )
                }
            }
            Self::Unexplained if local => error
                .cause(why)
                .hint("check that it runs, for example with `sudo systemctl status docker`"),
            Self::Unexplained => error
                .cause(why)
                .hint("check that it runs there, for example with `sudo systemctl status docker`")
                .hint(
                    "if it runs, sshd must allow forwarding its socket: see \
                     `AllowStreamLocalForwarding` and `DisableForwarding` in sshd_config",
                ),
        }
    }
}
