//! Why an engine did not do what it was asked: classified here and nowhere else.

use crate::error::Error;
use crate::remote::Host;

/// An engine's refusal, or the failure to reach it.
#[derive(Debug, Clone)]
pub struct EngineError {
    status: Option<u16>,
    error: Error,
}

impl EngineError {
    /// The engine answered `status` with `said` when asked to `doing` (`create container x`).
    pub(super) fn answered(host: &Host, doing: &str, status: u16, said: &str) -> Self {
        let message = format!("cannot {doing} on host `{}`", host.name());
        let error = Error::user(message).cause(match said.trim() {
            "" => format!("the engine answered with status {status}"),
            said => said.to_owned(),
        });
        let lower = said.to_lowercase();
        let has = |what: &str| lower.contains(what);
        let error = if has("no space left on device") {
            error.hint("free disk space on the host; `webpods prune` removes what no release needs")
        } else if has("port is already allocated") || has("address already in use") {
            error.hint("something else on the host holds that port; `webpods ps` and `ss -ltnp` there show who")
        } else if has("manifest unknown") || has("repository does not exist") {
            error.hint("check the image's name and tag, and `docker login` if it is private")
        } else if has("exec format error") {
            error.hint("the image is for another CPU architecture; set `platform:` of the service")
        } else {
            error
        };
        Self {
            status: Some(status),
            error,
        }
    }

    /// The connection broke while asking to `doing`: the engine ended, or ssh did.
    pub(super) fn broken(host: &Host, doing: &str, why: &dyn std::error::Error) -> Self {
        let name = host.name();
        let (message, hint) = if host.is_lost() {
            (
                format!("the ssh connection to host `{name}` was lost while trying to {doing}"),
                "run the command again; it goes on from what it finds on the hosts",
            )
        } else {
            (
                format!("the connection to Docker on host `{name}` broke while trying to {doing}"),
                "check that it runs there, for example with `sudo systemctl status docker`, and \
                 run the command again; it goes on from what it finds",
            )
        };
        let mut error = Error::unreachable(message);
        let mut source = Some(why);
        while let Some(cause) = source {
            error = error.cause(cause);
            source = cause.source();
        }
        Self::from(error.hint(hint))
    }

    /// The HTTP status, when the engine answered.
    #[must_use]
    pub fn status(&self) -> Option<u16> {
        self.status
    }

    /// The thing does not exist.
    #[must_use]
    pub fn is_not_found(&self) -> bool {
        self.status == Some(404)
    }

    /// The name is taken, or the thing is in use or in a state that does not allow it.
    #[must_use]
    pub fn is_conflict(&self) -> bool {
        self.status == Some(409)
    }

    /// The thing cannot be removed because a container uses it.
    #[must_use]
    pub fn is_in_use(&self) -> bool {
        // Networks say so with "forbidden".
        self.status == Some(409) || self.status == Some(403)
    }

    /// The same failure as an error for people.
    #[must_use]
    pub fn into_error(self) -> Error {
        self.error
    }
}

impl From<Error> for EngineError {
    fn from(error: Error) -> Self {
        Self {
            status: None,
            error,
        }
    }
}

impl From<EngineError> for Error {
    fn from(error: EngineError) -> Self {
        error.error
    }
}

impl std::fmt::Display for EngineError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.error.fmt(f)
    }
}

impl std::error::Error for EngineError {}

/// Turns "not found" into `None`.
pub trait Found<T> {
    /// `Some` when it exists, `None` when the engine says that it does not.
    ///
    /// # Errors
    /// Any other failure.
    fn found(self) -> super::Result<Option<T>>;
}

impl<T> Found<T> for super::Result<T> {
    fn found(self) -> super::Result<Option<T>> {
        match self {
            Ok(value) => Ok(Some(value)),
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(error),
        }
    }
}
