//! What happens to each replica of a service, and why (spec §12.5).

use std::collections::{BTreeMap, BTreeSet};

use super::current::{Current, Standing};
use super::shares::{self, Borrowed};
use super::template::Configured;
use super::{Reason, ReplicaAction};
use crate::model::{Digest, HostName, ReleaseId, RunState, ServiceName};

/// One replica's place: what is there, what comes, and why.
#[derive(Debug)]
pub(super) struct Slot {
    pub number: u32,
    pub host: HostName,
    pub action: ReplicaAction,
    pub reason: Option<Reason>,
    /// The container that stays.
    pub kept: Option<Standing>,
    /// The container that serves until it is replaced or removed.
    pub old: Option<Standing>,
    /// What comes.
    pub new: Option<Coming>,
    /// Left by runs that did not finish; they go when the service is done.
    pub extras: Vec<Standing>,
}

/// Where a new replica comes from.
#[derive(Debug)]
pub(super) enum Coming {
    /// A container to create.
    Fresh,
    /// A container that an unfinished run started with this image and configuration. It has to
    /// prove that it is healthy.
    Adopted(Standing),
}

impl Slot {
    /// Whether there is a container in the end.
    pub fn stays(&self) -> bool {
        self.kept.is_some() || self.new.is_some()
    }

    /// Whether anything happens to the replica, leftovers aside.
    pub fn changes(&self) -> bool {
        self.old.is_some() || self.new.is_some()
    }
}

/// What one service wants.
pub(super) struct Desired<'a> {
    pub service: &'a ServiceName,
    /// Per host of a wanted replica; empty while it is not built or pulled.
    pub images: BTreeMap<&'a HostName, &'a Digest>,
    /// Per host of a wanted replica.
    pub configured: &'a BTreeMap<HostName, Configured>,
    pub numbers: &'a BTreeMap<u32, HostName>,
    pub force: bool,
    /// Others wait for it to exit with 0: a container that did is done, not dead.
    pub completes: bool,
    /// It has `post_start` hooks: whether they ran in the container of an unfinished run is not
    /// known, so that none is taken over.
    pub hooked: bool,
    /// What each replica uses of other containers.
    pub borrowed: &'a BTreeMap<u32, Vec<Borrowed>>,
    /// Containers older than this are made anew, since what they depend on was, and why.
    pub renewed: Option<(ReleaseId, Reason)>,
}

/// The slots of a service, by number, the wanted one of a number last.
pub(super) fn slots(desired: &Desired<'_>, current: &Current<'_>) -> Vec<Slot> {
    let mut there = current.slots(desired.service).cloned().unwrap_or_default();
    let mut slots = Vec::new();
    for (number, host) in desired.numbers {
        let standing = there.remove(&(*number, host.clone())).unwrap_or_default();
        slots.push(wanted(desired, *number, host, standing, current));
    }
    // What is left is wanted nowhere or elsewhere.
    let mut gone = Vec::new();
    for ((number, host), mut standing) in there {
        let old = (!standing.is_empty()).then(|| standing.remove(0));
        let reason = match desired.numbers.get(&number) {
            Some(to) => format!("moves to `{to}`"),
            None if desired.numbers.is_empty() => "no replicas are wanted".to_owned(),
            None if desired.numbers.len() == 1 => "only 1 replica is wanted".to_owned(),
            None => format!("only {} replicas are wanted", desired.numbers.len()),
        };
        gone.push(Slot {
            number,
            host,
            action: ReplicaAction::Remove,
            reason: Some(reason),
            kept: None,
            old,
            new: None,
            extras: standing,
        });
    }
    let leaving: BTreeMap<u32, HostName> = gone
        .iter()
        .map(|slot| (slot.number, slot.host.clone()))
        .collect();
    for slot in &mut slots {
        if slot.action == ReplicaAction::Create
            && let Some(from) = leaving.get(&slot.number)
        {
            slot.reason = Some(format!("moves from `{from}`"));
        }
    }
    slots.extend(gone);
    slots.sort_by_key(|slot| (slot.number, slot.action != ReplicaAction::Remove));
    slots
}

fn wanted(
    desired: &Desired<'_>,
    number: u32,
    host: &HostName,
    mut standing: Vec<Standing>,
    current: &Current<'_>,
) -> Slot {
    let mut slot = Slot {
        number,
        host: host.clone(),
        action: ReplicaAction::Keep,
        reason: None,
        kept: None,
        old: None,
        new: None,
        extras: Vec::new(),
    };
    let fits = |one: &Standing| !desired.force && why_not(desired, number, host, one).is_none();
    if let Some(at) = standing.iter().position(|one| one.committed && fits(one)) {
        slot.kept = Some(standing.remove(at));
    } else if let Some(at) = standing.iter().position(|one| !desired.hooked && fits(one)) {
        let adopted = standing.remove(at);
        slot.reason = Some(format!(
            "started by {}, which was never finished",
            adopted.release
        ));
        if standing.first().is_some_and(Standing::is_live) {
            slot.action = ReplicaAction::Recreate;
            slot.old = Some(standing.remove(0));
        }
        slot.new = Some(Coming::Adopted(adopted));
    } else if standing.is_empty() {
        slot.action = ReplicaAction::Create;
        let recorded = current.recorded(desired.service);
        let had = recorded.is_some_and(|service| {
            service
                .replicas
                .iter()
                .any(|replica| replica.number == number && replica.host == *host)
        });
        slot.reason = Some(if had {
            "its container is gone".to_owned()
        } else {
            "new".to_owned()
        });
        slot.new = Some(Coming::Fresh);
    } else {
        let old = standing.remove(0);
        slot.action = ReplicaAction::Recreate;
        slot.reason = why_not(desired, number, host, &old).or_else(|| {
            Some(if desired.force {
                "recreation is forced".to_owned()
            } else {
                format!(
                    "{} was never finished, and its `post_start` may not have run",
                    old.release
                )
            })
        });
        slot.old = Some(old);
        slot.new = Some(Coming::Fresh);
    }
    slot.extras = standing;
    slot
}

/// Why a container cannot stay; none when it is what is wanted.
fn why_not(desired: &Desired<'_>, number: u32, host: &HostName, one: &Standing) -> Option<Reason> {
    let config = desired.configured.get(host).map(|one| &one.digest);
    let image = desired.images.get(host).copied();
    let image_differs = image.is_none() || image != one.image.as_ref();
    let config_differs = config != one.config.as_ref();
    match (image_differs, config_differs) {
        (true, _) if image.is_none() => return Some("its image may change".to_owned()),
        (true, true) => return Some("image and configuration changed".to_owned()),
        (true, false) => return Some("image changed".to_owned()),
        (false, true) => return Some("configuration changed".to_owned()),
        (false, false) => {}
    }
    match one.state {
        RunState::Stopped if desired.completes && one.completed => None,
        RunState::Stopped => Some("its container is stopped".to_owned()),
        RunState::Restarting => Some("its container keeps crashing".to_owned()),
        RunState::Running if one.healthy == Some(false) => {
            Some("its container is unhealthy".to_owned())
        }
        RunState::Running => None,
    }
    .or_else(|| {
        let borrowed = desired.borrowed.get(&number).map(Vec::as_slice);
        let borrowed = borrowed.unwrap_or_default();
        (one.shares != shares::label(borrowed)).then(|| {
            let lender = borrowed.iter().find(|one| one.fresh).or(borrowed.first());
            lender.map_or_else(
                || "what it shares changed".to_owned(),
                |lender| {
                    format!(
                        "`{}`, whose {} it shares, is another container",
                        lender.of,
                        lender.what.name()
                    )
                },
            )
        })
    })
    .or_else(|| {
        let (release, why) = desired.renewed.as_ref()?;
        (one.release < *release).then(|| why.clone())
    })
}

/// Why a service as a whole changes or does not.
pub(super) fn reasons(slots: &[Slot], serving: Option<ReleaseId>) -> Vec<Reason> {
    let changed: BTreeSet<&str> = slots
        .iter()
        .filter(|slot| slot.action != ReplicaAction::Keep)
        .filter_map(|slot| slot.reason.as_deref())
        .collect();
    let mut reasons: Vec<Reason> = changed.into_iter().map(str::to_owned).collect();
    if slots.iter().any(|slot| !slot.extras.is_empty()) {
        reasons.push("containers of an unfinished run are removed".to_owned());
    }
    let adopted = |slot: &Slot| slot.action == ReplicaAction::Keep && slot.new.is_some();
    if slots.iter().any(adopted) {
        reasons.push("containers of an unfinished run are taken over".to_owned());
    }
    if reasons.is_empty() {
        reasons.push(match serving {
            Some(release) => format!("same image and config as {release}"),
            None => "same image and config".to_owned(),
        });
    }
    reasons
}
