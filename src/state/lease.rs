//! The project's lock: a lease on every host touched, renewed while the operation runs.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, mpsc};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::error::{Error, Result};
use crate::event::Events;
use crate::interrupt::{Interrupt, interrupted};
use crate::model::{HostName, Observed, ProjectState, ReleaseId};

use super::audit::{self, Record};
use super::claims::Claims;
use super::frame;
use super::journal::{Entry, Event, Outcome};
use super::keep::keep;
use super::lock::Who;
use super::site::{Site, every};
use super::take::{let_go, take_all};
use super::write;

/// How often a held lock is asked for again.
const ASKED: Duration = Duration::from_secs(1);

/// What a lease is taken for.
#[derive(Debug, Clone)]
pub struct Request {
    /// Who takes it.
    pub who: Who,
    /// `up`, `rollback`, `down`.
    pub verb: String,
    /// The release it will make: its number fences writes.
    pub release: Option<ReleaseId>,
    /// The state it will leave. Other projects keep away from its ports and domains while the lease
    /// lasts; see [`Lease::claim`].
    pub goal: Option<ProjectState>,
    /// How long to wait for another to let go.
    pub wait: Option<Duration>,
    /// Ends the waiting; an attempt that has begun is finished, so that nothing stays locked.
    pub stop: Interrupt,
    /// Take-overs and waiting are announced here.
    pub events: Events,
}

/// A lease that is held on every host asked for. Cheap to clone; [`Lease::release`] lets it go, and
/// dropping the last clone does so as far as it can.
#[derive(Clone)]
pub struct Lease(Arc<Inner>);

struct Inner {
    shared: Arc<Shared>,
    request: Request,
    serial: u64,
    claims: tokio::sync::Mutex<Claims>,
    journal: mpsc::UnboundedSender<Entry>,
    keeper: Mutex<Option<JoinHandle<()>>>,
}

/// What lease and keeper share.
pub(super) struct Shared {
    pub(super) sites: Vec<Site>,
    pub(super) token: String,
    /// The project is being removed: its journal must not come back.
    pub(super) forgotten: AtomicBool,
    pub(super) lost: Mutex<Option<Error>>,
    pub(super) told: Notify,
}

impl Lease {
    pub(super) async fn take(sites: &[Site], request: &Request) -> Result<Self> {
        let token = frame::random();
        let deadline = request.wait.map(|wait| Instant::now() + wait);
        let mut announced = false;
        let all = loop {
            if request.stop.is_requested() {
                return Err(interrupted(
                    "the lock was not taken and nothing was changed",
                ));
            }
            match take_all(sites, &token, request).await? {
                Ok(all) => break all,
                Err(held) => {
                    if deadline.is_none_or(|deadline| Instant::now() >= deadline) {
                        return Err(held.error());
                    }
                    if !announced {
                        request
                            .events
                            .notice(format!("waiting for the lock: {}", held.text()));
                        announced = true;
                    }
                }
            }
            tokio::select! {
                () = tokio::time::sleep(ASKED) => {}
                () = request.stop.requested() => {}
            }
        };
        let shared = Arc::new(Shared {
            sites: sites.to_vec(),
            token,
            forgotten: AtomicBool::new(false),
            lost: Mutex::new(None),
            told: Notify::new(),
        });
        let (journal, entries) = mpsc::unbounded_channel();
        let keeper = tokio::spawn(keep(Arc::clone(&shared), entries));
        let lease = Self(Arc::new(Inner {
            shared,
            request: request.clone(),
            serial: all.serial,
            claims: Claims::taken(sites, request.goal.as_ref(), all.others).into(),
            journal,
            keeper: Mutex::new(Some(keeper)),
        }));
        lease.0.note(Event::Started {
            verb: request.verb.clone(),
            by: request.who.by.clone(),
            release: request.release,
        });
        Ok(lease)
    }

    /// The highest serial found on any host when the lease was taken. When it is not that of the
    /// observation, somebody changed the project in between and the plan is out of date.
    pub fn serial(&self) -> u64 {
        self.0.serial
    }

    /// Adds to an observation what operations of other projects will hold that claimed it before
    /// this one: a plan must keep away from it.
    pub async fn heed(&self, observed: &mut Observed) {
        self.0.claims.lock().await.add_to(observed);
    }

    /// Claims what the state needs; whether it was claimed already. If not, others may have taken it
    /// in between: observe and plan again.
    ///
    /// # Errors
    /// The lease was lost; a host cannot be asked.
    pub async fn claim(&self, goal: &ProjectState) -> Result<bool> {
        self.check()?;
        let shared = &self.0.shared;
        let mut claims = self.0.claims.lock().await;
        let changed = claims.change(&shared.sites, &shared.token, goal).await?;
        Ok(!changed)
    }

    /// Whether the lease is still ours, as far as this side knows.
    ///
    /// # Errors
    /// Another took it over, its file is gone, or its host was out of reach for too long.
    pub fn check(&self) -> Result<()> {
        let lost = self.0.shared.lost.lock();
        match &*lost.unwrap_or_else(PoisonError::into_inner) {
            Some(error) => Err(error.clone()),
            None => Ok(()),
        }
    }

    /// Waits until the lease is lost and says why.
    pub async fn lost(&self) -> Error {
        loop {
            let told = self.0.shared.told.notified();
            if let Err(error) = self.check() {
                return error;
            }
            told.await;
        }
    }

    /// Notes that a stage begins.
    pub fn stage(&self, name: &str) {
        let stage = name.to_owned();
        self.0.note(Event::Stage { stage });
    }

    /// Writes the state to every host of the lease, the primary first (spec §20.2).
    ///
    /// # Errors
    /// The lease was lost, a newer state is there, a host cannot be asked.
    pub async fn write(&self, state: &ProjectState) -> Result<()> {
        self.check()?;
        let token = &self.0.shared.token;
        let Some((primary, others)) = self.0.shared.sites.split_first() else {
            return Ok(());
        };
        write::write(primary, token, state).await?;
        every(others, async |site| write::write(site, token, state).await).await?;
        Ok(())
    }

    /// Writes the state to one host of the lease.
    ///
    /// # Errors
    /// As [`Lease::write`]; the host is not one of the lease's.
    pub async fn write_to(&self, host: &HostName, state: &ProjectState) -> Result<()> {
        self.check()?;
        write::write(self.site(host)?, &self.0.shared.token, state).await
    }

    /// Removes what is remembered of the project on one host: state, journal and files. The lease
    /// goes when it is released.
    ///
    /// # Errors
    /// As [`Lease::write_to`].
    pub async fn remove_from(&self, host: &HostName) -> Result<()> {
        self.check()?;
        self.0.shared.forgotten.store(true, Ordering::Relaxed);
        write::remove(self.site(host)?, &self.0.shared.token).await
    }

    /// Notes how the operation ended, writes the audit log, and lets the lease go on every host.
    ///
    /// `message` says why it failed, without secrets.
    ///
    /// # Errors
    /// A host cannot be asked; its lease ends by itself within a minute.
    pub async fn release(self, outcome: Outcome, message: Option<String>) -> Result<()> {
        let inner = &self.0;
        inner.note(Event::Ended { outcome, message });
        let keeper = inner.keeper.lock();
        let keeper = keeper.unwrap_or_else(PoisonError::into_inner).take();
        let Some(keeper) = keeper else { return Ok(()) };
        let Some(first) = inner.shared.sites.first() else {
            return Ok(());
        };
        let record = Record {
            at: jiff::Timestamp::now(),
            key: first.key().clone(),
            verb: inner.request.verb.clone(),
            by: inner.request.who.by.clone(),
            release: inner.request.release,
            result: outcome.as_str().to_owned(),
        };
        // The keeper ends after the entry it just got.
        let _ = keeper.await;
        let shared = &inner.shared;
        let (audited, released) = tokio::join!(
            every(&shared.sites, async |site| audit::append(site, &record)
                .await),
            every(&shared.sites, async |site| let_go(site, &shared.token)
                .await),
        );
        if let Err(error) = audited {
            inner.request.events.warn(error.to_string());
        }
        released.map(|_| ())
    }

    #[cfg(test)]
    pub(super) fn shared(&self) -> &Shared {
        &self.0.shared
    }

    fn site(&self, host: &HostName) -> Result<&Site> {
        let mut sites = self.0.shared.sites.iter();
        sites.find(|site| site.name() == host).ok_or_else(|| {
            Error::user(format!("host `{host}` is not part of this operation"))
                .hint("name it with `--hosts`, or leave `--hosts` out")
        })
    }
}

impl std::fmt::Debug for Lease {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The token is what makes a writer the owner; it stays out of logs.
        write!(f, "Lease({:?})", self.0.shared.sites)
    }
}

impl Inner {
    fn note(&self, event: Event) {
        let entry = Entry::now(&self.shared.token, event);
        // Nobody listens after the release: then there is nothing to note either.
        let _ = self.journal.send(entry);
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        let keeper = self.keeper.get_mut();
        let Some(keeper) = keeper.unwrap_or_else(PoisonError::into_inner).take() else {
            return;
        };
        keeper.abort();
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            let shared = Arc::clone(&self.shared);
            runtime.spawn(async move {
                let _ = every(&shared.sites, async |site| {
                    let_go(site, &shared.token).await
                })
                .await;
            });
        }
    }
}
