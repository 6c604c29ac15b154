//! Into a node: a shell on it, and its log.

use std::io::{IsTerminal, stdin, stdout};

use super::docker::{Node, nodes};
use super::folders::Folders;
use super::{docker, program};
use crate::error::{Error, Result, near_miss};
use crate::model::{ContextName, HostName};
use crate::remote::quoted;

/// Runs `command` on a node over ssh, or a login shell when it is empty, on this process's own
/// terminal. Returns its exit status.
///
/// # Errors
/// There is no such node, or no `ssh` on this machine.
pub async fn ssh(
    folders: &Folders,
    lab: &ContextName,
    node: &HostName,
    command: &[String],
) -> Result<u8> {
    let node = find(lab, node).await?;
    let line = match command {
        // As ssh itself does: one word may be a whole line for the node's shell.
        [line] => line.clone(),
        // Several words are a program and its arguments, and arrive as they are.
        words => words
            .iter()
            .map(|word| quoted(word))
            .collect::<Vec<_>>()
            .join(" "),
    };
    let command = Some(line.as_str()).filter(|line| !line.is_empty());
    // Without a command ssh asks for a terminal by itself.
    let terminal = command.is_some() && stdin().is_terminal() && stdout().is_terminal();
    let options: &[&str] = if terminal { &["-t"] } else { &[] };
    program::inherit("ssh", &arguments(folders, &node, options, command)).await
}

/// Shows what the node's engine, sshd and Caddy have printed. Returns the exit status.
///
/// # Errors
/// There is no such node.
pub async fn logs(lab: &ContextName, node: &HostName, follow: bool) -> Result<u8> {
    let container = find(lab, node).await?.container();
    let mut args = vec!["logs"];
    if follow {
        args.push("--follow");
    }
    args.push(&container);
    program::inherit("docker", &args).await
}

async fn find(lab: &ContextName, name: &HostName) -> Result<Node> {
    docker::connect().await?;
    let nodes = nodes(Some(lab)).await?;
    if nodes.is_empty() {
        return Err(
            Error::user(format!("there is no lab `{lab}`")).hint(format!(
                "`webpods lab up --name {lab}` starts it, `webpods lab ls` lists labs"
            )),
        );
    }
    if let Some(found) = nodes.iter().find(|node| node.name == *name) {
        return Ok(found.clone());
    }
    let names: Vec<&str> = nodes.iter().map(|node| node.name.as_str()).collect();
    let error = Error::user(format!("there is no node `{name}` in lab `{lab}`"));
    Err(match near_miss(name.as_str(), names.iter().copied()) {
        Some(near) => error.hint(format!("did you mean `{near}`?")),
        None => error.hint(format!("its nodes are `{}`", names.join("`, `"))),
    })
}

/// The arguments of `ssh` that reach a node with the lab's keys and nothing of the user's own.
/// `command` is a line for the node's shell.
pub(super) fn arguments(
    folders: &Folders,
    node: &Node,
    options: &[&str],
    command: Option<&str>,
) -> Vec<String> {
    let mut args: Vec<String> = vec!["-F".into(), "none".into()];
    args.extend(["-i".into(), folders.key(&node.lab).to_string_lossy().into()]);
    let known_hosts = folders.known_hosts(&node.lab);
    for option in [
        "BatchMode=yes".to_owned(),
        "IdentitiesOnly=yes".to_owned(),
        "StrictHostKeyChecking=yes".to_owned(),
        // ssh splits this value at blanks, unless it is quoted.
        format!("UserKnownHostsFile=\"{}\"", known_hosts.display()),
        "GlobalKnownHostsFile=none".to_owned(),
        "LogLevel=ERROR".to_owned(),
    ] {
        args.extend(["-o".into(), option]);
    }
    args.extend(options.iter().map(|&option| option.into()));
    args.extend([format!("{}@{}", node.user, node.addr), "--".into()]);
    args.extend(command.map(str::to_owned));
    args
}
