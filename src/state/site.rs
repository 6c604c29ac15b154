//! One project's folder on one host, and how scripts are run there.

use std::fmt;
use std::future::Future;
use std::sync::Arc;

use futures_util::future::join_all;

use crate::docker::Node;
use crate::error::{Error, Kind, Result};
use crate::model::{HostName, StackKey};
use crate::plan::paths::STATE_ROOT;
use crate::remote::Host;

use super::frame;

/// `<root>/<context>/<project>/` on one host.
#[derive(Clone)]
pub struct Site {
    name: HostName,
    host: Arc<Host>,
    root: String,
    key: StackKey,
}

/// What a script of this room answered with an exit code it documents.
pub(super) struct Answer {
    pub code: i32,
    pub stdout: Vec<u8>,
    pub stderr: String,
}

impl Answer {
    /// Another holds the lease; standard output is their lease.
    pub const HELD: i32 = 10;
    /// The lease is gone or another's; standard output is theirs, if any.
    pub const FENCED: i32 = 12;
    /// A newer state is there; standard error is its serial.
    pub const NEWER: i32 = 13;
    const NO_TOOL: i32 = 14;
}

impl Site {
    /// The project's folder on `node`, in its usual place.
    pub fn new(node: &Node, key: &StackKey) -> Self {
        Self::under(STATE_ROOT, Arc::clone(&node.host), key)
    }

    /// The project's folder below another root.
    pub fn under(root: &str, host: Arc<Host>, key: &StackKey) -> Self {
        Self {
            name: host.name().clone(),
            host,
            root: root.to_owned(),
            key: key.clone(),
        }
    }

    /// The host.
    pub fn name(&self) -> &HostName {
        &self.name
    }

    /// Whose folder.
    pub fn key(&self) -> &StackKey {
        &self.key
    }

    /// The path of a file in the folder.
    pub fn path(&self, file: &str) -> String {
        format!(
            "{}/{}/{}/{file}",
            self.root, self.key.context, self.key.project
        )
    }

    /// The host's audit log, shared by all projects.
    pub(super) fn audit_log(&self) -> String {
        let above = self.root.rsplit_once('/').map_or("", |(above, _)| above);
        format!("{above}/audit.log")
    }

    /// Runs one of this room's scripts. The codes of [`Answer`] that are not errors by themselves
    /// are handed back.
    pub(super) async fn run(&self, body: &str, args: &[&str], input: &[u8]) -> Result<Answer> {
        let script = [include_str!("sh/prelude.sh"), frame::SCRIPT, body].concat();
        let mut all = vec![
            self.root.as_str(),
            self.key.context.as_str(),
            self.key.project.as_str(),
        ];
        all.extend(args);
        let output = self.host.sh_with_input(&script, &all, input).await?;
        match output.status {
            0 | Answer::HELD | Answer::FENCED | Answer::NEWER => Ok(Answer {
                code: output.status,
                stderr: String::from_utf8_lossy(&output.stderr).trim().to_owned(),
                stdout: output.stdout,
            }),
            Answer::NO_TOOL => {
                let tool = String::from_utf8_lossy(&output.stderr).trim().to_owned();
                Err(Error::user(format!(
                    "host `{}` has no `{tool}`, which guards the project's state",
                    self.name
                ))
                .hint(format!("install the package that has `{tool}` there")))
            }
            _ => Err(output.error(&format!("use `{}`", self.root))),
        }
    }

    /// A file of the folder may not be read.
    pub(super) fn unreadable(&self, file: &str) -> Error {
        Error::user(format!(
            "the ssh user may not read `{}` on host `{}`",
            self.path(file),
            self.name
        ))
        .hint("`webpods node bootstrap` gives the ssh user the folders it needs")
    }

    /// The answer of a script that makes no sense.
    pub(super) fn garbled(&self) -> Error {
        Error::unreachable(format!("the answer of host `{}` is cut short", self.name))
            .hint("try again; `webpods node check` looks for what is wrong with the host")
    }
}

impl fmt::Debug for Site {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Site({}:{})", self.name, self.path(""))
    }
}

/// Text from a host as one harmless line: control characters escaped, length bounded.
pub(super) fn one_line(text: &str) -> String {
    let mut line: String = text
        .trim()
        .chars()
        .flat_map(|c| {
            let escape = c.is_control();
            let escaped = escape.then(|| c.escape_default()).into_iter().flatten();
            escaped.chain((!escape).then_some(c))
        })
        .take(401)
        .collect();
    if line.chars().count() > 400 {
        line = line.chars().take(397).collect::<String>() + "...";
    }
    line
}

/// Does `work` on every site at once and reports all failures together.
pub(super) async fn every<'a, T, F>(
    sites: impl IntoIterator<Item = &'a Site>,
    work: impl Fn(&'a Site) -> F,
) -> Result<Vec<T>>
where
    F: Future<Output = Result<T>>,
{
    together(join_all(sites.into_iter().map(work)).await)
}

/// All results, or all failures as one error.
pub(crate) fn together<T>(results: Vec<Result<T>>) -> Result<Vec<T>> {
    let total = results.len();
    let mut good = Vec::with_capacity(total);
    let mut bad = Vec::new();
    for result in results {
        match result {
            Ok(value) => good.push(value),
            Err(error) => bad.push(error),
        }
    }
    if bad.len() < 2 {
        return bad.pop().map_or(Ok(good), Err);
    }
    let kind = bad
        .iter()
        .map(Error::kind)
        .find(|kind| *kind == Kind::Unreachable)
        .unwrap_or(bad[0].kind());
    let mut error = Error::new(kind, format!("{} of {total} hosts failed", bad.len()));
    let mut hints: Vec<&String> = Vec::new();
    for one in &bad {
        error = error.cause(one);
        for hint in one.hints() {
            if !hints.contains(&hint) {
                hints.push(hint);
            }
        }
    }
    Err(hints.into_iter().fold(error, Error::hint))
}
