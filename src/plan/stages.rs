//! What stages are made of: numbered steps, and the steps that more than one part of a plan makes.

use std::collections::BTreeSet;
use std::time::Duration;

use super::current::Standing;
use super::routes::{Routing, Switch};
use super::{Stage, Step, StepKind};
use crate::error::Result;
use crate::model::{HostName, Service, ServiceName};

/// Numbers steps and leaves out stages in which nothing happens.
#[derive(Default)]
pub(super) struct Stages {
    pub list: Vec<Stage>,
    next: usize,
}

impl Stages {
    pub fn push(&mut self, name: impl Into<String>, steps: Vec<(HostName, StepKind)>) {
        if steps.is_empty() {
            return;
        }
        let steps = steps
            .into_iter()
            .map(|(host, kind)| {
                let id = self.next;
                self.next += 1;
                Step { id, host, kind }
            })
            .collect();
        self.list.push(Stage {
            name: name.into(),
            steps,
        });
    }

    /// What stops in the stages so far, by host and name.
    pub fn stopped(&self) -> BTreeSet<(HostName, String)> {
        let steps = self.list.iter().flat_map(|stage| &stage.steps);
        steps
            .filter_map(|step| match &step.kind {
                StepKind::Stop { container, .. } => Some((step.host.clone(), container.clone())),
                _ => None,
            })
            .collect()
    }
}

/// A container that goes.
#[derive(Clone, Copy)]
pub(super) struct Leaving<'a> {
    pub service: &'a ServiceName,
    /// The service as the container was made from it, when that is known.
    pub was: Option<&'a Service>,
    pub grace: Duration,
    pub container: &'a Standing,
}

impl Leaving<'_> {
    /// Where it is and what it is called.
    pub fn place(&self) -> (HostName, String) {
        (self.container.host.clone(), self.container.name.clone())
    }

    /// Whether there is anything to stop.
    pub fn is_live(&self) -> bool {
        self.container.is_live()
    }

    /// Whether it lives in the namespaces or volumes of `other`.
    fn is_inside(&self, other: &Leaving<'_>) -> bool {
        let lender = other.container;
        let lent = format!("{}@{}", lender.name, lender.release);
        let mut shares = self.container.shares.split_whitespace();
        self.container.host == lender.host && shares.any(|one| one == lent)
    }
}

/// Those of `all` that run in what `now` stops, or in one another there, and are not of it.
pub(super) fn inside<'a>(
    now: &[Leaving<'_>],
    all: &[Leaving<'a>],
    gone: &BTreeSet<(HostName, String)>,
) -> Vec<Leaving<'a>> {
    let mut found: Vec<Leaving<'a>> = Vec::new();
    loop {
        let next = all.iter().find(|one| {
            let known = |other: &Leaving<'_>| other.place() == one.place();
            one.is_live()
                && !gone.contains(&one.place())
                && !now.iter().any(known)
                && !found.iter().any(known)
                && (now.iter().any(|other| one.is_inside(other))
                    || found.iter().any(|other| one.is_inside(other)))
        });
        match next {
            Some(one) => found.push(*one),
            None => return found,
        }
    }
}

/// Stops containers in turns, those that others of them live in last.
pub(super) fn stop_inside_first(stages: &mut Stages, leaving: &[Leaving<'_>]) {
    let mut left: Vec<&Leaving<'_>> = leaving.iter().collect();
    while !left.is_empty() {
        let lends = |one: &Leaving<'_>| left.iter().any(|other| other.is_inside(one));
        let (mut wait, mut now): (Vec<&Leaving<'_>>, Vec<&Leaving<'_>>) =
            left.iter().copied().partition(|one| lends(one));
        if now.is_empty() {
            // Nothing lives in itself; were a label to say so, all stop at once.
            now = std::mem::take(&mut wait);
        }
        let names: BTreeSet<&str> = now.iter().map(|one| one.service.as_str()).collect();
        let names: Vec<&str> = names.into_iter().collect();
        let steps = now.iter().filter_map(|one| stop(one)).collect();
        stages.push(format!("stop {}", names.join(", ")), steps);
        left = wait;
    }
}

/// The `stop` step of a container that is not stopped.
pub(super) fn stop(leaving: &Leaving<'_>) -> Option<(HostName, StepKind)> {
    let container = leaving.container;
    container.is_live().then(|| {
        (
            container.host.clone(),
            StepKind::Stop {
                service: leaving.service.clone(),
                replica: container.number,
                container: container.name.clone(),
                grace: leaving.grace.as_secs(),
                pre_stop: leaving
                    .was
                    .map_or_else(Vec::new, |was| was.pre_stop.clone()),
                post_start: leaving
                    .was
                    .map_or_else(Vec::new, |was| was.post_start.clone()),
            },
        )
    })
}

/// The `remove` step of a stopped container. One whose name a new container has by then is named
/// by its identifier.
pub(super) fn remove(
    leaving: &Leaving<'_>,
    taken: &BTreeSet<(HostName, String)>,
) -> (HostName, StepKind) {
    let container = leaving.container;
    let renamed = taken.contains(&(container.host.clone(), container.name.clone()));
    (
        container.host.clone(),
        StepKind::Remove {
            service: leaving.service.clone(),
            replica: container.number,
            container: if renamed {
                container.id.clone()
            } else {
                container.name.clone()
            },
        },
    )
}

/// Brings every proxy to the routes of this point, then waits for what it no longer sends to.
pub(super) fn switch(
    stages: &mut Stages,
    routing: &mut Routing<'_>,
    title: &str,
    grace: Duration,
    done: bool,
) -> Result<()> {
    let driver = routing.driver().to_owned();
    let (mut routes, mut drains) = (Vec::new(), Vec::new());
    for Switch {
        host,
        route,
        drained,
    } in routing.switch(done)?
    {
        if let Some(switched) = route {
            routes.push((
                host.clone(),
                StepKind::Route {
                    driver: driver.clone(),
                    files: switched.files,
                    before: switched.before,
                    routes: switched.routes,
                },
            ));
        }
        if !drained.is_empty() {
            drains.push((
                host,
                StepKind::Drain {
                    driver: driver.clone(),
                    upstreams: drained,
                    timeout: grace.as_secs(),
                },
            ));
        }
    }
    let name = |what: &str| format!("{what} {title}").trim_end().to_owned();
    stages.push(name("route"), routes);
    stages.push(name("drain"), drains);
    Ok(())
}
