//! The Engine API against a real engine over real ssh, as the rest of the program uses it.

use std::time::Duration;

use futures_util::StreamExt;
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;

use webpods::docker::{Engine, ExecOptions, Found, LogOptions, Nodes, Source};
use webpods::event::Events;
use webpods::model::{HostName, RunState, StackKey};

use crate::support::lab;

/// The program of the container: it talks on both streams and ends with 3 when asked to stop.
const TALK: &str = "echo out; echo err >&2; trap 'exit 3' TERM; \
                    n=0; while :; do echo tick $n; n=$((n+1)); sleep 0.1; done";

/// An image with a shell, made on the last node from its own files.
fn image(name: &str) {
    let script = "files=$(for p in sh cat sleep; do command -v $p; done)
        libraries=$(ldd $files | grep -o '/[^ )]*' | grep -v ':$' | sort -u)
        tar -chf - $files $libraries 2>/dev/null | docker import - NAME";
    let node = lab().nodes.last().unwrap();
    node.witness(&script.replace("NAME", name));
}

/// The last node's engine.
async fn engine() -> Engine {
    let lab = lab();
    let node = lab.nodes.last().unwrap();
    let context = webpods::config::from_yaml(&lab.context, "lab.yml", &"e2e".parse().unwrap());
    let host: HostName = node.name.parse().unwrap();
    let nodes = Nodes::connect(
        &context.unwrap(),
        std::slice::from_ref(&host),
        &Events::none(),
    )
    .await
    .unwrap();
    nodes.get(&host).unwrap().engine().await.unwrap().clone()
}

/// Removes what an interrupted run left.
async fn tidy(engine: &Engine, name: &str) {
    for container in [name.to_owned(), format!("{name}-2")] {
        engine
            .remove_container(&container, true)
            .await
            .found()
            .unwrap();
    }
    engine.remove_network(name).await.found().unwrap();
    engine.remove_volume(name).await.found().unwrap();
}

fn body(name: &str, image: &str, port: u16) -> Value {
    json!({
        "Image": image,
        "Entrypoint": ["sh", "-c", TALK],
        "Labels": {
            "webpods.context": "e2e",
            "webpods.project": name,
            "webpods.service": "web",
            "webpods.release": "r1",
            "webpods.replica": "1",
        },
        "ExposedPorts": { "80/tcp": {} },
        "HostConfig": {
            "NetworkMode": name,
            "Binds": [format!("{name}:/kept")],
            "PortBindings": { "80/tcp": [{ "HostIp": "127.0.0.1", "HostPort": port.to_string() }] },
        },
    })
}

fn sh(script: &str) -> ExecOptions {
    ExecOptions {
        command: ["sh", "-c", script].map(str::to_owned).to_vec(),
        ..ExecOptions::default()
    }
}

#[tokio::test]
async fn a_containers_life() {
    let name = "engine-life";
    let engine = engine().await;
    tidy(&engine, name).await;
    image("engine-life:1");
    let project = [format!("webpods.project={name}")];
    let labels = json!({ "webpods.project": name });
    let network = json!({ "Name": name, "Labels": labels });
    engine.create_network(&network).await.unwrap();
    assert!(
        engine
            .create_network(&network)
            .await
            .unwrap_err()
            .is_conflict()
    );
    assert_eq!(engine.networks(&project).await.unwrap().len(), 1);
    engine.create_volume(&network).await.unwrap();
    assert_eq!(engine.volumes(&project).await.unwrap().len(), 1);

    let body = body(name, "engine-life:1", 32101);
    engine.create_container(name, &body, None).await.unwrap();
    assert!(
        engine
            .create_container(name, &body, None)
            .await
            .unwrap_err()
            .is_conflict()
    );
    let missing = engine
        .create_container("x", &json!({ "Image": "no/such:1" }), None)
        .await;
    assert!(missing.unwrap_err().is_not_found());
    engine.start(name).await.unwrap();
    engine.start(name).await.unwrap();

    let second = format!("{name}-2");
    engine.create_container(&second, &body, None).await.unwrap();
    let taken = engine.start(&second).await.unwrap_err().into_error();
    assert!(taken.hints()[0].contains("holds that port"), "{taken:?}");
    engine.remove_container(&second, false).await.unwrap();

    let key = StackKey {
        context: "e2e".parse().unwrap(),
        project: name.parse().unwrap(),
    };
    let seen = engine.observe(&key).await.unwrap();
    assert_eq!((seen.len(), seen[0].state), (1, RunState::Running));
    assert_eq!(seen[0].ports, [(80, 32101)].into());
    let published = engine.published().await.unwrap();
    assert!(
        published
            .iter()
            .any(|port| port.port == 32101 && port.ip == "127.0.0.1")
    );

    assert!(engine.remove_network(name).await.unwrap_err().is_in_use());
    assert!(engine.remove_volume(name).await.unwrap_err().is_in_use());
    assert!(
        engine
            .remove_container(name, false)
            .await
            .unwrap_err()
            .is_conflict()
    );

    let (status, stopped) = tokio::join!(
        engine.wait(name),
        engine.stop(name, Duration::from_secs(20))
    );
    stopped.unwrap();
    assert_eq!(status.unwrap(), 3);
    // The engine's list of containers may lag behind its answer to the one who waits.
    let deadline = tokio::time::Instant::now() + Duration::from_secs(20);
    while engine.observe(&key).await.unwrap()[0].state != RunState::Stopped {
        assert!(
            tokio::time::Instant::now() < deadline,
            "it is still listed as running"
        );
    }
    engine.stop(name, Duration::from_secs(20)).await.unwrap();
    assert!(engine.kill(name, "TERM").await.unwrap_err().is_conflict());
    engine.rename(name, &second).await.unwrap();
    assert!(engine.inspect(name).await.found().unwrap().is_none());
    engine
        .restart(&second, Duration::from_secs(20))
        .await
        .unwrap();
    tidy(&engine, name).await;
    engine.remove_image("engine-life:1").await.unwrap();
    assert!(
        engine
            .inspect_image("engine-life:1")
            .await
            .found()
            .unwrap()
            .is_none()
    );
}

#[tokio::test]
async fn logs_and_commands() {
    let name = "engine-talk";
    let engine = engine().await;
    tidy(&engine, name).await;
    image("engine-talk:1");
    engine
        .create_network(&json!({ "Name": name }))
        .await
        .unwrap();
    engine
        .create_container(name, &body(name, "engine-talk:1", 32102), None)
        .await
        .unwrap();
    engine.start(name).await.unwrap();

    let follow = LogOptions {
        follow: true,
        ..LogOptions::default()
    };
    let lines = engine.logs(name, &follow).await.unwrap();
    let mut lines: Vec<_> = lines.take(6).map(Result::unwrap).collect().await;
    assert!(
        lines
            .iter()
            .any(|line| line.source == Source::Stderr && line.text == "err")
    );
    assert!(lines.iter().any(|line| line.text == "tick 1"));
    lines.retain(|line| line.source == Source::Stdout);
    assert!(lines.is_sorted_by_key(|line| line.time));
    let tail = LogOptions {
        tail: Some(2),
        ..LogOptions::default()
    };
    assert_eq!(engine.logs(name, &tail).await.unwrap().count().await, 2);

    let both = engine
        .exec(name, &sh("echo o; echo e >&2; exit 5"))
        .await
        .unwrap();
    let (status, stdout, stderr) = both.collect().await.unwrap();
    assert_eq!(
        (status, &stdout[..], &stderr[..]),
        (5, &b"o\n"[..], &b"e\n"[..])
    );
    let input = ExecOptions {
        input: true,
        ..sh("cat")
    };
    let mut cat = engine.exec(name, &input).await.unwrap();
    cat.input.write_all(b"typed").await.unwrap();
    cat.input.shutdown().await.unwrap();
    assert_eq!(cat.collect().await.unwrap().1, "typed");
    let terminal = ExecOptions {
        terminal: Some((33, 111)),
        input: true,
        ..sh("read line; echo got $line; [ -t 0 ] && exit 9")
    };
    let mut terminal = engine.exec(name, &terminal).await.unwrap();
    terminal.input.write_all(b"hey\n").await.unwrap();
    let (status, shown, _) = terminal.collect().await.unwrap();
    assert_eq!(status, 9);
    assert!(
        String::from_utf8_lossy(&shown).contains("got hey\r\n"),
        "{shown:?}"
    );

    engine.stop(name, Duration::from_secs(20)).await.unwrap();
    assert!(
        engine
            .exec(name, &sh("true"))
            .await
            .unwrap_err()
            .is_conflict()
    );
    tidy(&engine, name).await;
    engine.remove_image("engine-talk:1").await.unwrap();
}

#[tokio::test]
async fn images_leave_and_come_back() {
    let engine = engine().await;
    image("engine-image:1");
    engine
        .tag_image("engine-image:1", "engine-image", "2")
        .await
        .unwrap();
    let archive = engine.export_images(&["engine-image:2"]).await.unwrap();
    let archive: Vec<_> = archive.collect().await;
    for tag in ["1", "2"] {
        engine
            .remove_image(&format!("engine-image:{tag}"))
            .await
            .unwrap();
    }
    engine
        .load_images(futures_util::stream::iter(archive))
        .await
        .unwrap();
    let layers = engine
        .inspect_image("engine-image:2")
        .await
        .unwrap()
        .root_fs
        .unwrap()
        .layers;
    assert_eq!(layers.unwrap().len(), 1);
    assert!(
        !engine
            .image_history("engine-image:2")
            .await
            .unwrap()
            .is_empty()
    );
    assert!(
        engine
            .inspect_image("engine-image:1")
            .await
            .found()
            .unwrap()
            .is_none()
    );
    engine.remove_image("engine-image:2").await.unwrap();

    let garbage = futures_util::stream::iter([Ok("garbage".into())]);
    assert!(engine.load_images(garbage).await.is_err());
    let removed = engine.export_images(&["engine-image:1"]).await;
    assert!(removed.is_err());
    let pulled = engine.pull_image("127.0.0.1:1/nothing", None, |_| {}).await;
    assert!(pulled.unwrap_err().into_error().message().contains("pull"));
}
