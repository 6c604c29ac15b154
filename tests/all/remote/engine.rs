//! The Engine API against an engine that plays its part, on this machine and over ssh.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use tokio::io::AsyncWriteExt;
use tokio::net::UnixListener;

use webpods::docker::{Engine, ExecOptions, Found, LogOptions, Source};
use webpods::error::{Error, Kind};
use webpods::event::Events;
use webpods::model::{self, Ssh, Store};
use webpods::remote::{Host, Options};

use super::sshd::Sshd;
use crate::fake_engine::{Fake, modern};

pub(super) fn host(local: bool) -> model::Host {
    model::Host {
        name: "web-1".parse().unwrap(),
        addr: "127.0.0.1".to_owned(),
        mesh_ip: None,
        user: None,
        port: None,
        labels: BTreeMap::new(),
        local,
    }
}

async fn engine_of(fake: &Fake) -> Result<Engine, Error> {
    connect_local(&fake.socket).await
}

async fn connect_local(socket: &Path) -> Result<Engine, Error> {
    let options = Options {
        engine: Some(socket.to_owned()),
        ..Options::default()
    };
    let host = Host::with(&Ssh::default(), &host(true), &Events::none(), &options)?;
    Ok(Engine::connect(host).await?)
}

#[tokio::test]
async fn every_call_names_the_api_version() {
    let folder = tempfile::tempdir().unwrap();
    let fake = Fake::start(folder.path(), modern);
    let engine = engine_of(&fake).await.unwrap();
    let identity = engine.identity();
    assert_eq!(identity.version, "26.1.5");
    assert_eq!(identity.platform, "linux/amd64");
    assert_eq!(identity.api, "1.45");
    assert_eq!(identity.store, Store::Containerd);
    for _ in 0..10 {
        engine.containers(&["a=b".to_owned()]).await.unwrap();
    }
    engine.start("web").await.unwrap();
    let heard = fake.heard();
    let rest = heard
        .iter()
        .filter(|line| !line.ends_with("/version") && !line.ends_with("/info"));
    assert!(
        rest.clone().all(|line| line.contains(" /v1.45/")),
        "{heard:?}"
    );
    assert!(
        heard.contains(
            &"GET /v1.45/containers/json?all=1&filters=%7B%22label%22%3A%5B%22a%3Db%22%5D%7D"
                .to_owned()
        )
    );
    assert!(fake.connections() <= 2, "connections are used again");
}

#[tokio::test]
async fn refusals_keep_their_status() {
    let folder = tempfile::tempdir().unwrap();
    let fake = Fake::start(folder.path(), modern);
    let engine = engine_of(&fake).await.unwrap();
    assert!(engine.inspect("gone").await.found().unwrap().is_none());
    assert!(engine.inspect("web").await.found().unwrap().is_some());
    let conflict = engine
        .create_container("web", &serde_json::json!({}), None)
        .await
        .unwrap_err();
    assert!(conflict.is_conflict() && !conflict.is_not_found());
    let error = conflict.into_error();
    assert_eq!(
        error.message(),
        "cannot create container `web` on host `web-1`"
    );
    assert_eq!(error.causes(), ["The name is in use"]);
    let chunks = futures_util::stream::iter([Ok("tar".into())]);
    let full: Error = engine.load_images(chunks).await.unwrap_err().into();
    assert_eq!(full.causes(), ["write: no space left on device"]);
    assert!(full.hints()[0].contains("disk space"));
    for name in ["../info", "", "a/../../info", "."] {
        let before = fake.heard().len();
        assert!(engine.inspect(name).await.is_err());
        assert_eq!(fake.heard().len(), before, "{name:?} is never sent");
    }
}

#[tokio::test]
async fn an_engine_that_closes_idle_connections_is_asked_again() {
    let folder = tempfile::tempdir().unwrap();
    let fake = Fake::start(folder.path(), modern);
    let engine = engine_of(&fake).await.unwrap();
    for _ in 0..20 {
        engine.inspect_network("close-after-me").await.unwrap();
    }
}

#[tokio::test]
async fn logs_come_as_lines_with_their_time_and_stream() {
    let folder = tempfile::tempdir().unwrap();
    let fake = Fake::start(folder.path(), modern);
    let engine = engine_of(&fake).await.unwrap();
    let options = LogOptions {
        tail: Some(5),
        since: Some("17.5".to_owned()),
        ..LogOptions::default()
    };
    let lines: Vec<_> = engine.logs("web", &options).await.unwrap().collect().await;
    let lines: Vec<_> = lines.into_iter().map(Result::unwrap).collect();
    assert_eq!(lines[0].text, "out");
    assert_eq!(
        (lines[1].source, lines[1].text.as_str()),
        (Source::Stderr, "err")
    );
    assert_eq!(lines[1].time - lines[0].time, 1_000_000_000);
    let heard = fake.heard();
    let asked = heard.iter().find(|it| it.contains("/logs")).unwrap();
    assert!(
        asked.contains("tail=5") && asked.contains("since=17.5"),
        "{asked}"
    );
}

#[tokio::test]
async fn commands_read_input_and_give_output_and_status() {
    let folder = tempfile::tempdir().unwrap();
    let fake = Fake::start(folder.path(), modern);
    let engine = engine_of(&fake).await.unwrap();
    let options = ExecOptions {
        command: vec!["cat".to_owned()],
        input: true,
        ..ExecOptions::default()
    };
    let mut exec = engine.exec("web", &options).await.unwrap();
    exec.input.write_all(b"typed").await.unwrap();
    exec.input.shutdown().await.unwrap();
    let (status, stdout, stderr) = exec.collect().await.unwrap();
    assert_eq!(
        (status, &stdout[..], &stderr[..]),
        (7, &b"hello "[..], &b"typed"[..])
    );
}

#[tokio::test]
async fn engines_too_old_or_too_new_are_refused_and_newer_ones_get_our_version() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| {
        let path = folder.path().join(name);
        std::fs::create_dir(&path).unwrap();
        path
    };
    let old = Fake::start(&path("old"), |request, _| match request {
        "GET /version" => (200, r#"{"Version":"19.03","ApiVersion":"1.40"}"#.to_owned()),
        _ => (200, "{}".to_owned()),
    });
    let error = engine_of(&old).await.unwrap_err();
    assert!(
        error.message().contains("Docker 19.03") && error.message().contains("too old"),
        "{error}"
    );
    assert!(error.message().contains("1.41"), "{error}");
    let new = Fake::start(&path("new"), |request, _| match request {
        "GET /version" => (
            200,
            r#"{"Version":"40","ApiVersion":"1.99","MinAPIVersion":"1.90"}"#.to_owned(),
        ),
        _ => (200, "{}".to_owned()),
    });
    assert!(
        engine_of(&new)
            .await
            .unwrap_err()
            .message()
            .contains("too new")
    );
    let newer = Fake::start(&path("newer"), |request, _| match request {
        "GET /version" => (
            200,
            r#"{"Version":"30","ApiVersion":"1.60","MinAPIVersion":"1.44"}"#.to_owned(),
        ),
        _ => (200, "{}".to_owned()),
    });
    assert_eq!(engine_of(&newer).await.unwrap().identity().api, "1.51");
    let nonsense = Fake::start(&path("nonsense"), |_, _| (200, "<html>".to_owned()));
    assert!(engine_of(&nonsense).await.is_err());
}

#[tokio::test]
async fn an_engine_that_is_not_there_says_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("none.sock");
    let error = connect_local(&missing).await.unwrap_err();
    assert_eq!(error.message(), "cannot reach Docker on this machine");
    assert_eq!(error.kind(), Kind::Unreachable);
    assert!(error.causes()[0].contains("does not exist"), "{error:?}");
    assert!(!error.hints().is_empty());

    let dead = folder.path().join("dead.sock");
    drop(UnixListener::bind(&dead).unwrap());
    let error = connect_local(&dead).await.unwrap_err();
    assert!(
        error.causes()[0].contains("Connection refused"),
        "{error:?}"
    );
    assert!(error.hints()[0].contains("systemctl"), "{error:?}");
}

#[tokio::test]
async fn engines_are_reached_over_ssh() {
    let sshd = Sshd::start("");
    let folder = tempfile::tempdir().unwrap();
    let fake = Fake::start(folder.path(), modern);
    let over = |engine: &Path| {
        let options = Options {
            engine: Some(engine.to_owned()),
            ..sshd.options()
        };
        Host::with(&sshd.ssh(), &host(false), &Events::none(), &options).unwrap()
    };
    let session = over(&fake.socket);
    let engine = Engine::connect(Arc::clone(&session)).await.unwrap();
    assert_eq!(engine.identity().api, "1.45");
    // A second command finds the socket forwarded already.
    let second = over(&fake.socket);
    assert_eq!(
        second.engine_socket().await.unwrap(),
        session.engine_socket().await.unwrap()
    );
    Engine::connect(second).await.unwrap();
    // The connection is lost and made again under the engine.
    rustix::process::kill_process(sshd.master(), rustix::process::Signal::KILL).unwrap();
    let deadline = tokio::time::Instant::now() + Duration::from_secs(10);
    while let Err(error) = engine.containers(&[]).await {
        assert_eq!(error.into_error().kind(), Kind::Unreachable);
        assert!(tokio::time::Instant::now() < deadline);
    }
    assert_eq!(sshd.logins(), 2);

    let error = Engine::connect(over(Path::new("/nowhere/d.sock")))
        .await
        .unwrap_err()
        .into_error();
    assert_eq!(error.message(), "cannot reach Docker on host `web-1`");
    assert!(error.causes()[0].contains("/nowhere/d.sock"), "{error:?}");
}

#[tokio::test]
async fn an_sshd_that_forbids_forwarding_is_named_as_a_reason() {
    let sshd = Sshd::start("AllowStreamLocalForwarding no");
    let folder = tempfile::tempdir().unwrap();
    let fake = Fake::start(folder.path(), modern);
    let options = Options {
        engine: Some(fake.socket.clone()),
        ..sshd.options()
    };
    let host = Host::with(&sshd.ssh(), &host(false), &Events::none(), &options).unwrap();
    let error = Engine::connect(host).await.unwrap_err().into_error();
    assert!(
        error
            .hints()
            .iter()
            .any(|hint| hint.contains("AllowStreamLocalForwarding")),
        "{error:?}"
    );
}
