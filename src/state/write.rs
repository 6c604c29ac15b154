//! Writing and removing the state under a lease (spec §20.2).

use std::collections::BTreeSet;

use crate::error::{Error, Explain, Kind, Result};
use crate::model::{Claim, HostName, ProjectState};

use super::lock::Holder;
use super::site::{Answer, Site};

/// Replaces the state on one host, unless the lease is gone or a newer state is there.
pub(super) async fn write(site: &Site, token: &str, state: &ProjectState) -> Result<()> {
    let mut text = serde_json::to_string_pretty(state)
        .explain(|| format!("cannot write the state of `{}` as JSON", state.key))?;
    text.push('\n');
    let claim = serde_json::to_string(&claim(state, site.name()))
        .explain(|| format!("cannot write the claims of `{}` as JSON", state.key))?;
    let (serial, length) = (state.serial.to_string(), text.len().to_string());
    let answer = site
        .run(
            include_str!("sh/write.sh"),
            &[token, &serial, &length, &claim],
            text.as_bytes(),
        )
        .await?;
    match answer.code {
        Answer::FENCED => Err(lost(site, &answer)),
        Answer::NEWER => Err(Error::new(
            Kind::Locked,
            format!(
                "host `{}` has a newer state of `{}` (serial {}, this one is {serial})",
                site.name(),
                state.key,
                answer.stderr
            ),
        )
        .hint("another operation changed the project meanwhile: run the command again")),
        _ => Ok(()),
    }
}

/// Removes what is remembered of the project on one host; the lease stays.
pub(super) async fn remove(site: &Site, token: &str) -> Result<()> {
    let answer = site
        .run(include_str!("sh/remove.sh"), &[token], b"")
        .await?;
    match answer.code {
        Answer::FENCED => Err(lost(site, &answer)),
        _ => Ok(()),
    }
}

/// The lease is not ours any more.
pub(super) fn lost(site: &Site, answer: &Answer) -> Error {
    let error = Error::new(
        Kind::NeedsAttention,
        format!(
            "the lock of `{}` on host `{}` was lost",
            site.key(),
            site.name()
        ),
    );
    let error = if answer.stdout.is_empty() {
        error.cause("its file is gone")
    } else {
        let holder = Holder::parse(&answer.stdout);
        error.cause(format!(
            "{} took it over at {}",
            holder.title(),
            holder.since()
        ))
    };
    error.hint("nothing more was changed; see `webpods status`, then run the command again")
}

/// What other projects must know of this one on `host` (spec §7.5, §7.6), kept in a small file of
/// its own: an observation reads those of all projects.
pub fn claim(state: &ProjectState, host: &HostName) -> Claim {
    let routes = state.active_release().map(|release| &release.routes);
    let domains: BTreeSet<_> = routes
        .into_iter()
        .flatten()
        .map(|route| route.domain.clone())
        .collect();
    Claim {
        owner: state.key.clone(),
        domains: domains.into_iter().collect(),
        ports: state
            .ports
            .values()
            .filter_map(|hosts| hosts.get(host))
            .flat_map(|replicas| replicas.values())
            .flat_map(|ports| ports.values().copied())
            .collect(),
    }
}
