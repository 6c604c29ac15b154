//! Verbs that people may try and that do not exist, with what to use instead.

use std::ffi::OsString;

use clap::error::{ContextKind, ContextValue, ErrorKind};

use crate::error::{Error, Kind};

/// Words of the command line, and the answer.
const ANSWERS: [(&[&str], &str); 16] = [
    (
        &["doctor"],
        "`webpods node check` examines every host of a context",
    ),
    (
        &["lock"],
        "`webpods up` takes the project's lock itself; `webpods status` shows who holds it",
    ),
    (
        &["unlock"],
        "a lock that its owner left behind expires by itself; `webpods status` shows when",
    ),
    (
        &["release", "prune"],
        "`webpods cleanup` removes releases beyond `artifacts.retain_releases`",
    ),
    (
        &["context", "create"],
        "write the file `.webpods/contexts/<name>.yml`; `webpods init` writes examples",
    ),
    (
        &["context", "rm"],
        "remove the file `.webpods/contexts/<name>.yml`; it holds nothing but the context",
    ),
    (
        &["node", "inspect"],
        "`webpods node check` and `webpods context inspect` show what is known of a host",
    ),
    (
        &["node", "add"],
        "add the host to `hosts:` in `.webpods/contexts/<name>.yml`, then run `webpods node check`",
    ),
    (
        &["node", "rm"],
        "remove the host from `hosts:` in `.webpods/contexts/<name>.yml`",
    ),
    (
        &["node", "label"],
        "write the label into `labels:` of the host in `.webpods/contexts/<name>.yml`",
    ),
    (
        &["proxy", "deploy"],
        "install the proxy on the hosts yourself; `webpods node check` verifies it",
    ),
    (&["cp"], "`webpods exec SERVICE -- cat FILE` reads a file"),
    (&["top"], "`webpods exec SERVICE -- ps` lists processes"),
    (&["port"], "`webpods ps` shows the ports"),
    (
        &["run"],
        "`webpods exec SERVICE -- COMMAND` uses a running container",
    ),
    (
        &["tower"],
        "`webpods -c dev up` runs a Compose file on this machine",
    ),
];

/// Our own answer to an unknown verb, if there is one.
pub(super) fn answer(arguments: &[OsString], error: &clap::Error) -> Option<Error> {
    if error.kind() != ErrorKind::InvalidSubcommand {
        return None;
    }
    let Some(ContextValue::String(wrong)) = error.get(ContextKind::InvalidSubcommand) else {
        return None;
    };
    let written: Vec<&str> = arguments
        .iter()
        .skip(1)
        .filter_map(|argument| argument.to_str())
        .take_while(|argument| argument != wrong)
        .collect();
    let below = |first: &str| written.contains(&first);
    if wrong == "use" && below("context") {
        return Some(
            Error::new(
                Kind::Usage,
                "`webpods context use` does not exist, on purpose",
            )
            .cause("a sticky switch makes the next command hit the wrong servers")
            .hint(
                "choose per command with `-c NAME`, or set `default_context: NAME` in \
                     `.webpods/config.yml`",
            ),
        );
    }
    let (words, instead) = ANSWERS.iter().find(|(words, _)| match words {
        [first, last] => last == wrong && below(first),
        [only] => only == wrong && written.iter().all(|word| !is_group(word)),
        _ => false,
    })?;
    let verb = words.join(" ");
    let message = format!("`webpods {verb}` is not there yet");
    Some(Error::new(Kind::Usage, message).hint(*instead))
}

fn is_group(word: &str) -> bool {
    matches!(
        word,
        "release" | "context" | "node" | "proxy" | "lab" | "script"
    )
}
