//! Engines that were reached before are asked before they have greeted; what they are now counts.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::timeout;

use webpods::docker::{Engine, Node};
use webpods::error::Result;
use webpods::event::Events;
use webpods::model::Store;
use webpods::remote::{Host, Options};

use super::engine::host;
use super::sshd::Sshd;
use crate::fake_engine::{Fake, modern};

/// As a new command sees the host.
fn node(sshd: &Sshd, engine: &Path) -> Arc<Node> {
    let options = Options {
        engine: Some(engine.to_owned()),
        ..sshd.options()
    };
    Node::new(Host::with(&sshd.ssh(), &host(false), &Events::none(), &options).unwrap())
}

/// The version of an engine that listed its containers.
async fn ask(node: &Node) -> Result<String> {
    node.ask(|engine: Engine| async move {
        engine.containers(&[]).await?;
        Ok(engine.identity().version.clone())
    })
    .await
}

fn lists(fake: &Fake) -> Vec<String> {
    let heard = fake.heard().into_iter();
    heard.filter(|it| it.contains("/containers/")).collect()
}

/// Docker 20.10, where [`modern`] was.
fn older(request: &str, _: &str) -> (u16, String) {
    let said = match request.split_once(' ').unwrap().1 {
        "/version" => {
            r#"{"Version":"20.10.24","ApiVersion":"1.41","MinAPIVersion":"1.12","Os":"linux","Arch":"arm64"}"#
        }
        "/info" => r#"{"DockerRootDir":"/var/lib/docker"}"#,
        "/v1.41/containers/json?all=1" => "[]",
        _ => return (400, r#"{"message":"client version is too new"}"#.to_owned()),
    };
    (200, said.to_owned())
}

/// The same as [`modern`], one patch later.
fn newer(request: &str, body: &str) -> (u16, String) {
    let (status, said) = modern(request, body);
    (status, said.replace("26.1.5", "26.1.6"))
}

fn broken(request: &str, body: &str) -> (u16, String) {
    if request.contains("/containers/") {
        return (500, r#"{"message":"out of order"}"#.to_owned());
    }
    modern(request, body)
}

#[tokio::test]
async fn an_engine_that_is_known_is_asked_while_it_is_greeted() {
    let sshd = Sshd::start("");
    let folder = tempfile::tempdir().unwrap();
    let fake = Fake::start(folder.path(), modern);
    let first = node(&sshd, &fake.socket);
    assert_eq!(first.acquaintance(), None);
    assert_eq!(ask(&first).await.unwrap(), "26.1.5");
    assert_eq!(lists(&fake).len(), 1);

    // This one speaks of itself only once it has been asked something else.
    let fake = Fake::start_after(folder.path(), "/v1.45/containers/json", modern);
    let second = node(&sshd, &fake.socket);
    assert_eq!(second.acquaintance().unwrap().version, "26.1.5");
    let answer = timeout(Duration::from_secs(20), ask(&second)).await;
    assert_eq!(answer.unwrap().unwrap(), "26.1.5");
    assert_eq!(lists(&fake).len(), 1);
    // Greeted, it is asked like any other.
    assert_eq!(ask(&second).await.unwrap(), "26.1.5");
    assert_eq!(lists(&fake).len(), 2);
}

#[tokio::test]
async fn what_another_engine_said_before_it_greeted_does_not_count() {
    let sshd = Sshd::start("");
    let folder = tempfile::tempdir().unwrap();
    let fake = Fake::start(folder.path(), modern);
    ask(&node(&sshd, &fake.socket)).await.unwrap();

    let fake = Fake::start(folder.path(), newer);
    let upgraded = node(&sshd, &fake.socket);
    assert_eq!(ask(&upgraded).await.unwrap(), "26.1.6");
    assert_eq!(lists(&fake).len(), 2, "{:?}", fake.heard());

    let fake = Fake::start(folder.path(), older);
    let replaced = node(&sshd, &fake.socket);
    assert_eq!(ask(&replaced).await.unwrap(), "20.10.24");
    let known = replaced.acquaintance().unwrap();
    assert_eq!(
        (&*known.platform, known.store),
        ("linux/arm64", Store::Classic)
    );
    // That is what the next command knows.
    let next = node(&sshd, &fake.socket).acquaintance();
    assert_eq!(next.as_ref(), Some(&known));
}

#[tokio::test]
async fn an_engine_that_refuses_or_has_gone_is_an_error_all_the_same() {
    let sshd = Sshd::start("");
    let folder = tempfile::tempdir().unwrap();
    let fake = Fake::start(folder.path(), modern);
    ask(&node(&sshd, &fake.socket)).await.unwrap();

    let fake = Fake::start(folder.path(), broken);
    let error = ask(&node(&sshd, &fake.socket)).await.unwrap_err();
    assert!(error.to_string().contains("out of order"), "{error:?}");

    std::fs::remove_file(&fake.socket).unwrap();
    let error = ask(&node(&sshd, &fake.socket)).await.unwrap_err();
    assert_eq!(error.message(), "cannot reach Docker on host `web-1`");
    assert!(error.causes()[0].contains("does not exist"), "{error:?}");
}

#[tokio::test]
async fn notes_that_make_no_sense_are_not_read() {
    let sshd = Sshd::start("");
    let folder = tempfile::tempdir().unwrap();
    let fake = Fake::start(folder.path(), modern);
    let first = node(&sshd, &fake.socket);
    ask(&first).await.unwrap();
    let notes = first.host.engine_notes().unwrap();
    for text in ["", "{", "[]", r#"{"version":"26.1.5"}"#] {
        std::fs::write(&notes, text).unwrap();
        let next = node(&sshd, &fake.socket);
        assert_eq!(next.acquaintance(), None, "{text}");
        assert_eq!(ask(&next).await.unwrap(), "26.1.5");
        assert!(next.acquaintance().is_some());
    }
    assert!(std::fs::read_to_string(&notes).unwrap().contains("26.1.5"));
}
