//! Pipelines, and proxy drivers outside a rollout.

use std::sync::Mutex;
use std::time::Duration;

use webpods::error::{Error, Kind, Result};
use webpods::event::Events;
use webpods::script::{PhaseFuture, Phases, Pipeline, ProxyDriver, Scripts};

use super::acting::{node, recorder};
use super::project;

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
