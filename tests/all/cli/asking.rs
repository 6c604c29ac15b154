//! Verbs that ask an engine.

use serde_json::json;
use tempfile::TempDir;

use super::{Ran, Repo};
use crate::fake_engine::{Fake, Hold, frame, modern};

/// An engine with two containers of `shop` in the context `dev`.
fn shop(request: &str, body: &str) -> (u16, String) {
    let target = request.split(['?', ' ']).nth(1).unwrap();
    let second = match target.trim_start_matches("/v1.45") {
        "/containers/json" => {
            let listed = json!([listed("web"), listed("db")]);
            return (200, listed.to_string());
        }
        "/containers/web-1/logs" => 2,
        "/containers/db-1/logs" => 1,
        "/containers/web-1/json" | "/containers/db-1/json" => {
            return (200, json!({ "Config": { "Tty": false } }).to_string());
        }
        _ => return modern(request, body),
    };
    let line = format!("2024-01-01T00:00:0{second}Z line {second}\n");
    (200, frame(1, &line))
}

fn listed(service: &str) -> serde_json::Value {
    json!({
        "Id": format!("{service}-1"),
        "Names": [format!("/{service}-1")],
        "State": "running",
        "Status": "Up 5 seconds",
        "Labels": {
            "webpods.context": "dev",
            "webpods.project": "shop",
            "webpods.service": service,
            "webpods.replica": "1",
            "webpods.release": "r1",
        },
    })
}

/// Runs `webpods -p shop` with this engine as that of this machine.
async fn run(fake: &Fake, arguments: &[&str]) -> Ran {
    let repo = Repo::empty();
    let mut command = repo.command();
    command
        .env("DOCKER_HOST", format!("unix://{}", fake.socket.display()))
        .args(["-p", "shop"])
        .args(arguments)
        .timeout(std::time::Duration::from_secs(30));
    let ran = tokio::task::spawn_blocking(move || Ran::of(&mut command));
    ran.await.unwrap()
}

#[tokio::test]
async fn logs_are_opened_at_once() {
    let folder = TempDir::new().unwrap();
    // No log begins before the last is asked for.
    let hold = Hold {
        back: "/logs",
        until: "/logs",
        times: 2,
    };
    let fake = Fake::start_holding(folder.path(), hold, shop);
    let ran = run(&fake, &["logs"]).await;
    assert_eq!(ran.ok(), "db.1@local | line 1\nweb.1@local | line 2\n");
}

#[tokio::test]
async fn a_log_that_cannot_be_read_names_the_container_and_the_host() {
    let folder = TempDir::new().unwrap();
    let fake = Fake::start(folder.path(), |request, body| {
        if request.contains("/db-1/logs") {
            return (500, r#"{"message":"the disk is on fire"}"#.to_owned());
        }
        shop(request, body)
    });
    let ran = run(&fake, &["logs"]).await;
    ran.refused(1, &["`db-1`", "the disk is on fire"]);
}
