//! The proxies in front of a project (spec §11).

use futures_util::future::join_all;
use serde::Serialize;

use crate::docker::Nodes;
use crate::error::{Error, Result};
use crate::model::HostName;
use crate::script::{ProxyDriver, ProxyStatus};

use super::{Authority, Engine};

/// One host's proxy.
#[derive(Debug, Clone, Serialize)]
pub struct ProxyRow {
    /// The host.
    pub host: HostName,
    /// What the driver says.
    #[serde(flatten)]
    pub status: ProxyStatus,
}

/// A proxy file of the project as it is on a host.
#[derive(Debug, Clone, Serialize)]
pub struct ProxyConfig {
    /// The host.
    pub host: HostName,
    /// Where on the host.
    pub path: String,
    /// Its text; none: it is not there.
    pub content: Option<String>,
}

impl Engine {
    /// How the proxy of every host is doing; a host that cannot be asked says why.
    ///
    /// # Errors
    /// The context has no proxy; there is no such driver.
    pub async fn proxy_status(&self) -> Result<Vec<ProxyRow>> {
        let driver = self.driver()?;
        let nodes = self.selected_nodes()?;
        let asked = nodes.iter().map(|node| async {
            let status = driver
                .status(node)
                .await
                .unwrap_or_else(|error| ProxyStatus {
                    running: false,
                    version: None,
                    message: Some(error.to_string()),
                    domains: Vec::new(),
                });
            ProxyRow {
                host: node.name().clone(),
                status,
            }
        });
        Ok(join_all(asked).await)
    }

    /// The project's proxy files as they are on the hosts.
    ///
    /// # Errors
    /// A host cannot be asked.
    pub async fn proxy_config(&self) -> Result<Vec<ProxyConfig>> {
        self.driver()?;
        let observed = self.observe(&[]).await?;
        let wanted = &self.settings.hosts;
        Ok(observed
            .hosts
            .into_iter()
            .filter(|(host, _)| wanted.contains(host))
            .flat_map(|(host, seen)| {
                seen.proxy_files
                    .into_iter()
                    .map(move |(path, content)| ProxyConfig {
                        host: host.clone(),
                        path,
                        content,
                    })
            })
            .collect())
    }

    /// Makes every proxy check and read its files again.
    ///
    /// # Errors
    /// A host cannot be reached; a proxy does not run or refuses its files.
    pub async fn proxy_reload(&self, _authority: &Authority) -> Result<Vec<HostName>> {
        let driver = self.driver()?;
        let settings = &self.settings;
        let nodes = Nodes::connect(&settings.context, &settings.hosts, &settings.events).await?;
        let done = join_all(nodes.iter().map(|node| async {
            driver.reload(node).await.map_err(|error| {
                error.context(format!(
                    "the proxy on host `{}` did not reload",
                    node.name()
                ))
            })?;
            Ok::<_, Error>(node.name().clone())
        }));
        done.await.into_iter().collect()
    }

    fn driver(&self) -> Result<ProxyDriver> {
        let settings = &self.settings;
        let name = &settings.context.proxy.driver;
        if name == "none" {
            return Err(
                Error::user(format!("context `{}` has no proxy", settings.context.name))
                    .hint("set `proxy: {driver: caddy}` in the context"),
            );
        }
        ProxyDriver::new(&settings.scripts, name, &settings.events)
    }
}
