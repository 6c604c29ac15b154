//! The fleet while the stages of a plan are replayed.

use std::collections::{BTreeMap, BTreeSet};

use super::{routes, shares, starts};
use crate::model::{
    Digest, HostName, HostObserved, Observed, ProxyFile, ReleaseId, Route, RunState, ServiceName,
    StackKey,
};
use crate::plan::{Plan, Step, StepKind, names, paths};

/// A container at one point of the replay.
#[derive(Debug, Clone)]
pub(super) struct Replayed {
    pub id: String,
    pub name: String,
    pub service: ServiceName,
    pub number: u32,
    pub live: bool,
    /// May get requests: it was healthy before, or passed a `health` step.
    pub gated: bool,
    /// Made by this plan.
    pub fresh: bool,
    /// TCP and UDP ports of the host it holds: (protocol, address, port).
    pub holds: BTreeSet<(String, String, u16)>,
    /// Ports requests reach it at; none: it is on the host's own network.
    pub reached: Option<BTreeSet<u16>>,
    /// The containers whose namespaces and volumes it uses: `<name>@<release>`.
    pub shares: Vec<String>,
    /// The release that made it.
    pub release: ReleaseId,
}

impl Replayed {
    /// What another container's label calls it.
    pub fn lent_as(&self) -> String {
        format!("{}@{}", self.name, self.release)
    }
}

/// A host at one point of the replay.
#[derive(Debug, Clone)]
pub(super) struct ReplayedHost {
    pub containers: Vec<Replayed>,
    pub images: BTreeSet<String>,
    pub blobs: BTreeSet<Digest>,
    /// Those of them that other hosts can have.
    pub cache: BTreeSet<Digest>,
    pub networks: BTreeSet<String>,
    pub volumes: BTreeSet<String>,
    /// Proxy files by path.
    pub files: BTreeMap<String, Option<String>>,
    /// Where its proxy sends requests; none while that is not known.
    pub routes: Option<Vec<Route>>,
}

impl ReplayedHost {
    pub fn container(&self, name: &str) -> Option<&Replayed> {
        self.containers
            .iter()
            .find(|one| one.name == name || one.id == name)
    }

    fn container_mut(&mut self, name: &str) -> Option<&mut Replayed> {
        self.containers
            .iter_mut()
            .find(|one| one.name == name || one.id == name)
    }
}

/// All hosts at one point of the replay.
pub(super) type Fleet = BTreeMap<HostName, ReplayedHost>;

/// What a step is checked against.
pub(super) struct Moment<'m> {
    pub plan: &'m Plan,
    pub observed: &'m Observed,
    /// When the step's stage began: what other steps of the stage do may come later.
    pub settled: &'m Fleet,
    pub step: &'m Step,
}

/// Replays all stages and says what is wrong on the way. The fleet at the end.
pub(super) fn replay(plan: &Plan, observed: &Observed, wrong: &mut Vec<String>) -> Fleet {
    let mut fleet = begin(observed);
    for stage in &plan.stages {
        let settled = fleet.clone();
        for step in &stage.steps {
            let mut said = Vec::new();
            let moment = Moment {
                plan,
                observed,
                settled: &settled,
                step,
            };
            one(&moment, &mut fleet, &mut said);
            for what in said {
                wrong.push(format!(
                    "step {} ({} on `{}` in stage `{}`): {what}",
                    step.id,
                    step.kind.name(),
                    step.host,
                    stage.name
                ));
            }
        }
    }
    fleet
}

fn begin(observed: &Observed) -> Fleet {
    let hosts = observed.hosts.iter();
    hosts
        .map(|(name, seen)| (name.clone(), begin_host(name, seen, observed)))
        .collect()
}

fn begin_host(name: &HostName, seen: &HostObserved, observed: &Observed) -> ReplayedHost {
    let active = observed
        .state
        .as_ref()
        .and_then(|state| state.active_release());
    let mut containers: Vec<Replayed> = Vec::new();
    for one in &seen.containers {
        let recorded = active
            .and_then(|release| release.services.get(&one.service))
            .and_then(|service| {
                let mut replicas = service.replicas.iter();
                replicas.find(|replica| replica.host == *name && replica.container == one.name)
            });
        let live = one.state != RunState::Stopped;
        let recorded_ports = recorded
            .map(|replica| replica.ports.clone())
            .unwrap_or_default();
        let ports = one.ports.values().chain(recorded_ports.values());
        containers.push(Replayed {
            id: one.id.clone(),
            name: one.name.clone(),
            service: one.service.clone(),
            number: one.replica,
            live,
            gated: live && recorded.is_some(),
            fresh: false,
            holds: one
                .ports
                .values()
                .map(|port| ("tcp".to_owned(), String::new(), *port))
                .collect(),
            reached: Some(ports.copied().collect()),
            shares: one.shares.split_whitespace().map(str::to_owned).collect(),
            release: one.release,
        });
    }
    // A leftover of an unfinished run has proven nothing; it serves only where nothing else does.
    let proven: BTreeSet<(ServiceName, u32)> = containers
        .iter()
        .filter(|one| one.gated)
        .map(|one| (one.service.clone(), one.number))
        .collect();
    for one in &mut containers {
        one.gated |= one.live && !proven.contains(&(one.service.clone(), one.number));
    }
    ReplayedHost {
        containers,
        images: seen
            .images
            .iter()
            .flat_map(|image| {
                let tagged = |tag: &str| format!("webpods/{}:{tag}", image.hex());
                [tagged("latest"), tagged("pulled")]
            })
            .collect(),
        blobs: seen.blobs.union(&seen.engine_layers).cloned().collect(),
        cache: seen.blobs.clone(),
        networks: seen.networks.clone(),
        volumes: seen.volumes.clone(),
        files: seen.proxy_files.clone(),
        routes: routes::known(name, seen, active),
    }
}

fn one(moment: &Moment<'_>, fleet: &mut Fleet, wrong: &mut Vec<String>) {
    let step = moment.step;
    let (Some(host), Some(settled)) = (fleet.get_mut(&step.host), moment.settled.get(&step.host))
    else {
        wrong.push("the host was not observed".to_owned());
        return;
    };
    match &step.kind {
        StepKind::Ship { blobs, .. } => {
            for blob in blobs {
                if let Some(from) = &blob.from
                    && !has(moment.settled, from, &blob.digest)
                {
                    let blob = blob.digest.short();
                    wrong.push(format!(
                        "blob {blob} is not on `{from}`, which passes it on"
                    ));
                }
                host.blobs.insert(blob.digest.clone());
                host.cache.insert(blob.digest.clone());
            }
        }
        StepKind::Load { image } => {
            for blob in image.blobs() {
                if !settled.blobs.contains(&blob.digest) {
                    wrong.push(format!("blob {} is not there", blob.digest.short()));
                }
            }
            host.images.insert(image.host_tag());
        }
        StepKind::Prepare {
            networks,
            volumes,
            files,
        } => {
            prepare(&moment.plan.key, host, networks, volumes, wrong);
            let folder = format!("{}/", paths::files_dir(&moment.plan.key));
            for file in files {
                let below = file.path.strip_prefix(&folder);
                if below.is_none_or(|rest| rest.contains('/') || rest.is_empty()) {
                    wrong.push(format!("`{}` is not below the project's files", file.path));
                }
            }
        }
        StepKind::Start { .. } => starts::start(moment, host, wrong),
        StepKind::Health { container, .. } => {
            if settled.container(container).is_none_or(|one| !one.live) {
                wrong.push(format!("`{container}` does not run"));
            }
            if let Some(one) = host.container_mut(container) {
                one.gated = true;
            }
        }
        StepKind::Route {
            files,
            before,
            routes: live,
            ..
        } => {
            write_files(host, files, before, wrong);
            host.routes = Some(live.clone());
            routes::check(moment, live, wrong);
        }
        StepKind::Drain { .. } | StepKind::Commit {} => {}
        StepKind::Stop {
            container,
            pre_stop,
            ..
        } => {
            starts::check_hooks(moment, container, pre_stop, wrong);
            stop(moment, fleet, container, wrong);
        }
        StepKind::Remove { container, .. } => {
            match settled.container(container) {
                None => wrong.push(format!(
                    "`{container}` is none of this project's containers"
                )),
                Some(one) if one.live => wrong.push(format!("`{container}` still runs")),
                Some(_) => {}
            }
            host.containers
                .retain(|one| one.name != *container && one.id != *container);
        }
        StepKind::Prune {
            networks, volumes, ..
        } => prune(moment, networks, volumes, wrong),
    }
}

fn has(fleet: &Fleet, host: &HostName, blob: &Digest) -> bool {
    fleet
        .get(host)
        .is_some_and(|host| host.cache.contains(blob))
}

fn prepare(
    key: &StackKey,
    host: &mut ReplayedHost,
    networks: &[serde_json::Value],
    volumes: &[serde_json::Value],
    wrong: &mut Vec<String>,
) {
    for (bodies, there) in [(networks, &mut host.networks), (volumes, &mut host.volumes)] {
        for body in bodies {
            let label = |name: &str| body["Labels"][name].as_str();
            let ours = label(crate::model::Labels::CONTEXT) == Some(key.context.as_str())
                && label(crate::model::Labels::PROJECT) == Some(key.project.as_str());
            match body["Name"].as_str() {
                Some(name) if ours => {
                    there.insert(name.to_owned());
                }
                Some(name) => wrong.push(format!("`{name}` lacks the project's labels")),
                None => wrong.push("something to make has no name".to_owned()),
            }
        }
    }
}

fn write_files(
    host: &mut ReplayedHost,
    files: &[ProxyFile],
    before: &[ProxyFile],
    wrong: &mut Vec<String>,
) {
    for file in before {
        let now = host.files.get(&file.path).cloned().flatten();
        if now != file.content {
            wrong.push(format!("undoing would not restore `{}`", file.path));
        }
    }
    for file in files {
        if !before.iter().any(|old| old.path == file.path) {
            wrong.push(format!("undoing would not restore `{}`", file.path));
        }
        host.files.insert(file.path.clone(), file.content.clone());
    }
}

fn stop(moment: &Moment<'_>, fleet: &mut Fleet, container: &str, wrong: &mut Vec<String>) {
    let at = &moment.step.host;
    let Some(one) = moment
        .settled
        .get(at)
        .and_then(|host| host.container(container))
    else {
        wrong.push(format!(
            "`{container}` is none of this project's containers"
        ));
        return;
    };
    if !one.live {
        wrong.push(format!("`{container}` does not run"));
    }
    if one.fresh {
        wrong.push(format!("`{container}` was started by this very plan"));
    }
    shares::check_stop(moment, one, wrong);
    routes::check_stop(moment, one, wrong);
    starts::check_stop(moment, one, wrong);
    if let Some(one) = fleet
        .get_mut(at)
        .and_then(|host| host.container_mut(container))
    {
        one.live = false;
        one.gated = false;
    }
}

/// Nothing that carries another project's name goes.
fn prune(moment: &Moment<'_>, networks: &[String], volumes: &[String], wrong: &mut Vec<String>) {
    let Some(seen) = moment.observed.hosts.get(&moment.step.host) else {
        return;
    };
    for name in networks.iter().chain(volumes) {
        for claim in &seen.claims {
            if claim.owner != moment.plan.key && names::belongs(&claim.owner, name) {
                wrong.push(format!("`{name}` belongs to `{}`", claim.owner));
            }
        }
        let looks_foreign = name.contains("--") && !names::belongs(&moment.plan.key, name);
        let recorded = moment.observed.state.iter().any(|state| {
            state.releases.iter().any(|release| {
                let networks = release.networks.values().map(|one| &one.name);
                let volumes = release.volumes.values().map(|one| &one.name);
                networks
                    .chain(volumes)
                    .any(|one| one.as_ref() == Some(name))
            })
        });
        if looks_foreign && !recorded {
            wrong.push(format!("`{name}` is not this project's"));
        }
    }
}
