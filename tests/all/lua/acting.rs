//! Step scripts, hooks and pipelines on this machine as host, without an engine.

use std::os::unix::fs::PermissionsExt as _;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::json;
use tempfile::TempDir;
use webpods::docker::{Node, Nodes};
use webpods::error::{Error, Kind, Result};
use webpods::event::{Event, Events};
use webpods::image::Store;
use webpods::model::{Context, Ssh};
use webpods::plan::{FileSource, Plan, StagedFile, Step, StepKind};
use webpods::remote::Host;
use webpods::script::{PhaseFuture, Phases, Pipeline, ProxyDriver, Runner, Scene, Scripts};

use super::{host, project};

/// A runner whose steps are these scripts, and what they log.
pub(super) struct Bench {
    runner: Runner,
    node: Arc<Node>,
    logged: Arc<Mutex<Vec<String>>>,
    _project: TempDir,
    _store: TempDir,
}

fn node(events: &Events) -> Arc<Node> {
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

fn recorder() -> (Events, Arc<Mutex<Vec<String>>>) {
    let logged = Arc::new(Mutex::new(Vec::new()));
    let into = Arc::clone(&logged);
    let events = Events::new(move |event| {
        if let Event::ScriptLog { message, .. } = event {
            into.lock().unwrap().push(message);
        }
    });
    (events, logged)
}

fn plan() -> Plan {
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

async fn fails(body: &str) -> Error {
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
async fn files_are_written_whole_read_and_removed() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().display();
    let bench = Bench::doing(&format!(
        "local root = '{root}'
        local bytes = {{}}
        for i = 0, 255 do table.insert(bytes, string.char(i)) end
        local all = string.rep(table.concat(bytes), 1000)
        host:write({{
            {{ path = root .. '/a b/one', content = 'first\\n' }},
            {{ path = root .. '/empty', content = '' }},
            {{ path = root .. '/bytes', content = all, mode = tonumber('600', 8) }},
        }})
        assert(host:read(root .. '/a b/one') == 'first\\n')
        assert(host:read(root .. '/empty') == '')
        assert(host:read(root .. '/bytes') == all)
        assert(host:read(root .. '/nothing') == nil)
        host:write({{ {{ path = root .. '/a b/one', content = 'second' }} }})
        assert(host:read(root .. '/a b/one') == 'second')
        host:remove({{ root .. '/empty', root .. '/nothing' }})
        host:write({{}})
        host:remove({{}})"
    ));
    bench.run(StepKind::Commit {}).await.unwrap();
    let mode = |name: &str| {
        let metadata = folder.path().join(name).metadata().unwrap();
        metadata.permissions().mode() & 0o7777
    };
    assert_eq!(mode("bytes"), 0o600);
    assert_eq!(mode("a b/one"), 0o644);
    let mut left: Vec<_> = std::fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    left.sort();
    assert_eq!(left, ["a b", "bytes"], "no temporary names are left");
}

#[tokio::test]
async fn paths_that_are_none_are_refused() {
    for path in ["x", "/a/../b", "/", "", "/a\\n", "/a/", "~/x"] {
        for body in [
            format!("host:read('{path}')"),
            format!("host:write({{ {{ path = '{path}', content = '' }} }})"),
            format!("host:remove({{ '{path}' }})"),
        ] {
            let error = fails(&body).await;
            assert!(
                error.message().contains("is not an absolute path"),
                "{body}: {error}"
            );
        }
    }
    for (body, expected) in [
        (
            "host:write({ { path = '/tmp/x', content = 'x', mod = 1 } })",
            "did you mean `mode`?",
        ),
        (
            "host:write({ { path = '/tmp/x', content = 'x', mode = 99999 } })",
            "not a file mode",
        ),
        ("host:write({ { path = '/tmp/x' } })", "commit.lua:2"),
        (
            "host:read('/proc/1/mem')",
            "cannot read `/proc/1/mem` on host `here`",
        ),
    ] {
        let error = fails(body).await;
        assert!(error.to_string().contains(expected), "{body}: {error}");
    }
}

#[tokio::test]
async fn http_goes_to_the_hosts_own_ports() {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut request = vec![0; 4096];
        let read = stream.read(&mut request).await.unwrap();
        let answer = b"HTTP/1.1 503 Busy\r\nContent-Length: 4\r\n\r\nwait";
        stream.write_all(answer).await.unwrap();
        (
            String::from_utf8_lossy(&request[..read]).into_owned(),
            listener,
        )
    });
    let bench = Bench::doing(&format!(
        "local answer = host:http_get({{ port = {port}, path = '/health?x=1', host = 'shop.test' }})
        print(answer.status, answer.body)"
    ));
    bench.run(StepKind::Commit {}).await.unwrap();
    assert_eq!(bench.logged(), ["503 wait"]);
    let (request, listener) = server.await.unwrap();
    assert!(
        request.starts_with("GET /health?x=1 HTTP/1.1\r\n"),
        "{request}"
    );
    assert!(
        request.to_lowercase().contains("host: shop.test\r\n"),
        "{request}"
    );

    // Nobody accepts: the answer does not come. Then nobody listens.
    let bench = Bench::doing(&format!(
        "print(host:http_get({{ port = {port}, timeout = 0.2 }}))"
    ));
    bench.run(StepKind::Commit {}).await.unwrap();
    assert_eq!(bench.logged(), ["nil no answer within 0.2 s"]);
    drop(listener);
    bench.run(StepKind::Commit {}).await.unwrap();
    assert!(
        bench.logged()[1].starts_with("nil nothing answers on port"),
        "{:?}",
        bench.logged()
    );
}

#[tokio::test]
async fn hostile_requests_are_refused() {
    for (body, expected) in [
        (
            "host:http_get({ port = 80, path = 'x' })",
            "does not start with `/`",
        ),
        ("host:http_get({ port = 80, timeout = -1 })", "timeout"),
        ("host:http_get({ port = 99999 })", "commit.lua:2"),
        ("host:http_get({ prt = 80 })", "did you mean `port`?"),
    ] {
        let error = fails(body).await;
        assert!(error.to_string().contains(expected), "{body}: {error}");
    }
    // Header injection ends before anything is sent.
    let bench = Bench::doing("print(host:http_get({ port = 9, path = '/ x\\r\\nA: b' }))");
    bench.run(StepKind::Commit {}).await.unwrap();
    assert!(
        bench.logged()[0].starts_with("nil the request is not valid"),
        "{:?}",
        bench.logged()
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

#[tokio::test]
async fn files_of_a_release_are_staged_once_with_their_modes() {
    let source = tempfile::tempdir().unwrap();
    std::fs::create_dir(source.path().join("conf.d")).unwrap();
    std::fs::write(source.path().join("conf.d/a.conf"), "a").unwrap();
    std::os::unix::fs::symlink("a.conf", source.path().join("conf.d/link")).unwrap();
    std::fs::write(source.path().join("one.txt"), "one").unwrap();
    let target = tempfile::tempdir().unwrap();
    let path = |name: &str| target.path().join("files").join(name);
    let staged = |name: &str, mode, source| StagedFile {
        path: path(name).display().to_string(),
        mode,
        source,
        uid: None,
        gid: None,
        secret: true,
    };
    let files = vec![
        staged("s3cret", 0o400, FileSource::Content(b"hunter2\0".to_vec())),
        staged(
            "folder",
            0o755,
            FileSource::Local(source.path().join("conf.d")),
        ),
        staged(
            "one",
            0o444,
            FileSource::Local(source.path().join("one.txt")),
        ),
    ];
    let prepare = StepKind::Prepare {
        networks: Vec::new(),
        volumes: Vec::new(),
        files,
    };
    let script = "return { run = function(host, step)
        for _, file in step.files do assert(file.source == nil) end
        print(step.files[1].folder, step.files[2].folder)
        host:stage(step.files)
    end }";
    let bench = Bench::new(&[("steps/prepare.lua", script)]);
    bench.run(prepare.clone()).await.unwrap();
    assert_eq!(bench.logged(), ["false true"]);
    assert_eq!(std::fs::read(path("s3cret")).unwrap(), b"hunter2\0");
    let mode = |name: &str| path(name).metadata().unwrap().permissions().mode() & 0o7777;
    assert_eq!((mode("s3cret"), mode("one")), (0o400, 0o444));
    assert_eq!(std::fs::read_to_string(path("folder/link")).unwrap(), "a");
    assert!(path("folder/link").symlink_metadata().unwrap().is_symlink());

    // What is there is not sent again; what is gone comes back.
    std::fs::remove_file(path("one")).unwrap();
    std::fs::write(path("folder/a.conf"), "kept").unwrap();
    bench.run(prepare).await.unwrap();
    assert_eq!(std::fs::read_to_string(path("one")).unwrap(), "one");
    assert_eq!(
        std::fs::read_to_string(path("folder/a.conf")).unwrap(),
        "kept"
    );
    assert_eq!(
        std::fs::read_dir(target.path().join("files"))
            .unwrap()
            .count(),
        3
    );
}

#[tokio::test]
async fn staging_says_which_file_cannot_be_read() {
    let target = tempfile::tempdir().unwrap();
    let file = |source| StagedFile {
        path: target.path().join("f").display().to_string(),
        mode: 0o444,
        source,
        uid: None,
        gid: None,
        secret: false,
    };
    for (source, expected) in [
        (FileSource::Local("/nonexistent/x".into()), "No such file"),
        (FileSource::Kept, "is gone"),
    ] {
        let bench = Bench::new(&[(
            "steps/prepare.lua",
            "return { run = function(host, step) host:stage(step.files) end }",
        )]);
        let prepare = StepKind::Prepare {
            networks: Vec::new(),
            volumes: Vec::new(),
            files: vec![file(source)],
        };
        let error = bench.run(prepare).await.unwrap_err();
        assert!(
            error.message().contains("cannot read what goes to `"),
            "{error}"
        );
        assert!(error.to_string().contains(expected), "{error}");
        assert!(!target.path().join("f").exists());
    }
    let error = fails("host:stage({})").await;
    assert!(error.message().contains("`prepare` step only"), "{error}");
}

/// Phases that note their names; `plan` fails when it is asked for first.
#[derive(Default)]
struct Noted(Mutex<Vec<String>>);

impl Phases for Noted {
    fn names(&self) -> &'static [&'static str] {
        &["guard", "build", "observe", "plan", "show", "lock", "apply"]
    }

    fn phase<'a>(&'a self, name: &'a str) -> PhaseFuture<'a> {
        Box::pin(async move {
            tokio::time::sleep(Duration::from_millis(1)).await;
            let mut noted = self.0.lock().unwrap();
            if name == "plan" && noted.is_empty() {
                return Err(Error::new(Kind::Locked, "too early").hint("wait"));
            }
            noted.push(name.to_owned());
            Ok(())
        })
    }
}

async fn pipeline(script: Option<&str>, verb: &str) -> (Result<()>, Vec<String>) {
    let folder = match script {
        Some(text) => project(&[(&format!("pipeline/{verb}.lua"), text)]),
        None => project(&[]),
    };
    let scripts = Scripts::discover(Some(folder.path())).unwrap();
    let noted = Noted::default();
    let result = match Pipeline::new(&scripts, verb, &Events::none()) {
        Ok(pipeline) => pipeline.run(&noted).await,
        Err(error) => Err(error),
    };
    (result, noted.0.into_inner().unwrap())
}

#[tokio::test]
async fn built_in_pipelines_call_every_phase_in_order() {
    let (result, noted) = pipeline(None, "up").await;
    result.unwrap();
    assert_eq!(
        noted,
        ["guard", "build", "observe", "plan", "show", "lock", "apply"]
    );
    for verb in ["rollback", "down"] {
        let (result, noted) = pipeline(None, verb).await;
        result.unwrap();
        assert_eq!(noted, ["guard", "observe", "plan", "show", "lock", "apply"]);
    }
}

#[tokio::test]
async fn a_project_puts_its_own_steps_between_phases() {
    let script = "return function(run)
        run.build()
        local result = webpods.sh({ 'sh', '-c', 'pwd; echo warn >&2' })
        assert(result.status == 0 and result.stderr == 'warn\\n')
        webpods.each({ 1, 2 }, {}, function() run.observe() end)
        run.plan()
    end";
    let (result, noted) = pipeline(Some(script), "up").await;
    result.unwrap();
    assert_eq!(noted, ["build", "observe", "observe", "plan"]);
}

#[tokio::test]
async fn a_pipeline_that_fails_says_why() {
    for (script, kind, expected) in [
        (
            "return function(run) run.plan() end",
            Kind::Locked,
            "too early",
        ),
        (
            "return function(run) run.deploy() end",
            Kind::User,
            "there is no phase `deploy`",
        ),
        (
            "return function(run) error('broken') end",
            Kind::User,
            "broken",
        ),
        ("return {}", Kind::User, "in place of a function"),
        (
            "return function(run) webpods.sh({ 'false' }) end",
            Kind::User,
            "ended with status 1",
        ),
        (
            "return function(run) run.build = nil end",
            Kind::User,
            "readonly",
        ),
        (
            "return function(run) while true do end end",
            Kind::User,
            "ran longer than",
        ),
    ] {
        let (result, noted) = pipeline(Some(script), "up").await;
        let error = result.unwrap_err();
        assert_eq!(error.kind(), kind, "{script}: {error}");
        assert!(error.to_string().contains(expected), "{script}: {error}");
        assert!(noted.is_empty(), "{script}");
    }
    let (result, _) = pipeline(None, "upp").await;
    let error = result.unwrap_err();
    assert!(
        error.message().contains("did you mean `pipeline/up`?"),
        "{error}"
    );
}

#[tokio::test]
async fn proxy_drivers_are_asked_outside_a_rollout() {
    let folder = project(&[(
        "proxy/mine.lua",
        "return {
            status = function(host) return { running = true, domains = { host.name } } end,
            reload = function(host) error('cannot') end,
            remove = function(host, project) print(project.context, project.project) end,
            verify = function(host, routes) print(#routes) end,
        }",
    )]);
    let (events, logged) = recorder();
    let scripts = Scripts::discover(Some(folder.path())).unwrap();
    let driver = ProxyDriver::new(&scripts, "mine", &events).unwrap();
    let node = node(&events);
    let status = driver.status(&node).await.unwrap();
    assert!(status.running);
    assert_eq!(status.domains, ["here"]);
    driver.remove(&node, "lab", "shop").await.unwrap();
    driver.verify(&node, &[]).await.unwrap();
    assert_eq!(*logged.lock().unwrap(), ["lab shop", "0"]);
    let error = driver.reload(&node).await.unwrap_err();
    assert!(
        error.to_string().contains(".webpods/proxy/mine.lua:3"),
        "{error}"
    );

    let absent = ProxyDriver::new(&scripts, "none", &events).unwrap();
    assert!(!absent.status(&node).await.unwrap().running);
    absent.reload(&node).await.unwrap();
    let error = ProxyDriver::new(&scripts, "cady", &events).err().unwrap();
    assert!(
        error.message().contains("did you mean `proxy/caddy`?"),
        "{error}"
    );
}
