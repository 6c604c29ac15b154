//! The proxies of the context's hosts: how they are, what they were told, reading it again
//! (spec §11).

use std::collections::BTreeSet;

use serde::Serialize;

use crate::error::{Error, Result};
use crate::model::{HostName, ProjectState, ProxyFile, Release};
use crate::script::{ProxyDriver, ProxyStatus};
use crate::state::Copies;

use super::{Authority, Engine, RolloutOptions};

/// The proxy of one host.
#[derive(Debug, Clone, Serialize)]
pub struct ProxyRow {
    /// The host.
    pub host: HostName,
    /// The driver the context uses.
    pub driver: String,
    /// What the driver says of it; none when the host cannot be asked.
    pub status: Option<ProxyStatus>,
    /// Why the host cannot be asked.
    pub error: Option<String>,
    /// Domains of this project's active release that the proxy does not serve.
    pub missing: Vec<String>,
}

/// One file that the proxy reads for this project.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ProxyConfig {
    /// The host.
    pub host: HostName,
    /// Where.
    pub path: String,
    /// Its text; none: there is no such file.
    pub content: Option<String>,
    /// Whether this is what the active release wrote. None: nothing is deployed, or this is a plan.
    pub as_released: Option<bool>,
}

impl Engine {
    /// Asks the proxies of this command's hosts. A host that does not answer is a row too.
    ///
    /// # Errors
    /// The context has no proxy; there is no such driver.
    pub async fn proxy_status(&self) -> Result<Vec<ProxyRow>> {
        let nodes = self.selected_nodes()?;
        let driver = self.driver()?;
        // Without a project there are no domains to miss; the proxies can be asked all the same.
        let active = match self.key().await {
            Ok(key) => match Copies::of(nodes, &key).read().await {
                Ok(found) => found.state,
                Err(_) => None,
            },
            Err(_) => None,
        };
        let release = active.as_ref().and_then(ProjectState::active_release);
        let asked = nodes.ask_each(async |node| driver.status(node).await).await;
        let rows = nodes.iter().zip(asked);
        let rows = rows.map(|(node, asked)| self.proxy_row(node.name(), asked, release));
        Ok(rows.collect())
    }

    fn proxy_row(
        &self,
        host: &HostName,
        asked: Result<ProxyStatus>,
        release: Option<&Release>,
    ) -> ProxyRow {
        let (status, error) = match asked {
            Ok(status) => (Some(status), None),
            Err(error) => (None, Some(error.to_string())),
        };
        let served: BTreeSet<&str> = status
            .iter()
            .flat_map(|status| &status.domains)
            .map(String::as_str)
            .collect();
        // Only hosts that the release wrote files for are meant to serve its domains.
        let meant = release.filter(|it| it.proxy_files.contains_key(host));
        let missing: BTreeSet<&String> = meant
            .iter()
            .flat_map(|release| &release.routes)
            .map(|route| &route.domain)
            .filter(|domain| !served.contains(domain.as_str()))
            .collect();
        ProxyRow {
            host: host.clone(),
            driver: self.context().proxy.driver.clone(),
            missing: missing.into_iter().cloned().collect(),
            status,
            error,
        }
    }

    /// The project's proxy files as they are on this command's hosts.
    ///
    /// # Errors
    /// A host cannot be asked.
    pub async fn proxy_files_now(&self) -> Result<Vec<ProxyConfig>> {
        self.driver()?;
        let observed = self.observe(&[]).await?;
        let release = observed
            .state
            .as_ref()
            .and_then(ProjectState::active_release);
        let chosen = &self.settings().hosts;
        let mut texts = Vec::new();
        for (host, seen) in observed.hosts.iter().filter(|(it, _)| chosen.contains(it)) {
            let recorded = release.map(|release| {
                let files = release.proxy_files.get(host);
                files.map(Vec::as_slice).unwrap_or_default()
            });
            for (path, content) in &seen.proxy_files {
                texts.push(ProxyConfig {
                    host: host.clone(),
                    path: path.clone(),
                    as_released: recorded.map(|files| wrote(files, path) == content.as_ref()),
                    content: content.clone(),
                });
            }
        }
        Ok(texts)
    }

    /// The project's proxy files as `up` would leave them.
    ///
    /// # Errors
    /// As [`Engine::diff`].
    pub async fn proxy_files_planned(&self, options: &RolloutOptions) -> Result<Vec<ProxyConfig>> {
        let plan = self.diff(options).await?;
        // A plan that changes nothing writes no state: what is there is what would be.
        let Some(release) = plan.state.as_ref().and_then(|it| it.release(plan.release)) else {
            return self.proxy_files_now().await;
        };
        let chosen = &self.settings().hosts;
        let hosts = release
            .proxy_files
            .iter()
            .filter(|(it, _)| chosen.contains(it));
        Ok(hosts
            .flat_map(|(host, files)| files.iter().map(move |file| (host, file)))
            .map(|(host, file)| ProxyConfig {
                host: host.clone(),
                path: file.path.clone(),
                content: file.content.clone(),
                as_released: None,
            })
            .collect())
    }

    /// Makes the proxies of this command's hosts check and read their files again, all at once.
    ///
    /// # Errors
    /// Per host: it cannot be reached, or the proxy refuses its files.
    pub async fn proxy_reload(&self, _: &Authority) -> Result<Vec<(HostName, Result<()>)>> {
        let nodes = self.selected_nodes()?;
        let driver = self.driver()?;
        let done = nodes.ask_each(async |node| driver.reload(node).await).await;
        let hosts = nodes.iter().map(|node| node.name().clone());
        Ok(hosts.zip(done).collect())
    }

    fn driver(&self) -> Result<ProxyDriver> {
        let settings = self.settings();
        let name = &settings.context.proxy.driver;
        if name == "none" {
            return Err(
                Error::user(format!("context `{}` has no proxy", settings.context.name))
                    .hint("set `proxy: {driver: caddy}` in the context"),
            );
        }
        ProxyDriver::new(&settings.scripts, name, &settings.events).map_err(|error: Error| {
            error.context(format!(
                "context `{}` has the proxy driver `{name}`, which cannot be used",
                settings.context.name
            ))
        })
    }
}

/// What the release wrote to this path.
fn wrote<'a>(files: &'a [ProxyFile], path: &str) -> Option<&'a String> {
    let file = files.iter().find(|file| file.path == path);
    file.and_then(|file| file.content.as_ref())
}
