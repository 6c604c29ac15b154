//! What operations that are under way will hold: two projects that are deployed at the same moment
//! must not choose the same host port. Each says in its lease what it will hold, and keeps away
//! from what leases say that were there before it. Within one script on one host nobody comes in
//! between, so of two there is always one that sees the other.

use std::collections::BTreeMap;

use futures_util::future::join_all;

use crate::error::{Error, Explain, Result};
use crate::model::{Claim, HostName, Observed, ProjectState};

use super::frame::{self, Part};
use super::lock::Holder;
use super::site::{Answer, Site, together};
use super::write::{claim, lost};

/// Per host, what this lease claims, and what others did when it said so.
#[derive(Debug, Default)]
pub(super) struct Claims {
    own: BTreeMap<HostName, Claim>,
    others: BTreeMap<HostName, Vec<Claim>>,
}

impl Claims {
    /// What was claimed when the lease was taken.
    pub(super) fn taken(
        sites: &[Site],
        goal: Option<&ProjectState>,
        others: BTreeMap<HostName, Vec<Claim>>,
    ) -> Self {
        let names = sites.iter().map(Site::name);
        let own = |name: &HostName| Some((name.clone(), claim(goal?, name)));
        Self {
            own: names.filter_map(own).collect(),
            others,
        }
    }

    /// Adds to the observation what others claimed first.
    pub(super) fn add_to(&self, observed: &mut Observed) {
        for (name, claims) in &self.others {
            if let Some(host) = observed.hosts.get_mut(name) {
                host.claims.extend(claims.iter().cloned());
            }
        }
    }

    /// Claims what `goal` needs on the hosts where that was not claimed yet; whether there are any.
    ///
    /// # Errors
    /// The lease was lost; a host cannot be asked.
    pub(super) async fn change(
        &mut self,
        sites: &[Site],
        token: &str,
        goal: &ProjectState,
    ) -> Result<bool> {
        let changed = sites.iter().filter_map(|site| {
            let wanted = claim(goal, site.name());
            let covered = self.own.get(site.name()).is_some_and(|own| {
                own.ports.is_superset(&wanted.ports)
                    && wanted.domains.iter().all(|it| own.domains.contains(it))
            });
            (!covered).then_some((site, wanted))
        });
        let asked = changed.map(|(site, wanted)| async move {
            let others = write(site, token, &wanted).await?;
            Ok::<_, Error>((site.name().clone(), wanted, others))
        });
        let answers = together(join_all(asked).await)?;
        let any = !answers.is_empty();
        for (name, wanted, others) in answers {
            self.own.insert(name.clone(), wanted);
            self.others.insert(name, others);
        }
        Ok(any)
    }
}

/// Writes the claim into the lease on one host; what others claim there.
async fn write(site: &Site, token: &str, claim: &Claim) -> Result<Vec<Claim>> {
    let line = serde_json::to_string(claim)
        .explain(|| format!("cannot write the claims of `{}` as JSON", claim.owner))?;
    let boundary = frame::random();
    let args = [boundary.as_str(), token, &line];
    let answer = site.run(include_str!("sh/claim.sh"), &args, b"").await?;
    if answer.code == Answer::FENCED {
        return Err(lost(site, &answer));
    }
    let parts = frame::parse(&answer.stdout, &boundary).ok_or_else(|| site.garbled())?;
    claims_of_others(site, &parts)
}

/// What the leases in an answer claim, those that have ended aside.
pub(super) fn claims_of_others(site: &Site, parts: &[(String, Part)]) -> Result<Vec<Claim>> {
    let mut now = None;
    let mut claims = Vec::new();
    for (name, part) in parts {
        match (name.as_str(), part.bytes()) {
            ("now", _) => now = part.text().and_then(|text| text.trim().parse::<i64>().ok()),
            ("lock", Some(bytes)) => {
                let now = now.ok_or_else(|| site.garbled())?;
                let holder = Holder::parse(bytes);
                if holder.expires > now && !holder.is_dead() {
                    claims.extend(holder.claims);
                }
            }
            _ => {}
        }
    }
    // A copy of our folder under another name must not make us our own rival.
    claims.retain(|claim| claim.owner != *site.key());
    Ok(claims)
}
