//! Taking the lease, host by host, and letting it go.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::error::{Error, Kind, Result};
use crate::model::{Claim, HostName};

use super::claims::claims_of_others;
use super::frame::{self, Part};
use super::lease::Request;
use super::lock::{Holder, Members};
use super::site::{Answer, Site, every};
use super::write::claim;

/// How long a lease lasts without renewal.
pub(super) const LASTS: Duration = Duration::from_secs(60);

/// A host where another holds the lease.
pub(super) struct Held {
    site: Site,
    holder: Holder,
}

impl Held {
    pub(super) fn text(&self) -> String {
        format!(
            "{} holds it on host `{}` since {}",
            self.holder.title(),
            self.site.name(),
            self.holder.since()
        )
    }

    pub(super) fn error(&self) -> Error {
        let key = self.site.key();
        Error::new(
            Kind::Locked,
            format!(
                "project `{}` in context `{}` is locked",
                key.project, key.context
            ),
        )
        .cause(self.text())
        .hint("wait for it: add `--wait 10m`")
        .hint("a lock whose owner is gone ends by itself within a minute")
    }
}

/// A host where the lease was taken.
struct Taken {
    serial: u64,
    /// Whose lease stood there before and had ended.
    from: Option<Holder>,
    others: Vec<Claim>,
}

/// The lease was taken everywhere.
pub(super) struct TakenAll {
    /// Of the newest state.
    pub(super) serial: u64,
    /// Per host what the leases of other projects claimed at that moment.
    pub(super) others: BTreeMap<HostName, Vec<Claim>>,
}

/// One attempt: every host in order, or none of them.
pub(super) async fn take_all(
    sites: &[Site],
    token: &str,
    request: &Request,
) -> Result<Result<TakenAll, Held>> {
    let (mut serial, mut others) = (0, BTreeMap::new());
    let mut gone = BTreeSet::new();
    for (index, site) in sites.iter().enumerate() {
        let refused = match take_one(site, token, request).await {
            Ok(Ok(lease)) => {
                serial = serial.max(lease.serial);
                gone.extend(lease.from.map(|holder| holder.title()));
                others.insert(site.name().clone(), lease.others);
                continue;
            }
            Ok(Err(held)) => Ok(Err(held)),
            Err(error) => Err(error),
        };
        // Including this one: when the answer got lost, the lease may be there.
        let _ = every(&sites[..=index], async |site| let_go(site, token).await).await;
        return refused;
    }
    for holder in gone {
        request.events.notice(format!(
            "took over the lock: {holder} has not renewed it and is gone"
        ));
    }
    Ok(Ok(TakenAll { serial, others }))
}

async fn take_one(site: &Site, token: &str, request: &Request) -> Result<Result<Taken, Held>> {
    let members = Members {
        by: &request.who.by,
        verb: &request.verb,
        release: request.release,
        machine: &request.who.machine,
        process: request.who.process,
    };
    let goal = request.goal.as_ref();
    let claims = goal.map(|goal| claim(goal, site.name()));
    let (lasts, lines) = (LASTS.as_secs().to_string(), members.lines(claims.as_ref()));
    let mut dead = "-".to_owned();
    loop {
        let boundary = frame::random();
        let args = [&boundary, token, lasts.as_str(), &dead, &lines];
        let answer = site.run(include_str!("sh/acquire.sh"), &args, b"").await?;
        if answer.code != Answer::HELD {
            return taken(site, &answer, &boundary).map(Ok);
        }
        let holder = Holder::parse(&answer.stdout);
        if !holder.is_dead() || holder.token == dead {
            let site = site.clone();
            return Ok(Err(Held { site, holder }));
        }
        dead = holder.token;
    }
}

/// Reads the answer of a lease that was taken.
fn taken(site: &Site, answer: &Answer, boundary: &str) -> Result<Taken> {
    let parts = frame::parse(&answer.stdout, boundary).ok_or_else(|| site.garbled())?;
    let part = |name| {
        let mut parts = parts.iter();
        parts.find(|(it, _)| it == name).map(|(_, part)| part)
    };
    let serial = part("serial").and_then(Part::text);
    Ok(Taken {
        serial: serial
            .and_then(|serial| serial.parse().ok())
            .ok_or_else(|| site.garbled())?,
        from: part("old").and_then(Part::bytes).map(Holder::parse),
        others: claims_of_others(site, &parts)?,
    })
}

/// Lets the lease go on one host; one that is gone or another's is left alone.
pub(super) async fn let_go(site: &Site, token: &str) -> Result<()> {
    site.run(include_str!("sh/release.sh"), &[token], b"")
        .await
        .map(|_| ())
}
