//! The task that keeps a lease alive and its journal written.

use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::error::{Error, Kind};

use super::journal::{Entry, Event, MOST};
use super::lease::Shared;
use super::site::Answer;
use super::take::LASTS;
use super::write;

/// How often it is renewed.
const RENEWED: Duration = Duration::from_secs(10);
/// Without contact for this long the lease counts as lost, before the host lets another in.
const GIVEN_UP: Duration = Duration::from_secs(50);

/// Renews the lease on every host and writes the journal on the first one, until the end is noted.
pub(super) async fn keep(shared: Arc<Shared>, mut entries: mpsc::UnboundedReceiver<Entry>) {
    let mut ticks = tokio::time::interval_at(Instant::now() + RENEWED, RENEWED);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut seen = vec![Instant::now(); shared.sites.len()];
    loop {
        tokio::select! {
            entry = entries.recv() => {
                let Some(entry) = entry else { return };
                let mut batch = vec![entry];
                while let Ok(entry) = entries.try_recv() {
                    batch.push(entry);
                }
                let over = batch.iter().any(|entry| matches!(entry.event, Event::Ended { .. }));
                note(&shared, &batch).await;
                if over {
                    return;
                }
            }
            _ = ticks.tick() => renew(&shared, &mut seen).await,
        }
    }
}

/// A journal that cannot be written does not stop a rollout: what counts is in the state.
async fn note(shared: &Shared, batch: &[Entry]) {
    if shared.forgotten.load(Ordering::Relaxed) {
        return;
    }
    if let Some(site) = shared.sites.first() {
        let lines: String = batch.iter().map(Entry::line).collect();
        let _ = site
            .run(
                include_str!("sh/journal.sh"),
                &[&shared.token, MOST],
                lines.as_bytes(),
            )
            .await;
    }
}

pub(super) async fn renew(shared: &Shared, seen: &mut [Instant]) {
    let seconds = LASTS.as_secs().to_string();
    let renewals = shared.sites.iter().zip(seen).map(|(site, seen)| {
        let seconds = &seconds;
        async move {
            let began = Instant::now();
            let args = [shared.token.as_str(), seconds];
            let renewal = site.run(include_str!("sh/renew.sh"), &args, b"");
            let failure = match tokio::time::timeout(RENEWED, renewal).await {
                Ok(Ok(answer)) if answer.code == Answer::FENCED => {
                    return Some(write::lost(site, &answer));
                }
                Ok(Ok(_)) => {
                    *seen = began;
                    return None;
                }
                Ok(Err(error)) => error.to_string(),
                Err(_) => "no answer".to_owned(),
            };
            (seen.elapsed() >= GIVEN_UP).then(|| {
                Error::new(
                    Kind::NeedsAttention,
                    format!(
                        "the lock on host `{}` could not be renewed for {} s",
                        site.name(),
                        seen.elapsed().as_secs()
                    ),
                )
                .cause(failure)
                .hint(
                    "see `webpods status` once the host can be reached, then run the command again",
                )
            })
        }
    });
    let failures = futures_util::future::join_all(renewals).await;
    if let Some(error) = failures.into_iter().flatten().next() {
        let mut lost = shared.lost.lock().unwrap_or_else(PoisonError::into_inner);
        lost.get_or_insert(error);
        drop(lost);
        shared.told.notify_waiters();
    }
}
