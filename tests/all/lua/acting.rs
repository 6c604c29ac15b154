//! Step scripts and hooks on this machine as host, without an engine.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::json;
use tempfile::TempDir;
use webpods::docker::{Node, Nodes};
use webpods::error::{Error, Kind, Result};
use webpods::event::{Event, Events};
use webpods::image::Store;
use webpods::model::{Context, Ssh};
use webpods::plan::{Plan, Step, StepKind};
use webpods::remote::Host;
use webpods::script::{Runner, Scene, Scripts};

use super::{host, project};

/// A runner whose steps are these scripts, and what they log.
pub(super) struct Bench {
    runner: Runner,
    node: Arc<Node>,
    logged: Arc<Mutex<Vec<String>>>,
    _project: TempDir,
    _store: TempDir,
}

pub(super) fn node(events: &Events) -> Arc<Node> {
    let local = webpods::model::Host {
        name: host("here"),
        addr: "127.0.0.1".to_owned(),
        mesh_ip: None,
        user: None,
        port: None,
        labels: std::collections::BTreeMap::default(),
        local: true,
    };
    Node::new(Host::new(&Ssh::default(), &local, events).unwrap())
}

pub(super) fn recorder() -> (Events, Arc<Mutex<Vec<String>>>) {
    let logged = Arc::new(Mutex::new(Vec::new()));
    let into = Arc::clone(&logged);
    let events = Events::new(move |event| {
        if let Event::ScriptLog { message, .. } = event {
            into.lock().unwrap().push(message);
        }
    });
    (events, logged)
}

pub(super) fn plan() -> Plan {
    serde_json::from_value(json!({
        "version": 1, "context": "lab", "project": "shop", "action": "up", "release": "r7",
        "previous": "r6", "hosts": [], "services": {}, "images": [], "routes": [],
        "warnings": [], "stages": [], "state": null,
    }))
    .unwrap()
}

impl Bench {
    pub(super) fn new(scripts: &[(&str, &str)]) -> Self {
        let (events, logged) = recorder();
        let folder = project(scripts);
        let store = tempfile::tempdir().unwrap();
        let scene = Scene {
            context: Context {
                name: "lab".parse().unwrap(),
                provider: None,
                ssh: Ssh::default(),
                hosts: Vec::new(),
                defaults: webpods::model::Defaults::default(),
                proxy: webpods::model::Proxy::default(),
                artifacts: webpods::model::Artifacts::default(),
                ports: webpods::model::Ports::default(),
                safety: serde_json::from_value(json!({
                    "level": "safe", "allow_from": ["local"],
                    "confirm": {"required_for": [], "token": "lab"},
                }))
                .unwrap(),
            },
            nodes: Nodes::default(),
            plan: Arc::new(plan()),
            store: Store::at(store.path()).unwrap(),
            lease: None,
            state: None,
            events: events.clone(),
        };
        let scripts = Scripts::discover(Some(folder.path())).unwrap();
        Self {
            runner: Runner::new(&scripts, scene, &Nodes::default()).unwrap(),
            node: node(&events),
            logged,
            _project: folder,
            _store: store,
        }
    }

    /// A bench whose `commit` step does `body` with `host` and `step`.
    pub(super) fn doing(body: &str) -> Self {
        let script = format!("return {{ run = function(host, step)\n{body}\nend }}");
        Self::new(&[("steps/commit.lua", &script)])
    }

    pub(super) async fn run(&self, kind: StepKind) -> Result<()> {
        self.runner.run_on(&self.node, &step(kind)).await
    }

    pub(super) async fn undo(&self, kind: StepKind) -> Result<()> {
        self.runner.undo_on(&self.node, &step(kind)).await
    }

    pub(super) fn logged(&self) -> Vec<String> {
        self.logged.lock().unwrap().clone()
    }
}

fn step(kind: StepKind) -> Step {
    Step {
        id: 0,
        host: host("here"),
        kind,
    }
}

pub(super) async fn fails(body: &str) -> Error {
    Bench::doing(body)
        .run(StepKind::Commit {})
        .await
        .unwrap_err()
}

#[tokio::test]
async fn a_step_sees_its_host_its_fields_and_the_plan() {
    let bench = Bench::new(&[(
        "steps/stop.lua",
        "return { run = function(host, step)
            print(host.name, host.is_local, step.kind, step.container, step.grace)
            print(webpods.plan.context, webpods.plan.project, webpods.plan.release, webpods.plan.previous)
            print(webpods.plan.stages, webpods.plan.state)
        end }",
    )]);
    let stop = StepKind::Stop {
        service: "web".parse().unwrap(),
        replica: 2,
        container: "shop-web-2".to_owned(),
        grace: 10,
        pre_stop: Vec::new(),
        post_start: Vec::new(),
    };
    bench.run(stop).await.unwrap();
    assert_eq!(
        bench.logged(),
        ["here true stop shop-web-2 10", "lab shop r7 r6", "nil nil"]
    );
}

#[tokio::test]
async fn commands_get_their_arguments_unharmed() {
    let bench = Bench::doing(
        "local hostile = { \"a b\", \"$(id)\", \"'; exit 3; '\", \"\\n\", \"*\" }
        local result = host:run({ 'printf', '[%s]', table.unpack(hostile) })
        print(result.status, result.stdout)
        print(host:sh('printf \"%s|\" \"$@\"; cat', hostile, { input = 'fed' }).stdout)
        print(host:sh('exit 4', {}, { allow_failure = true }).status)",
    );
    bench.run(StepKind::Commit {}).await.unwrap();
    assert_eq!(
        bench.logged(),
        [
            "0 [a b][$(id)]['; exit 3; '][\n][*]",
            "a b|$(id)|'; exit 3; '|\n|*|fed",
            "4",
        ]
    );
}

#[tokio::test]
async fn a_command_that_fails_ends_the_step_with_its_words() {
    let error = fails("host:sh('echo no disk >&2; exit 3', {}, { doing = 'count sheep' })").await;
    assert_eq!(error.kind(), Kind::User);
    assert_eq!(error.message(), "cannot count sheep on host `here`");
    assert_eq!(error.causes()[0], "no disk");
    assert!(error.causes()[1].contains("called from `.webpods/steps/commit.lua:2`"));
    let error = fails("host:run({})").await;
    assert!(error.message().contains("needs a program"), "{error}");
    let error = fails("host:sh('true', {}, { alow_failure = true })").await;
    assert!(
        error.message().contains("did you mean `allow_failure`?"),
        "{error}"
    );
}

#[tokio::test]
async fn our_errors_keep_kind_and_hints_through_pcall() {
    let error =
        fails("local ok, why = pcall(webpods.deny, 'no', 'wait') assert(not ok) error(why)").await;
    assert_eq!(error.kind(), Kind::Refused);
    assert_eq!(error.message(), "no");
    assert_eq!(error.hints(), ["wait"]);
    let bench = Bench::doing(
        "local ok, why = pcall(host.sh, host, 'echo inner >&2; exit 1') print(ok, tostring(why))",
    );
    bench.run(StepKind::Commit {}).await.unwrap();
    assert!(
        bench.logged()[0].starts_with("false cannot run a script's command on host `here`: inner")
    );
}

#[tokio::test]
async fn waiting_costs_nothing_and_work_is_limited() {
    let bench = Bench::doing("webpods.sleep(0.7) print('slept') webpods.sleep(0)");
    bench.run(StepKind::Commit {}).await.unwrap();
    assert_eq!(bench.logged(), ["slept"]);
    for body in [
        "while true do end",
        "webpods.sleep(0.01) while true do end",
        "while true do pcall(function() while true do end end) end",
        "webpods.each({ 1, 2 }, {}, function() while true do end end)",
        "pcall(function() while true do end end) webpods.sleep(60)",
    ] {
        let begun = Instant::now();
        let error = fails(body).await;
        assert!(
            error.message().contains("ran longer than 500 ms"),
            "{body}: {error}"
        );
        assert!(begun.elapsed() < Duration::from_secs(30), "{body}");
    }
    for body in [
        "webpods.sleep(-1)",
        "webpods.sleep(0/0)",
        "webpods.sleep(math.huge)",
    ] {
        let error = fails(body).await;
        assert!(error.message().contains("cannot wait"), "{body}: {error}");
    }
}

#[tokio::test]
async fn one_endless_script_does_not_stop_the_others() {
    let bench = Bench::new(&[
        (
            "steps/commit.lua",
            "return { run = function() while true do end end }",
        ),
        (
            "steps/ship.lua",
            "return { run = function() for i = 1, 5 do webpods.sleep(0.01) end print('done') end }",
        ),
    ]);
    let ship = StepKind::Ship {
        blobs: Vec::new(),
        images: Vec::new(),
    };
    let (endless, other) = tokio::join!(bench.run(StepKind::Commit {}), bench.run(ship));
    assert!(endless.unwrap_err().message().contains("ran longer than"));
    other.unwrap();
    assert_eq!(bench.logged(), ["done"]);
}

#[tokio::test]
async fn each_runs_side_by_side_and_keeps_the_order() {
    let bench = Bench::doing(
        "local running, most = 0, 0
        local results = webpods.each({ 'a', 'b', 'c', 'd' }, { concurrency = 2 }, function(item, index)
            running += 1
            most = math.max(most, running)
            webpods.sleep(0.05 / index)
            running -= 1
            return item .. index
        end)
        print(table.concat(results, ' '), most)
        print(#webpods.each({}, nil, function() error('never') end))",
    );
    bench.run(StepKind::Commit {}).await.unwrap();
    assert_eq!(bench.logged(), ["a1 b2 c3 d4 2", "0"]);
    for (body, expected) in [
        (
            "webpods.each({ 1, 2 }, {}, function(i) error('item ' .. i) end)",
            "item 1",
        ),
        (
            "webpods.each({ 1 }, { concurrency = 0 }, print)",
            "between 1 and 64",
        ),
        (
            "webpods.each({ 1 }, { concurency = 2 }, print)",
            "did you mean `concurrency`?",
        ),
    ] {
        let error = fails(body).await;
        assert!(error.to_string().contains(expected), "{body}: {error}");
    }
}

#[tokio::test]
async fn hooks_surround_steps_and_can_block_them() {
    let hooks = "webpods.on('before_commit', function(host, step)
            print('before', host.name, step.kind)
            if host:read('/nonexistent') then error('never') end
        end)
        webpods.on('after_commit', function(host, step) print('after') end)
        webpods.on('released', function(plan) print('released', plan.release) end)
        webpods.on('failed', function(plan, why) print('failed', why) end)";
    let bench = Bench::new(&[
        ("hooks.lua", hooks),
        (
            "steps/commit.lua",
            "return { run = function() print('run') end }",
        ),
    ]);
    bench.run(StepKind::Commit {}).await.unwrap();
    bench.runner.announce_released().await.unwrap();
    bench
        .runner
        .announce_failed(&Error::user("why"))
        .await
        .unwrap();
    assert_eq!(
        bench.logged(),
        [
            "before here commit",
            "run",
            "after",
            "released r7",
            "failed why"
        ]
    );

    let bench = Bench::new(&[
        (
            "hooks.lua",
            "webpods.on('before_commit', function() webpods.deny('frozen') end)",
        ),
        (
            "steps/commit.lua",
            "return { run = function() print('run') end }",
        ),
    ]);
    let error = bench.run(StepKind::Commit {}).await.unwrap_err();
    assert_eq!((error.kind(), error.message()), (Kind::Refused, "frozen"));
    assert!(bench.logged().is_empty());
}

#[tokio::test]
async fn undo_is_optional() {
    let bench = Bench::new(&[
        ("steps/commit.lua", "return { run = function() end }"),
        (
            "steps/remove.lua",
            "return { run = function() end, undo = function(host, step) print('back', step.replica) end }",
        ),
    ]);
    bench.undo(StepKind::Commit {}).await.unwrap();
    let remove = step(StepKind::Remove {
        service: "web".parse().unwrap(),
        replica: 3,
        container: "x".to_owned(),
    });
    bench.runner.undo_on(&bench.node, &remove).await.unwrap();
    assert_eq!(bench.logged(), ["back 3"]);
}
