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
}

/// A container that goes.
pub(super) struct Leaving<'a> {
    pub service: &'a ServiceName,
    /// The service as the container was made from it, when that is known.
    pub was: Option<&'a Service>,
    pub grace: Duration,
    pub container: &'a Standing,
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
