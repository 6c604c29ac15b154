//! Waiting until a node can be used, by using it as webpods will.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::docker::{Node, ask};
use super::folders::Folders;
use super::{program, shell};
use crate::error::{Error, Result};

const DEADLINE: Duration = Duration::from_secs(90);
const PAUSE: Duration = Duration::from_millis(200);

/// Prints the engine's version once engine and proxy answer.
const PROBE: &str = "docker version --format '{{.Server.Version}}' && \
     curl --silent --fail --output /dev/null http://127.0.0.1:2019/config/";

/// Waits for sshd, the engine and Caddy of a node, and returns the engine's version.
///
/// # Errors
/// The node has ended, or does not answer within 90 seconds; with the end of its log.
pub(super) async fn wait(folders: &Folders, node: &Node) -> Result<String> {
    let deadline = Instant::now() + DEADLINE;
    let args = shell::arguments(folders, node, &["-o", "ConnectTimeout=3"], Some(PROBE));
    loop {
        let output = program::output("ssh", &args).await?;
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned());
        }
        let running = is_running(node).await?;
        if !running || Instant::now() > deadline {
            let what = if running {
                "does not answer"
            } else {
                "has stopped"
            };
            return Err(Error::unreachable(format!("node `{}` {what}", node.name))
                .cause(program::last_lines(&output.stderr, 3))
                .cause(format!("the end of its log:\n{}", log(node).await))
                .hint(format!(
                    "`webpods lab logs --name {} {}` shows all of its log",
                    node.lab, node.name
                )));
        }
        sleep(PAUSE).await;
    }
}

async fn is_running(node: &Node) -> Result<bool> {
    let format = "{{.State.Running}} {{.State.Restarting}}";
    let state = ask(&["inspect", "--format", format, &node.container()]).await?;
    // A node whose engine ended is started again and again; that is not running.
    Ok(state.as_deref() == Some("true false"))
}

async fn log(node: &Node) -> String {
    let args = ["logs", "--tail", "15", &node.container()];
    match program::output("docker", &args).await {
        Ok(output) => program::last_lines(&[output.stdout, output.stderr].concat(), 15),
        Err(error) => error.to_string(),
    }
}
