//! The copies of a project's state on a set of hosts.

use crate::docker::Nodes;
use crate::error::{Error, Result};
use crate::model::StackKey;

use super::audit::{self, Record};
use super::frame::{self, Part};
use super::journal::{self, Operation};
use super::lease::{Lease, Request};
use super::lock::Holder;
use super::newest::{Copy, Found, newest};
use super::site::{Site, every};

/// One (context, project) on some hosts, in inventory order; the first holds the primary copy.
#[derive(Debug, Clone)]
pub struct Copies {
    key: StackKey,
    sites: Vec<Site>,
}

impl Copies {
    /// The project on these hosts.
    pub fn of(nodes: &Nodes, key: &StackKey) -> Self {
        Self::at(key, nodes.iter().map(|node| Site::new(node, key)).collect())
    }

    /// The project in these folders.
    pub fn at(key: &StackKey, sites: Vec<Site>) -> Self {
        Self {
            key: key.clone(),
            sites,
        }
    }

    /// Reads the state from every host at once (spec §20.2).
    ///
    /// # Errors
    /// As [`newest`]; a host cannot be asked.
    pub async fn read(&self) -> Result<Found> {
        let copies = every(&self.sites, async |site| {
            let parts = ask(site, "state").await?;
            let bytes = present(site, &parts, "state", "state.json")?;
            Ok(Copy {
                host: site.name().clone(),
                path: site.path("state.json"),
                bytes,
            })
        })
        .await?;
        newest(&self.key, &copies)
    }

    /// What was done last, from the journals of all hosts; none: nothing ever.
    ///
    /// # Errors
    /// A host cannot be asked.
    pub async fn last_operation(&self) -> Result<Option<Operation>> {
        let found = every(&self.sites, async |site| {
            let parts = ask(site, "operation").await?;
            let text = |name| part(&parts, name).and_then(Part::text).unwrap_or_default();
            let now: i64 = text("now").trim().parse().map_err(|_| site.garbled())?;
            let alive = part(&parts, "lock")
                .and_then(Part::bytes)
                .map(Holder::parse)
                .filter(|holder| holder.expires > now && !holder.is_dead());
            // The journal's tail may start in the middle of a character.
            let journal = part(&parts, "journal")
                .and_then(Part::bytes)
                .map(String::from_utf8_lossy)
                .unwrap_or_default();
            Ok(journal::last(&journal, alive.as_ref()))
        })
        .await?;
        Ok(found
            .into_iter()
            .flatten()
            .reduce(|a, b| if b.started > a.started { b } else { a }))
    }

    /// Takes the lease on every host, in inventory order; all or nothing.
    ///
    /// # Errors
    /// `Locked` when another holds it and does not let go in time; a host cannot be asked or
    /// refuses the folder.
    pub async fn lock(&self, request: &Request) -> Result<Lease> {
        Lease::take(&self.sites, request).await
    }

    /// Writes a record to the audit log of every host.
    ///
    /// # Errors
    /// A host cannot be asked, or refuses the file.
    pub async fn audit(&self, record: &Record) -> Result<()> {
        every(&self.sites, async |site| audit::append(site, record).await)
            .await
            .map(|_| ())
    }
}

async fn ask(site: &Site, what: &str) -> Result<Vec<(String, Part)>> {
    let boundary = frame::random();
    let answer = site
        .run(include_str!("sh/read.sh"), &[&boundary, what], b"")
        .await?;
    frame::parse(&answer.stdout, &boundary).ok_or_else(|| site.garbled())
}

fn part<'a>(parts: &'a [(String, Part)], name: &str) -> Option<&'a Part> {
    parts
        .iter()
        .find(|(found, _)| found == name)
        .map(|(_, part)| part)
}

fn present(
    site: &Site,
    parts: &[(String, Part)],
    name: &str,
    file: &str,
) -> Result<Option<Vec<u8>>, Error> {
    match part(parts, name) {
        Some(Part::Present(bytes)) => Ok(Some(bytes.clone())),
        Some(Part::Absent) => Ok(None),
        Some(Part::Unreadable) => Err(site.unreadable(file)),
        None => Err(site.garbled()),
    }
}
