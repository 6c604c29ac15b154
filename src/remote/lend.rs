//! A script on a host that may use this machine's ssh agent: over a connection of its own, which
//! ends with it, so that nothing else on that host gets to use the agent.

use std::path::Path;
use std::process::Stdio;

use tokio::process::Command;

use crate::error::{Error, Result};

use super::address::Address;
use super::process::Process;
use super::{master, noise, quote};

/// Runs `sh -c script webpods args…` on the host, with the agent forwarded where there is one and
/// the host lets it in.
///
/// # Errors
/// ssh cannot be started. That it cannot connect shows as its status, 255, and in its stderr.
pub fn open(program: &Path, address: &Address, script: &str, args: &[&str]) -> Result<Process> {
    let command = quote::command_line(&noise::marked(script), args)?;
    let mut child = Command::new(program)
        .args(["-A", "-T", "-x", "-S", "none"])
        .args(["-o", "ControlMaster=no", "-o", "ClearAllForwardings=yes"])
        .args(["-o", "RemoteCommand=none", "-o", "PermitLocalCommand=no"])
        .args(address.arguments(None))
        .arg(command)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| master::not_started(&error))?;
    let name = &address.name;
    let (Some(stdin), Some(stdout), Some(stderr)) =
        (child.stdin.take(), child.stdout.take(), child.stderr.take())
    else {
        return Err(Error::unreachable(format!(
            "ssh opened no pipes to host `{name}`"
        )));
    };
    let lost = format!("the ssh connection to host `{name}` was lost");
    let ending = Box::pin(async move {
        let ended = child.wait().await;
        let status = ended.map_err(|error| Error::unreachable(lost.clone()).cause(error))?;
        status.code().ok_or_else(|| Error::unreachable(lost))
    });
    let stdout = noise::skipped(stdout);
    let (stdin, stderr) = (Box::new(stdin), Box::new(stderr));
    Ok(Process::new(name, stdin, stdout, stderr, ending, None))
}
