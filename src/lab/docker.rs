//! The engine of this machine, by its own `docker` command: that way `DOCKER_HOST` and docker
//! contexts mean here what they mean to the user.

use std::ffi::OsStr;
use std::net::Ipv4Addr;

use serde::Serialize;

use super::program;
use super::settings::Settings;
use crate::error::{Error, Result};
use crate::model::{ContextName, HostName};

/// Marks what belongs to a lab: containers, volumes and the network. Its value is the lab.
pub(super) const LAB: &str = "webpods.lab";
pub(super) const NODE: &str = "webpods.lab.node";
pub(super) const ADDR: &str = "webpods.lab.addr";
pub(super) const ENGINE: &str = "webpods.lab.engine";
pub(super) const STORE: &str = "webpods.lab.store";
pub(super) const USER: &str = "webpods.lab.user";

/// `docker <args>`, and what it printed.
pub(super) async fn docker<A: AsRef<OsStr>>(args: &[A]) -> Result<String> {
    program::run("docker", args).await
}

/// `docker <args>` that may fail because the thing it asks for is not there.
pub(super) async fn ask<A: AsRef<OsStr>>(args: &[A]) -> Result<Option<String>> {
    let output = program::output("docker", args).await?;
    if output.status.success() {
        return Ok(Some(
            String::from_utf8_lossy(&output.stdout).trim().to_owned(),
        ));
    }
    let complaint = String::from_utf8_lossy(&output.stderr).to_lowercase();
    if complaint.contains("no such") || complaint.contains("not found") {
        return Ok(None);
    }
    Err(program::failed("docker", args, &output.stderr))
}

/// Makes sure that an engine answers, and returns its architecture in Docker's words.
///
/// # Errors
/// There is no `docker`, nobody answers, or this user may not ask.
pub(super) async fn connect() -> Result<String> {
    let args = ["version", "--format", "{{.Server.Arch}}"];
    let output = program::output("docker", &args)
        .await
        .map_err(|error| error.context("a lab needs Docker on this machine, and there is none"))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned());
    }
    let complaint = program::last_lines(&output.stderr, 1);
    let hint = if complaint.contains("permission denied") {
        "add your user to the docker group (`sudo usermod -aG docker $USER`) and log in again"
    } else {
        "start it: `sudo systemctl start docker`, or `sudo service docker start`"
    };
    Err(
        Error::user("a lab needs Docker on this machine, and it does not answer")
            .cause(complaint)
            .hint(hint),
    )
}

/// A node that exists, running or not.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Node {
    /// The lab it belongs to.
    pub lab: ContextName,
    /// `node-1`, `node-2`, …
    pub name: HostName,
    /// Its address on the lab's network.
    pub addr: Ipv4Addr,
    /// Docker's word: `running`, `exited`, `created`, …
    pub state: String,
    /// `20.10`, `26.1` or `28.5`.
    pub engine: String,
    /// `classic` or `containerd`.
    pub store: String,
    /// `root` or `deploy`.
    pub user: String,
}

impl Node {
    /// The container it is.
    pub(super) fn container(&self) -> String {
        container(&self.lab, &self.name)
    }

    /// The settings in its labels.
    pub(super) fn settings(&self) -> Result<Settings> {
        Ok(Settings {
            engine: self.engine.parse()?,
            store: self.store.parse()?,
            user: self.user.parse()?,
        })
    }

    /// The number in `node-<number>`.
    pub(super) fn number(&self) -> Option<u8> {
        self.name.as_str().strip_prefix("node-")?.parse().ok()
    }
}

/// The name of a node's container; its volume has the same name.
pub(super) fn container(lab: &ContextName, node: &HostName) -> String {
    format!("webpods-lab-{lab}-{node}")
}

/// All nodes of `lab`, or of every lab, ordered by lab and number.
///
/// # Errors
/// The engine does not answer.
pub async fn list(lab: Option<&ContextName>) -> Result<Vec<Node>> {
    connect().await?;
    nodes(lab).await
}

pub(super) async fn nodes(lab: Option<&ContextName>) -> Result<Vec<Node>> {
    let filter = match lab {
        Some(lab) => format!("label={LAB}={lab}"),
        None => format!("label={LAB}"),
    };
    let columns = [LAB, NODE, ADDR, ENGINE, STORE, USER]
        .map(|label| format!("{{{{.Label {label:?}}}}}"))
        .join("\t");
    let format = format!("{{{{.State}}}}\t{columns}");
    let listed = docker(&["ps", "--all", "--filter", &filter, "--format", &format]).await?;
    let mut nodes: Vec<Node> = listed.lines().filter_map(parse).collect();
    nodes.sort_by_key(|node| (node.lab.clone(), node.number(), node.name.clone()));
    Ok(nodes)
}

/// A line of the list. A container whose labels are not those of a node is none.
fn parse(line: &str) -> Option<Node> {
    let mut columns = line.split('\t');
    let mut next = || columns.next().map(str::trim);
    Some(Node {
        state: next()?.to_owned(),
        lab: next()?.parse().ok()?,
        name: next()?.parse().ok()?,
        addr: next()?.parse().ok()?,
        engine: next()?.to_owned(),
        store: next()?.to_owned(),
        user: next()?.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_the_list_is_a_node() {
        let node = parse("running\tlab\tnode-2\t172.18.0.3\t26.1\tclassic\troot").unwrap();
        assert_eq!(node.container(), "webpods-lab-lab-node-2");
        assert_eq!(node.number(), Some(2));
        assert_eq!(node.settings().unwrap(), Settings::default());
    }

    #[test]
    fn a_container_with_other_labels_is_no_node() {
        assert_eq!(parse("running\tlab\t\t\t\t\t"), None);
        assert_eq!(parse("running\t../lab\tnode-1\t1.2.3.4\ta\tb\tc"), None);
        assert_eq!(parse(""), None);
    }
}
