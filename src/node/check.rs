//! `node check`: everything webpods needs on a host, examined (spec §17.2).

use std::time::Duration;

use futures_util::future::join_all;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::docker::{Node, Nodes};
use crate::error::Result;
use crate::event::Events;
use crate::model::{Context, HostName, Store};
use crate::remote::Host;

use super::facts;
use super::judge::{self, Finding, Findings};

/// How long Caddy may take to answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// Examines all these hosts at once; findings in inventory order.
///
/// # Errors
/// A host that the context does not have; ssh settings that cannot be used.
pub async fn check(context: &Context, hosts: &[HostName], events: &Events) -> Result<Vec<Finding>> {
    let nodes = Nodes::select(context, hosts, events)?;
    let found = nodes.iter().map(|node| Box::pin(examine(context, node)));
    Ok(join_all(found).await.into_iter().flatten().collect())
}

async fn examine(context: &Context, node: &Node) -> Vec<Finding> {
    let mut findings = Findings::of(node.name());
    if let Err(error) = node.host.connect().await {
        findings.error("ssh", &error);
        return findings.into_vec();
    }
    findings.ok(
        "ssh",
        if node.host.is_local() {
            "this machine"
        } else {
            "connected"
        },
    );
    match node.engine().await {
        Ok(engine) => {
            let it = engine.identity();
            let store = match it.store {
                Store::Classic => "classic",
                Store::Containerd => "containerd",
            };
            findings.ok(
                "docker",
                format!(
                    "{} on {}, API {}, {store} image store",
                    it.version, it.platform, it.api
                ),
            );
        }
        Err(error) => findings.error("docker", &error),
    }
    match facts::gather(context, node).await {
        Ok(facts) => {
            judge::facts(&mut findings, context, &facts);
            if facts.caddy.is_some_and(|caddy| caddy.binary) {
                admin(&mut findings, &node.host).await;
            }
        }
        Err(error) => findings.error("facts", &error),
    }
    if let Some(host) = context.host(node.name()) {
        judge::mesh(&mut findings, context, host);
    }
    findings.into_vec()
}

/// Whether Caddy's admin API, which reloads go through, answers.
async fn admin(findings: &mut Findings<'_>, host: &Host) {
    let answer = tokio::time::timeout(PATIENCE, status_line(host)).await;
    match answer {
        Ok(Some(line)) if line.contains(" 200") => {
            findings.ok("caddy", "runs; its admin API answers on 127.0.0.1:2019");
        }
        Ok(Some(line)) => findings.fail(
            "caddy",
            format!("its admin API on 127.0.0.1:2019 answers {line:?}"),
            "allow its default origins in the `admin` option of the Caddyfile".to_owned(),
        ),
        Ok(None) | Err(_) => findings.fail(
            "caddy",
            "does not answer on 127.0.0.1:2019",
            "start it: `systemctl start caddy` on the host, and do not set `admin off`".to_owned(),
        ),
    }
}

async fn status_line(host: &Host) -> Option<String> {
    // `/config/` is the path every Caddy answers with 200; it has none for health.
    const REQUEST: &[u8] =
        b"GET /config/ HTTP/1.1\r\nHost: localhost:2019\r\nConnection: close\r\n\r\n";
    let mut stream = host.dial(2019).await.ok()?;
    stream.write_all(REQUEST).await.ok()?;
    let mut start = [0; 64];
    let length = stream.read(&mut start).await.ok().filter(|n| *n > 0)?;
    let text = String::from_utf8_lossy(&start[..length]).into_owned();
    text.lines().next().map(str::to_owned)
}
