use std::collections::BTreeMap;
use std::sync::Mutex;

use indexmap::IndexMap;

use super::*;
use crate::error::{Error, Kind};
use crate::event::Events;
use crate::interrupt::Interrupt;
use crate::model::{ReleaseId, StackKey};
use crate::plan::{Action, Plan, Stage, StepKind};

/// Records what it was told and fails where it was told to.
#[derive(Default)]
struct Recorder {
    log: Mutex<Vec<String>>,
    fails: Vec<&'static str>,
    undo_fails: Vec<&'static str>,
    interrupts: Option<(&'static str, tokio::sync::watch::Sender<bool>)>,
}

impl Recorder {
    fn note(&self, prefix: &str, step: &Step) -> String {
        let name = format!("{}@{}", step.kind.name(), step.host);
        self.log.lock().unwrap().push(format!("{prefix}{name}"));
        name
    }

    fn log(&self) -> Vec<String> {
        self.log.lock().unwrap().clone()
    }
}

impl StepRunner for Recorder {
    fn run<'a>(&'a self, step: &'a Step) -> StepFuture<'a> {
        Box::pin(async move {
            let name = self.note("", step);
            if let Some((at, sender)) = &self.interrupts
                && *at == name
            {
                sender.send(true).unwrap();
            }
            if self.fails.contains(&name.as_str()) {
                return Err(Error::user("it broke"));
            }
            Ok(())
        })
    }

    fn undo<'a>(&'a self, step: &'a Step) -> StepFuture<'a> {
        Box::pin(async move {
            let name = self.note("undo ", step);
            if self.undo_fails.contains(&name.as_str()) {
                return Err(Error::user("it stuck"));
            }
            Ok(())
        })
    }
}

fn kind(name: &str) -> StepKind {
    let (service, replica, container) = ("web".parse().unwrap(), 1, "c".to_owned());
    match name {
        "ship" => StepKind::Ship {
            blobs: vec![],
            images: vec![],
        },
        "start" => StepKind::Start {
            service,
            replica,
            container,
            body: Box::default(),
            networks: BTreeMap::new(),
            replaces: None,
            post_start: vec![],
        },
        "health" => StepKind::Health {
            service,
            replica,
            container,
            healthcheck: true,
            probe: None,
            timeout: 5,
            completes: false,
            may_end: false,
            optional: false,
            watch: 0,
        },
        "route" => StepKind::Route {
            driver: "none".into(),
            files: vec![],
            before: vec![],
            routes: vec![],
        },
        "stop" => StepKind::Stop {
            service,
            replica,
            container,
            grace: 1,
            pre_stop: vec![],
            post_start: vec![],
        },
        "commit" => StepKind::Commit {},
        "remove" => StepKind::Remove {
            service,
            replica,
            container,
        },
        other => panic!("no such step in these tests: {other}"),
    }
}

/// `["ship@a ship@b", "start@a"]`: one string per stage.
fn plan(stages: &[&str]) -> Plan {
    let mut id = 0;
    let stages = stages
        .iter()
        .map(|text| Stage {
            name: (*text).to_owned(),
            steps: text
                .split(' ')
                .map(|word| {
                    let (name, host) = word.split_once('@').unwrap();
                    id += 1;
                    Step {
                        id: id - 1,
                        host: host.parse().unwrap(),
                        kind: kind(name),
                    }
                })
                .collect(),
        })
        .collect();
    Plan {
        version: 1,
        key: StackKey {
            context: "lab".parse().unwrap(),
            project: "shop".parse().unwrap(),
        },
        action: Action::Up,
        release: ReleaseId(2),
        previous: Some(ReleaseId(1)),
        hosts: vec![],
        services: IndexMap::new(),
        images: vec![],
        routes: vec![],
        warnings: vec![],
        stages,
        state: None,
    }
}

async fn walk(plan: &Plan, runner: &Recorder, on_failure: OnFailure) -> crate::error::Result<()> {
    let (_sender, interrupt) = Interrupt::manual();
    walk_with(plan, runner, on_failure, interrupt).await
}

async fn walk_with(
    plan: &Plan,
    runner: &Recorder,
    on_failure: OnFailure,
    interrupt: Interrupt,
) -> crate::error::Result<()> {
    Walk {
        plan,
        runner,
        events: &Events::none(),
        interrupt,
        on_failure,
        concurrency: 4,
        journal: &|_| {},
    }
    .run()
    .await
}

const ROLLOUT: [&str; 8] = [
    "ship@a ship@b",
    "start@a",
    "health@a",
    "route@a route@b",
    "stop@a",
    "start@b",
    "health@b",
    "commit@a commit@b",
];

#[tokio::test]
async fn a_good_plan_runs_in_order_and_undoes_nothing() {
    let runner = Recorder::default();
    walk(&plan(&ROLLOUT), &runner, OnFailure::Rollback)
        .await
        .unwrap();
    let expected: Vec<&str> = ROLLOUT.iter().flat_map(|stage| stage.split(' ')).collect();
    assert_eq!(runner.log(), expected);
}

#[tokio::test]
async fn a_failing_health_check_takes_everything_back_in_reverse() {
    let runner = Recorder {
        fails: vec!["health@b"],
        ..Recorder::default()
    };
    let error = walk(&plan(&ROLLOUT), &runner, OnFailure::Rollback)
        .await
        .unwrap_err();
    assert_eq!(error.kind(), Kind::Undone);
    assert!(error.hints()[0].contains("r1"), "{error:?}");
    let undone: Vec<String> = runner
        .log()
        .into_iter()
        .filter(|line| line.starts_with("undo"))
        .collect();
    assert_eq!(
        undone,
        [
            "undo start@b",
            "undo stop@a",
            "undo route@b",
            "undo route@a",
            "undo start@a"
        ]
    );
}

#[tokio::test]
async fn keep_takes_back_only_the_failing_batch() {
    let runner = Recorder {
        fails: vec!["health@b"],
        ..Recorder::default()
    };
    let error = walk(&plan(&ROLLOUT), &runner, OnFailure::Keep)
        .await
        .unwrap_err();
    assert_eq!(error.kind(), Kind::NeedsAttention);
    assert_eq!(runner.log().last().unwrap(), "undo start@b");
    assert!(!runner.log().contains(&"undo start@a".to_owned()));
}

#[tokio::test]
async fn pause_takes_nothing_back() {
    let runner = Recorder {
        fails: vec!["health@b"],
        ..Recorder::default()
    };
    let error = walk(&plan(&ROLLOUT), &runner, OnFailure::Pause)
        .await
        .unwrap_err();
    assert_eq!(error.kind(), Kind::NeedsAttention);
    assert_eq!(runner.log().last().unwrap(), "health@b");
}

#[tokio::test]
async fn what_cannot_be_undone_is_named() {
    let runner = Recorder {
        fails: vec!["health@a"],
        undo_fails: vec!["start@a"],
        ..Recorder::default()
    };
    let error = walk(&plan(&ROLLOUT), &runner, OnFailure::Rollback)
        .await
        .unwrap_err();
    assert_eq!(error.kind(), Kind::NeedsAttention);
    assert!(
        error
            .causes()
            .iter()
            .any(|cause| cause.contains("could not undo `start` on host `a`")),
        "{error:?}"
    );
}

#[tokio::test]
async fn an_interrupt_undoes_and_says_so() {
    let (sender, interrupt) = Interrupt::manual();
    let runner = Recorder {
        interrupts: Some(("health@a", sender)),
        ..Recorder::default()
    };
    let error = walk_with(&plan(&ROLLOUT), &runner, OnFailure::Rollback, interrupt)
        .await
        .unwrap_err();
    assert_eq!(error.kind(), Kind::Interrupted);
    assert_eq!(runner.log().last().unwrap(), "undo start@a");
}

#[tokio::test]
async fn a_partly_failed_commit_keeps_the_release_and_needs_attention() {
    let runner = Recorder {
        fails: vec!["commit@b"],
        ..Recorder::default()
    };
    let error = walk(&plan(&ROLLOUT), &runner, OnFailure::Rollback)
        .await
        .unwrap_err();
    assert_eq!(error.kind(), Kind::NeedsAttention);
    assert!(!runner.log().iter().any(|line| line.starts_with("undo")));
}

#[tokio::test]
async fn a_commit_that_fails_everywhere_is_undone() {
    let runner = Recorder {
        fails: vec!["commit@a", "commit@b"],
        ..Recorder::default()
    };
    let error = walk(&plan(&ROLLOUT), &runner, OnFailure::Rollback)
        .await
        .unwrap_err();
    assert_eq!(error.kind(), Kind::Undone);
    assert!(runner.log().contains(&"undo route@a".to_owned()));
}

#[tokio::test]
async fn left_over_containers_only_warn() {
    let runner = Recorder {
        fails: vec!["remove@a"],
        ..Recorder::default()
    };
    walk(
        &plan(&["start@a", "commit@a", "remove@a remove@b"]),
        &runner,
        OnFailure::Rollback,
    )
    .await
    .unwrap();
    assert!(runner.log().contains(&"remove@b".to_owned()));
}
