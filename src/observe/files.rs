//! What one script finds on a host: states, claims, ports, disk, proxy files.

use std::collections::{BTreeMap, BTreeSet};

use crate::error::{Error, Result};
use crate::event::Events;
use crate::model::{Claim, ProjectState, StackKey};
use crate::remote::Host;
use crate::state::frame::{self, Part};
use crate::state::{Copy, claim};

use super::listening;

/// What is asked of a host.
pub(super) struct Question<'a> {
    pub root: &'a str,
    pub key: &'a StackKey,
    pub cache: &'a str,
    pub proxy_files: &'a [String],
}

/// What the host's files say.
#[derive(Debug, PartialEq)]
pub(super) struct Files {
    pub state: Copy,
    pub claims: Vec<Claim>,
    pub listening: BTreeSet<u16>,
    pub emulates: BTreeSet<String>,
    pub disk_free: u64,
    pub proxy: BTreeMap<String, Option<String>>,
}

/// Asks one host.
///
/// # Errors
/// The host cannot be asked, its answer is cut short, or a file of ours may not be read.
pub(super) async fn look(host: &Host, question: &Question<'_>, events: &Events) -> Result<Files> {
    let script = [frame::SCRIPT, include_str!("sh/observe.sh")].concat();
    let boundary = frame::random();
    let (context, project) = (&question.key.context, &question.key.project);
    let args = [
        question.root,
        context.as_str(),
        project.as_str(),
        question.cache,
        &boundary,
    ];
    let output = host
        .sh_with_lines(&script, &args, &asked(question))
        .await?
        .ok(&format!("read `{}`", question.root))?;
    let parts = frame::parse(&output.stdout, &boundary).ok_or_else(|| {
        Error::unreachable(format!("the answer of host `{}` is cut short", host.name()))
            .hint("try again; `webpods node check` looks for what is wrong with the host")
    })?;
    understand(host, question, parts, events)
}

/// One path a line. A path with a newline would be two questions; no proxy file has such a name.
fn asked(question: &Question) -> String {
    let paths = question.proxy_files.iter().filter(|it| !it.contains('\n'));
    paths.flat_map(|path| [path, "\n"]).collect()
}

fn understand(
    host: &Host,
    question: &Question,
    parts: Vec<(String, Part)>,
    events: &Events,
) -> Result<Files> {
    let key = question.key;
    let path = format!(
        "{}/{}/{}/state.json",
        question.root, key.context, key.project
    );
    let unreadable = |path: &str| {
        Error::user(format!(
            "the ssh user may not read `{path}` on host `{}`",
            host.name()
        ))
        .hint("`webpods node bootstrap` gives the ssh user the folders it needs")
    };
    let mut files = Files {
        state: Copy {
            host: host.name().clone(),
            path: path.clone(),
            bytes: None,
        },
        claims: Vec::new(),
        listening: BTreeSet::new(),
        emulates: BTreeSet::new(),
        disk_free: 0,
        proxy: BTreeMap::new(),
    };
    for (name, part) in parts {
        match name.as_str() {
            "state" => match part {
                Part::Present(bytes) => files.state.bytes = Some(bytes),
                Part::Absent => {}
                Part::Unreadable => return Err(unreadable(&path)),
            },
            "claims" => {
                // One project's broken bytes must not hide what the others claim.
                let text = String::from_utf8_lossy(part.bytes().unwrap_or_default());
                for line in text.lines() {
                    let (whose, text) = line.split_once('\t').unwrap_or(("?", line));
                    match serde_json::from_str(text) {
                        Ok(claim) => files.claims.push(claim),
                        Err(_) => foreign(host, whose, events),
                    }
                }
            }
            "listening" => files.listening = listening::ports(part.text().unwrap_or_default()),
            "emulates" => files.emulates = emulated(part.text().unwrap_or_default()),
            "disk" => {
                files.disk_free = part.text().and_then(listening::free).ok_or_else(|| {
                    Error::user(format!(
                        "cannot tell how much disk is free on host `{}`",
                        host.name()
                    ))
                    .hint(format!("see what `df -Pk {}` says there", question.cache))
                })?;
            }
            other => {
                if let Some(whose) = other.strip_prefix("other ") {
                    match part.bytes().map(serde_json::from_slice::<ProjectState>) {
                        Some(Ok(state)) => files.claims.push(claim(&state, host.name())),
                        _ => foreign(host, whose, events),
                    }
                } else if let Some(path) = other.strip_prefix("proxy ") {
                    let content = match part {
                        Part::Present(bytes) => Some(String::from_utf8_lossy(&bytes).into_owned()),
                        Part::Absent => None,
                        Part::Unreadable => return Err(unreadable(path)),
                    };
                    files.proxy.insert(path.to_owned(), content);
                }
            }
        }
    }
    files.claims.retain(|claim| claim.owner != *key);
    Ok(files)
}

/// Architectures as Docker calls them, by the names of the kernel's interpreters.
fn emulated(interpreters: &str) -> BTreeSet<String> {
    let architectures = interpreters.lines().filter_map(|name| {
        Some(match name.trim().strip_prefix("qemu-").unwrap_or(name) {
            "x86_64" | "rosetta" => "amd64",
            "aarch64" => "arm64",
            "i386" => "386",
            "mips64el" => "mips64le",
            "loongarch64" => "loong64",
            same @ ("arm" | "ppc64le" | "riscv64" | "s390x" | "mips64") => same,
            _ => return None,
        })
    });
    architectures.map(str::to_owned).collect()
}

fn foreign(host: &Host, whose: &str, events: &Events) {
    events.warn(format!(
        "host `{}` has the state of another project, {whose:?}, that cannot be read; its domains \
         and ports are not taken into account",
        host.name()
    ));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn interpreters_are_known_by_name() {
        let seen = emulated("qemu-aarch64\nregister\nstatus\npython3.11\nqemu-x86_64\n");
        assert_eq!(seen.iter().collect::<Vec<_>>(), ["amd64", "arm64"]);
    }
}
