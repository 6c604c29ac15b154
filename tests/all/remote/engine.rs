//! The Engine API against an engine that plays its part, on this machine and over ssh.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::StreamExt;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};

use webpods::docker::{Engine, ExecOptions, Found, LogOptions, Source};
use webpods::error::{Error, Kind};
use webpods::event::Events;
use webpods::model::{self, Ssh, Store};
use webpods::remote::{Host, Options};

use super::sshd::Sshd;

/// An engine that answers by the book of `answer`: request line and body → status and body.
pub(super) struct Fake {
    pub(super) socket: std::path::PathBuf,
    heard: Arc<Mutex<Vec<String>>>,
    connections: Arc<Mutex<usize>>,
}

pub(super) type Answer = fn(&str, &str) -> (u16, String);

impl Fake {
    pub(super) fn start(folder: &Path, answer: Answer) -> Self {
        Self::start_after(folder, "", answer)
    }

    /// One that says nothing about itself before it has heard a request that contains `first`.
    pub(super) fn start_after(folder: &Path, first: &'static str, answer: Answer) -> Self {
        let socket = folder.join("engine.sock");
        let _ = std::fs::remove_file(&socket);
        let listener = UnixListener::bind(&socket).unwrap();
        let heard = Arc::new(Mutex::new(Vec::new()));
        let connections = Arc::new(Mutex::new(0));
        let (log, count) = (Arc::clone(&heard), Arc::clone(&connections));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                *count.lock().unwrap() += 1;
                tokio::spawn(serve(stream, Arc::clone(&log), first, answer));
            }
        });
        Self {
            socket,
            heard,
            connections,
        }
    }

    pub(super) fn heard(&self) -> Vec<String> {
        self.heard.lock().unwrap().clone()
    }

    async fn engine(&self) -> Result<Engine, Error> {
        connect_local(&self.socket).await
    }
}

async fn serve(
    stream: UnixStream,
    heard: Arc<Mutex<Vec<String>>>,
    first: &'static str,
    answer: Answer,
) -> Option<()> {
    let mut stream = BufReader::new(stream);
    loop {
        let (mut request, mut length) = (String::new(), 0);
        stream
            .read_line(&mut request)
            .await
            .ok()
            .filter(|read| *read > 0)?;
        loop {
            let mut header = String::new();
            stream.read_line(&mut header).await.ok()?;
            let header = header.trim().to_lowercase();
            if let Some(value) = header.strip_prefix("content-length: ") {
                length = value.parse().ok()?;
            }
            if header.is_empty() {
                break;
            }
        }
        let mut body = vec![0; length];
        stream.read_exact(&mut body).await.ok()?;
        let request = request.trim_end_matches(" HTTP/1.1\r\n").to_owned();
        let body = String::from_utf8(body).ok()?;
        let (status, said) = answer(&request, &body);
        heard.lock().unwrap().push(request.clone());
        let spoken_to = || heard.lock().unwrap().iter().any(|it| it.contains(first));
        while request.ends_with("/version") && !spoken_to() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        let status_line = if status == 101 {
            "HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n".to_owned()
        } else {
            format!(
                "HTTP/1.1 {status} x\r\nContent-Length: {}\r\n\r\n",
                said.len()
            )
        };
        stream.write_all(status_line.as_bytes()).await.ok()?;
        stream.write_all(said.as_bytes()).await.ok()?;
        if status == 101 {
            // What is typed comes back once the input ends, as a frame of standard error.
            let mut typed = Vec::new();
            stream.read_to_end(&mut typed).await.ok()?;
            stream
                .write_all(frame(2, &String::from_utf8(typed).ok()?).as_bytes())
                .await
                .ok()?;
            return None;
        }
        if request.contains("close-after-me") {
            return None;
        }
    }
}

fn frame(stream: u8, text: &str) -> String {
    let length = u8::try_from(text.len()).unwrap();
    format!(
        "{}\0\0\0\0\0\0{}{text}",
        char::from(stream),
        char::from(length)
    )
}

/// Docker 26's answers to what is asked first.
pub(super) fn modern(request: &str, _: &str) -> (u16, String) {
    let said = match request.split_once(' ').unwrap().1 {
        "/version" => {
            r#"{"Version":"26.1.5","ApiVersion":"1.45","MinAPIVersion":"1.24","Os":"linux","Arch":"amd64"}"#
        }
        "/info" => {
            r#"{"DriverStatus":[["driver-type","io.containerd.snapshotter.v1"]],"DockerRootDir":"/var/lib/docker"}"#
        }
        _ => return known(request),
    };
    (200, said.to_owned())
}

fn known(request: &str) -> (u16, String) {
    let target = request.split(['?', ' ']).nth(1).unwrap();
    let (status, said) = match target.trim_start_matches("/v1.45") {
        "/containers/json" => (200, "[]".to_owned()),
        "/containers/web/json" => (200, r#"{"Config":{"Tty":false}}"#.to_owned()),
        "/containers/web/logs" => (
            200,
            frame(1, "2024-01-01T00:00:01Z out\n") + &frame(2, "2024-01-01T00:00:02Z err\n"),
        ),
        "/containers/web/exec" => (201, r#"{"Id":"e1"}"#.to_owned()),
        "/exec/e1/start" => (101, frame(1, "hello ")),
        "/exec/e1/json" => (200, r#"{"Running":false,"ExitCode":7}"#.to_owned()),
        "/containers/gone/json" => (404, r#"{"message":"No such container: gone"}"#.to_owned()),
        "/containers/web/start" => (304, String::new()),
        "/containers/create" => (409, r#"{"message":"The name is in use"}"#.to_owned()),
        "/images/load" => (
            200,
            "{\"stream\":\"Loading\"}\n{\"error\":\"write: no space left on device\"}\n".to_owned(),
        ),
        "/networks/close-after-me" => (200, "{}".to_owned()),
        _ => (404, r#"{"message":"page not found"}"#.to_owned()),
    };
    (status, said)
}

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
    let engine = fake.engine().await.unwrap();
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
    assert!(
        *fake.connections.lock().unwrap() <= 2,
        "connections are used again"
    );
}

#[tokio::test]
async fn refusals_keep_their_status() {
    let folder = tempfile::tempdir().unwrap();
    let fake = Fake::start(folder.path(), modern);
    let engine = fake.engine().await.unwrap();
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
    let engine = fake.engine().await.unwrap();
    for _ in 0..20 {
        engine.inspect_network("close-after-me").await.unwrap();
    }
}

#[tokio::test]
async fn logs_come_as_lines_with_their_time_and_stream() {
    let folder = tempfile::tempdir().unwrap();
    let fake = Fake::start(folder.path(), modern);
    let engine = fake.engine().await.unwrap();
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
    let asked = fake.heard().pop().unwrap();
    assert!(
        asked.contains("tail=5") && asked.contains("since=17.5"),
        "{asked}"
    );
}

#[tokio::test]
async fn commands_read_input_and_give_output_and_status() {
    let folder = tempfile::tempdir().unwrap();
    let fake = Fake::start(folder.path(), modern);
    let engine = fake.engine().await.unwrap();
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
    let error = old.engine().await.unwrap_err();
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
        new.engine()
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
    assert_eq!(newer.engine().await.unwrap().identity().api, "1.51");
    let nonsense = Fake::start(&path("nonsense"), |_, _| (200, "<html>".to_owned()));
    assert!(nonsense.engine().await.is_err());
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
