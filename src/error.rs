//! The one error type: kind, message, causes, hints. The kind alone picks the exit code.

use std::fmt;

/// What class of failure this is; each kind has one exit code, see `docs/exit-codes.md`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Wrong input or configuration, or a refusal to plan: exit 1.
    User,
    /// The command line itself is wrong: exit 2.
    Usage,
    /// Refused by the context's safety rules (spec §16): exit 3.
    Refused,
    /// A rollout failed and was undone; the old release serves: exit 4.
    Undone,
    /// A rollout failed and was left where it stood: exit 5.
    NeedsAttention,
    /// Another operation holds the project's lock: exit 6.
    Locked,
    /// One or more hosts cannot be used over ssh: exit 7.
    Unreachable,
    /// Ctrl-C or SIGTERM: exit 130.
    Interrupted,
    /// The exit status of a command that ran in a container, passed through.
    Status(u8),
}

impl Kind {
    /// The process exit code of this kind.
    #[must_use]
    pub fn exit_code(self) -> u8 {
        match self {
            Self::User => 1,
            Self::Usage => 2,
            Self::Refused => 3,
            Self::Undone => 4,
            Self::NeedsAttention => 5,
            Self::Locked => 6,
            Self::Unreachable => 7,
            Self::Interrupted => 130,
            Self::Status(code) => code,
        }
    }
}

/// A failure that a person can act on: what happened, why, and what to type next.
#[derive(Debug, Clone)]
pub struct Error {
    inner: Box<Inner>,
}

#[derive(Debug, Clone)]
struct Inner {
    kind: Kind,
    message: String,
    causes: Vec<String>,
    hints: Vec<String>,
}

/// `Result` with [`Error`] as its error.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// An error of `kind` that says `message`.
    pub fn new(kind: Kind, message: impl Into<String>) -> Self {
        let (message, causes, hints) = (message.into(), Vec::new(), Vec::new());
        Self {
            inner: Box::new(Inner {
                kind,
                message,
                causes,
                hints,
            }),
        }
    }

    /// Wrong input or configuration (exit 1).
    pub fn user(message: impl Into<String>) -> Self {
        Self::new(Kind::User, message)
    }

    /// A host that cannot be used (exit 7).
    pub fn unreachable(message: impl Into<String>) -> Self {
        Self::new(Kind::Unreachable, message)
    }

    /// Adds a line that says what to do next.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.inner.hints.push(hint.into());
        self
    }

    /// Adds what caused this error; call from the nearest cause outwards to the root.
    #[must_use]
    pub fn cause(mut self, cause: impl fmt::Display) -> Self {
        self.inner.causes.push(cause.to_string());
        self
    }

    /// The same error under another kind.
    #[must_use]
    pub fn with_kind(mut self, kind: Kind) -> Self {
        self.inner.kind = kind;
        self
    }

    /// The same error with `message` in front and the old message as its first cause.
    #[must_use]
    pub fn context(mut self, message: impl Into<String>) -> Self {
        let old = std::mem::replace(&mut self.inner.message, message.into());
        self.inner.causes.insert(0, old);
        self
    }

    /// The kind, which picks the exit code.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.inner.kind
    }

    /// What happened.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.inner.message
    }

    /// Why, nearest cause first.
    #[must_use]
    pub fn causes(&self) -> &[String] {
        &self.inner.causes
    }

    /// What to do next.
    #[must_use]
    pub fn hints(&self) -> &[String] {
        &self.inner.hints
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.inner.message)?;
        for cause in &self.inner.causes {
            write!(f, ": {cause}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Error {}

/// Gives any error a message of ours, keeping its text and that of its sources as causes.
pub trait Explain<T> {
    /// Turns the error into a user error (exit 1) with this message.
    ///
    /// # Errors
    /// The failure of `self`, explained.
    fn explain<M: Into<String>>(self, message: impl FnOnce() -> M) -> Result<T>;
}

impl<T, E: std::error::Error> Explain<T> for Result<T, E> {
    fn explain<M: Into<String>>(self, message: impl FnOnce() -> M) -> Result<T> {
        self.map_err(|error| {
            let mut explained = Error::user(message()).cause(&error);
            let mut source = error.source();
            while let Some(cause) = source {
                explained = explained.cause(cause);
                source = cause.source();
            }
            explained
        })
    }
}

/// The candidate nearest to `wrong`, when it is near enough to be what was meant.
///
/// Used for every "did you mean": unknown keys, hosts, services, contexts.
#[must_use]
pub fn near_miss<'a>(
    wrong: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    // Nobody mistypes hundreds of characters, and the table below grows with the length.
    if wrong.len() > 200 {
        return None;
    }
    let limit = (wrong.chars().count() / 3).max(1) + usize::from(wrong.len() > 3);
    candidates
        .into_iter()
        .filter(|candidate| candidate.len() <= 200)
        .map(|candidate| (distance(wrong, candidate), candidate))
        .filter(|(distance, _)| *distance <= limit)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// Edit distance over characters, case folded; swapping two neighbours counts as one edit.
fn distance(a: &str, b: &str) -> usize {
    let a: Vec<char> = a.to_lowercase().chars().collect();
    let b: Vec<char> = b.to_lowercase().chars().collect();
    let mut table = vec![vec![0; b.len() + 1]; a.len() + 1];
    table[0] = (0..=b.len()).collect();
    for i in 1..=a.len() {
        table[i][0] = i;
        for j in 1..=b.len() {
            let substituted = table[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut best = substituted
                .min(table[i - 1][j] + 1)
                .min(table[i][j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                best = best.min(table[i - 2][j - 2] + 1);
            }
            table[i][j] = best;
        }
    }
    table[a.len()][b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_miss_finds_typos_and_not_strangers() {
        let keys = ["environment", "image", "build"];
        assert_eq!(near_miss("enviroment", keys), Some("environment"));
        assert_eq!(near_miss("imgae", keys), Some("image"));
        assert_eq!(near_miss("wbe", ["web"]), Some("web"));
        assert_eq!(near_miss("volumes", keys), None);
    }

    #[test]
    fn context_keeps_the_order_of_causes() {
        let error = Error::user("inner").cause("root").context("outer");
        assert_eq!(error.to_string(), "outer: inner: root");
    }
}
