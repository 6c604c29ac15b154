//! What a host is like and what the ssh user may do there, read by one script.

use std::collections::BTreeSet;

use indexmap::IndexMap;

use crate::docker::Node;
use crate::error::{Error, Result};
use crate::model::Context;
use crate::observe::free;
use crate::plan::paths::STATE_ROOT;
use crate::state::frame;

/// The facts of one host.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Facts {
    pub user: String,
    pub groups: BTreeSet<String>,
    /// The user is root or becomes root with `sudo -n`.
    pub root: bool,
    /// There is a group `docker`.
    pub docker_group: bool,
    /// The user is in it, from the next connection on at the latest.
    pub docker_member: bool,
    pub socket: Access,
    /// Tools that webpods needs and that are not there.
    pub missing: Vec<String>,
    /// Folders by path, parents first.
    pub folders: IndexMap<String, Access>,
    pub disk_free: Option<u64>,
    /// Asked about only with the driver `caddy`.
    pub caddy: Option<Caddy>,
}

impl Facts {
    /// The folders webpods keeps its own things in; those below one that the user cannot use are
    /// left out, since that one decides.
    pub(super) fn own_folders(&self) -> impl Iterator<Item = (&str, Access)> {
        let unusable = |access: Access| !matches!(access, Access::Usable | Access::Creatable);
        let below = move |path: &str| {
            self.folders.iter().any(|(above, access)| {
                unusable(*access)
                    && path
                        .strip_prefix(above.as_str())
                        .is_some_and(|rest| rest.starts_with('/'))
            })
        };
        self.folders
            .iter()
            .map(|(path, access)| (path.as_str(), *access))
            .filter(move |(path, _)| *path != CADDY_APPS && !below(path))
    }
}

/// What the user may do with a folder or socket.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Access {
    /// All that is needed.
    Usable,
    /// Not there, and the user can make it.
    Creatable,
    /// Not there, and the user cannot make it.
    #[default]
    Absent,
    /// There, and not the user's to use.
    Denied,
    /// Something else is in its place.
    Occupied,
}

/// What the host's Caddy is set up like.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Caddy {
    pub binary: bool,
    pub main_file: bool,
    /// The main file imports what webpods writes.
    pub import: bool,
    /// A reload resets connections that wait to be accepted.
    pub resets: bool,
    /// A folder below `apps` that others may not enter.
    pub closed: Option<String>,
}

/// The folder of everything webpods keeps on a host.
pub(super) const BASE: &str = "/var/lib/webpods";
/// Where the Caddy driver writes.
pub(super) const CADDY_APPS: &str = "/etc/caddy/apps";
/// Caddy's main file.
pub(super) const CADDY_FILE: &str = "/etc/caddy/Caddyfile";

/// Asks one host; changes nothing there.
///
/// # Errors
/// The host cannot be asked, or its answer makes no sense.
pub(super) async fn gather(context: &Context, node: &Node) -> Result<Facts> {
    let script = [frame::SCRIPT, include_str!("sh/facts.sh")].concat();
    let boundary = frame::random();
    let socket = node.host.engine_path().to_string_lossy();
    let cache = &context.artifacts.remote_cache_dir;
    let args = [
        &boundary,
        socket.as_ref(),
        &context.proxy.driver,
        BASE,
        STATE_ROOT,
        cache,
    ];
    let output = node.host.sh(&script, &args).await?.ok("examine it")?;
    let parts = frame::parse(&output.stdout, &boundary).ok_or_else(|| {
        Error::unreachable(format!("the answer of host `{}` is cut short", node.name()))
    })?;
    let text = |name| {
        parts
            .iter()
            .find(|(found, _)| found == name)
            .and_then(|(_, part)| part.text())
            .unwrap_or_default()
    };
    let mut facts = parse(text("facts"), context.proxy.driver == "caddy");
    facts.disk_free = free(text("disk"));
    Ok(facts)
}

/// Reads the lines that `facts.sh` prints; unknown ones are skipped.
pub(super) fn parse(lines: &str, caddy: bool) -> Facts {
    let mut facts = Facts {
        caddy: caddy.then(Caddy::default),
        ..Facts::default()
    };
    for line in lines.lines() {
        let (name, value) = line.split_once(' ').unwrap_or((line, ""));
        let yes = value == "yes";
        match name {
            "user" => value.clone_into(&mut facts.user),
            "groups" => facts.groups = value.split(' ').map(str::to_owned).collect(),
            "root" => facts.root = yes,
            "docker-group" => facts.docker_group = yes,
            "member" => facts.docker_member = yes,
            "socket" => facts.socket = access(value),
            "missing" => facts.missing.push(value.to_owned()),
            "folder" => {
                if let Some((how, path)) = value.split_once(' ') {
                    facts.folders.insert(path.to_owned(), access(how));
                }
            }
            _ => {}
        }
        if let Some(caddy) = &mut facts.caddy {
            match name {
                "caddy" => caddy.binary = yes,
                "caddyfile" => caddy.main_file = yes,
                "import" => caddy.import = yes,
                "resets" => caddy.resets = yes,
                "closed" => caddy.closed = Some(value.to_owned()),
                _ => {}
            }
        }
    }
    facts
}

fn access(word: &str) -> Access {
    match word {
        "usable" => Access::Usable,
        "creatable" => Access::Creatable,
        "denied" => Access::Denied,
        "occupied" => Access::Occupied,
        _ => Access::Absent,
    }
}
