//! `node bootstrap`: what a host needs once, and nothing that is there already (spec §17.3).

use futures_util::future::join_all;
use serde::Serialize;

use crate::docker::{Node, Nodes};
use crate::error::{Error, Result};
use crate::event::Events;
use crate::model::{Context, HostName};

use super::facts::{self, Access, CADDY_APPS, CADDY_FILE, Facts};

/// Where bootstrap keeps kernel settings.
const SYSCTL_FILE: &str = "/etc/sysctl.d/60-webpods.conf";

/// One change that a host needs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "change", rename_all = "kebab-case")]
pub enum Need {
    /// A folder of the ssh user's own.
    Folder {
        /// Where.
        path: String,
    },
    /// A folder of the ssh user's that all may read.
    SharedFolder {
        /// Where.
        path: String,
    },
    /// The ssh user must be in this group.
    Group {
        /// Which.
        group: String,
    },
    /// Caddy's main file must import what webpods writes.
    Import {
        /// The file.
        path: String,
    },
    /// The kernel must hand waiting connections to Caddy's new sockets when it reloads.
    Migration {
        /// The file that keeps the setting over a restart.
        path: String,
    },
}

impl Need {
    /// What will be done, for the user `user`.
    pub fn describe(&self, user: &str) -> String {
        match self {
            Self::Folder { path } => format!("make {path} a folder of `{user}`"),
            Self::SharedFolder { path } => {
                format!("make {path} a folder of `{user}` that others may read")
            }
            Self::Group { group } => format!("add `{user}` to the group `{group}`"),
            Self::Import { path } => {
                format!("add the line `import apps/*.caddy` to {path} and reload Caddy")
            }
            Self::Migration { path } => format!(
                "set net.ipv4.tcp_migrate_req to 1 in {path}, so that a reload of Caddy resets \
                 no connection"
            ),
        }
    }

    fn arguments(&self) -> [&str; 2] {
        match self {
            Self::Folder { path } => ["folder", path],
            Self::SharedFolder { path } => ["shared-folder", path],
            Self::Group { group } => ["group", group],
            Self::Import { path } => ["import", path],
            Self::Migration { path } => ["migration", path],
        }
    }
}

/// What one host needs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Preparation {
    /// The host.
    pub host: HostName,
    /// The ssh user.
    pub user: String,
    /// In the order they are made.
    pub needs: Vec<Need>,
    /// What bootstrap cannot do, one line each, with what to do instead.
    pub left: Vec<String>,
    /// Whether the user is root or becomes root without a password.
    pub root: bool,
}

/// What the hosts need, found out at once.
#[derive(Debug)]
pub struct Survey {
    nodes: Nodes,
    /// Hosts that were asked, in inventory order.
    pub hosts: Vec<Preparation>,
    /// Hosts that could not be asked.
    pub failed: Vec<Error>,
}

impl Survey {
    /// Asks these hosts; changes nothing.
    ///
    /// # Errors
    /// A host that the context does not have; ssh settings that cannot be used.
    pub async fn of(context: &Context, hosts: &[HostName], events: &Events) -> Result<Self> {
        let nodes = Nodes::select(context, hosts, events)?;
        let asked = nodes.iter().map(async |node| {
            let facts = facts::gather(context, node).await?;
            Ok(needs(context, node.name(), &facts))
        });
        let (hosts, failed): (Vec<_>, Vec<_>) =
            join_all(asked).await.into_iter().partition(Result::is_ok);
        Ok(Self {
            nodes,
            hosts: hosts.into_iter().filter_map(Result::ok).collect(),
            failed: failed.into_iter().filter_map(Result::err).collect(),
        })
    }

    /// Whether any host needs anything.
    pub fn has_needs(&self) -> bool {
        self.hosts.iter().any(|host| !host.needs.is_empty())
    }

    /// Makes the changes on every host that needs any, all at once.
    pub async fn carry_out(&self) -> Vec<(&HostName, Result<()>)> {
        let busy = self.hosts.iter().filter(|host| !host.needs.is_empty());
        let work = busy.filter_map(|host| {
            let node = self.nodes.get(&host.host)?;
            Some(async move { (&host.host, prepare(node, host).await) })
        });
        join_all(work).await
    }
}

pub(super) fn needs(context: &Context, host: &HostName, facts: &Facts) -> Preparation {
    let mut needs = Vec::new();
    let mut left = Vec::new();
    for (path, access) in facts.own_folders() {
        match access {
            // What the user can make is made when it is needed.
            Access::Usable | Access::Creatable => {}
            Access::Absent | Access::Denied => needs.push(Need::Folder {
                path: path.to_owned(),
            }),
            Access::Occupied => left.push(format!("{path} is not a folder; move it away")),
        }
    }
    if facts.socket == Access::Denied {
        let group = "docker".to_owned();
        if facts.docker_member {
            left.push(format!(
                "`{}` is in the group `docker` since after the connection was made; it counts from \
                 the next one, in a minute",
                facts.user
            ));
        } else if facts.docker_group {
            needs.push(Need::Group { group });
        } else {
            left.push(format!(
                "the Docker socket is closed to `{}` and there is no group `docker`; see \
                 https://docs.docker.com/engine/install/linux-postinstall/",
                facts.user
            ));
        }
    } else if facts.socket != Access::Usable {
        left.push("there is no Docker socket; install Docker Engine: https://docs.docker.com/engine/install/".to_owned());
    }
    if let Some(caddy) = &facts.caddy {
        let apps = facts.folders.get(CADDY_APPS);
        if apps != Some(&Access::Usable) || caddy.closed.is_some() {
            let path = CADDY_APPS.to_owned();
            needs.push(Need::SharedFolder { path });
        }
        if !caddy.binary {
            left.push(
                "Caddy is not installed; install it and run `webpods node bootstrap` again: \
                 https://caddyserver.com/docs/install"
                    .to_owned(),
            );
        } else if !caddy.import {
            let path = CADDY_FILE.to_owned();
            needs.push(Need::Import { path });
        }
        if caddy.resets {
            let path = SYSCTL_FILE.to_owned();
            needs.push(Need::Migration { path });
        }
    } else if context.proxy.driver != "none" {
        left.push(format!(
            "the proxy driver `{}` is not set up by bootstrap",
            context.proxy.driver
        ));
    }
    if !facts.missing.is_empty() {
        left.push(format!("install {}", facts.missing.join(", ")));
    }
    Preparation {
        host: host.clone(),
        user: facts.user.clone(),
        needs,
        left,
        root: facts.root,
    }
}

/// Makes the changes on one host, as root; `sudo -n` where the ssh user is not.
///
/// # Errors
/// The user cannot become root; a change fails, with what the host said. Changes before it stay,
/// and running it again goes on from there.
async fn prepare(node: &Node, preparation: &Preparation) -> Result<()> {
    const BECOME: &str = "script=$1\nshift\n\
        if [ \"$(id -u)\" = 0 ]; then exec sh -c \"$script\" webpods \"$@\"; fi\n\
        exec sudo -n sh -c \"$script\" webpods \"$@\"\n";
    if !preparation.root {
        let error = Error::user(format!(
            "`{}` on host `{}` is not root and may not become root without a password",
            preparation.user, preparation.host
        ));
        return Err(error.hint(by_hand(preparation)));
    }
    let mut args = vec![include_str!("sh/bootstrap.sh"), preparation.user.as_str()];
    args.extend(preparation.needs.iter().flat_map(Need::arguments));
    node.host.sh(BECOME, &args).await?.ok("set it up")?;
    Ok(())
}

/// What root would type.
fn by_hand(preparation: &Preparation) -> String {
    let user = &preparation.user;
    let commands: Vec<String> = preparation
        .needs
        .iter()
        .map(|need| match need {
            Need::Folder { path } => format!("install -d -o {user} -m 700 {path}"),
            Need::SharedFolder { path } => format!("install -d -o {user} -m 755 {path}"),
            Need::Group { group } => format!("usermod -aG {group} {user}"),
            Need::Import { path } => format!("echo 'import apps/*.caddy' >> {path}"),
            Need::Migration { path } => {
                format!("echo net.ipv4.tcp_migrate_req=1 > {path} && sysctl -p {path}")
            }
        })
        .collect();
    format!("as root on the host: {}", commands.join(" && "))
}
