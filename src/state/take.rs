//! Taking the lease, host by host, and letting it go.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::error::{Error, Kind, Result};

use super::lease::Request;
use super::lock::{Holder, Members};
use super::site::{Answer, Site, every};

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
}

/// One attempt: every host in order, or none of them. The serial of the newest state there.
pub(super) async fn take_all(
    sites: &[Site],
    token: &str,
    request: &Request,
) -> Result<Result<u64, Held>> {
    let mut serial = 0;
    let mut gone = BTreeSet::new();
    for (index, site) in sites.iter().enumerate() {
        let refused = match take_one(site, token, request).await {
            Ok(Ok(lease)) => {
                serial = serial.max(lease.serial);
                gone.extend(lease.from.map(|holder| holder.title()));
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
    Ok(Ok(serial))
}

async fn take_one(site: &Site, token: &str, request: &Request) -> Result<Result<Taken, Held>> {
    let members = Members {
        by: &request.who.by,
        verb: &request.verb,
        release: request.release,
        machine: &request.who.machine,
        process: request.who.process,
    };
    let (lasts, lines) = (LASTS.as_secs().to_string(), members.lines());
    let mut dead = "-".to_owned();
    loop {
        let args = [token, lasts.as_str(), &dead, &lines];
        let answer = site.run(include_str!("sh/acquire.sh"), &args, b"").await?;
        if answer.code != Answer::HELD {
            return taken(site, &answer).map(Ok);
        }
        let holder = Holder::parse(&answer.stdout);
        if !holder.is_dead() || holder.token == dead {
            let site = site.clone();
            return Ok(Err(Held { site, holder }));
        }
        dead = holder.token;
    }
}

/// Reads the answer of a lease that was taken: `serial N`, then the lease that was there before.
fn taken(site: &Site, answer: &Answer) -> Result<Taken> {
    let line_end = answer.stdout.iter().position(|byte| *byte == b'\n');
    let (first, old) = answer
        .stdout
        .split_at(line_end.ok_or_else(|| site.garbled())?);
    let serial = str::from_utf8(first)
        .ok()
        .and_then(|line| line.strip_prefix("serial "))
        .and_then(|serial| serial.parse().ok())
        .ok_or_else(|| site.garbled())?;
    Ok(Taken {
        serial,
        from: (old.len() > 1).then(|| Holder::parse(old)),
    })
}

/// Lets the lease go on one host; one that is gone or another's is left alone.
pub(super) async fn let_go(site: &Site, token: &str) -> Result<()> {
    site.run(include_str!("sh/release.sh"), &[token], b"")
        .await
        .map(|_| ())
}
