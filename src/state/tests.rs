//! The real scripts, run by this machine's shell in a folder of the test's own; several folders
//! stand for several hosts.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tempfile::TempDir;

use super::keep::renew;
use super::lock::Members;
use super::site::Site;
use super::*;
use crate::error::Kind;
use crate::event::{Event, Events};
use crate::model::{self, ProjectState, ReleaseId, Ssh, StackKey};
use crate::remote::Host;

struct Fleet {
    folder: TempDir,
    copies: Copies,
    sites: Vec<Site>,
}

fn key(project: &str) -> StackKey {
    StackKey {
        context: "lab".parse().unwrap(),
        project: project.parse().unwrap(),
    }
}

fn host(name: &str) -> Arc<Host> {
    let host = model::Host {
        name: name.parse().unwrap(),
        addr: String::new(),
        mesh_ip: None,
        user: None,
        port: None,
        labels: std::collections::BTreeMap::new(),
        local: true,
    };
    Host::new(&Ssh::default(), &host, &Events::none()).unwrap()
}

impl Fleet {
    fn of(names: &[&str]) -> Self {
        let folder = TempDir::new().unwrap();
        let sites: Vec<_> = names
            .iter()
            .map(|name| {
                let root = folder.path().join(name).join("state");
                Site::under(root.to_str().unwrap(), host(name), &key("shop"))
            })
            .collect();
        Self {
            copies: Copies::at(&key("shop"), sites.clone()),
            folder,
            sites,
        }
    }

    fn file(&self, host: &str, file: &str) -> PathBuf {
        self.folder
            .path()
            .join(host)
            .join("state/lab/shop")
            .join(file)
    }

    fn put(&self, host: &str, file: &str, content: impl AsRef<[u8]>) {
        let path = self.file(host, file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }
}

fn request(by: &str) -> Request {
    Request {
        who: Who::here(by),
        verb: "up".to_owned(),
        release: Some(ReleaseId(1)),
        wait: None,
        events: Events::none(),
    }
}

fn state(serial: u64) -> ProjectState {
    ProjectState {
        serial,
        last: ReleaseId(serial),
        ..ProjectState::empty(key("shop"))
    }
}

#[tokio::test]
async fn what_is_written_is_read_back_from_every_host() {
    let fleet = Fleet::of(&["a", "b"]);
    assert_eq!(fleet.copies.read().await.unwrap(), Found::default());
    let lease = fleet.copies.lock(&request("alice@laptop")).await.unwrap();
    assert_eq!(lease.serial(), 0);
    lease.write(&state(1)).await.unwrap();
    lease.write(&state(2)).await.unwrap();
    let found = fleet.copies.read().await.unwrap();
    assert_eq!(found.state, Some(state(2)));
    assert!(found.stale.is_empty() && found.warnings.is_empty());
    for name in ["a", "b"] {
        let mode = |file| {
            fs::metadata(fleet.file(name, file))
                .unwrap()
                .permissions()
                .mode()
        };
        assert_eq!(mode("state.json") & 0o777, 0o600);
        assert_eq!(mode("") & 0o777, 0o700);
        let claim: model::Claim =
            serde_json::from_slice(&fs::read(fleet.file(name, "claims")).unwrap()).unwrap();
        assert_eq!(claim.owner, key("shop"));
    }
    lease.release(Outcome::Done, None).await.unwrap();
    let again = fleet.copies.lock(&request("bob@desk")).await.unwrap();
    assert_eq!(again.serial(), 2);
    again.release(Outcome::Done, None).await.unwrap();
    let left: Vec<_> = fs::read_dir(fleet.file("a", ""))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| !["state.json", "claims", "journal"].contains(&name.as_str()))
        .collect();
    assert!(left.is_empty(), "left behind: {left:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_contenders_exactly_one_wins() {
    let fleet = Fleet::of(&["a", "b"]);
    for round in 0..5 {
        let attempts: Vec<_> = (0..8)
            .map(|n| {
                let copies = fleet.copies.clone();
                tokio::spawn(async move { copies.lock(&request(&format!("user{n}@here"))).await })
            })
            .collect();
        let mut winners = Vec::new();
        for attempt in attempts {
            match attempt.await.unwrap() {
                Ok(lease) => winners.push(lease),
                Err(error) => assert_eq!(error.kind(), Kind::Locked, "{error}"),
            }
        }
        assert_eq!(winners.len(), 1, "round {round}");
        for winner in winners {
            winner.release(Outcome::Done, None).await.unwrap();
        }
    }
}

#[tokio::test]
async fn a_held_lock_says_who_where_and_what_to_type() {
    let fleet = Fleet::of(&["a"]);
    let mut hostile = request("eve\n  \"expires\": 1,\n\u{1b}[2J");
    hostile.verb = "up".to_owned();
    let lease = fleet.copies.lock(&hostile).await.unwrap();
    let error = fleet.copies.lock(&request("bob@desk")).await.unwrap_err();
    assert_eq!(error.kind().exit_code(), 6);
    let text = error.to_string();
    assert!(text.contains("`shop`") && text.contains("`lab`") && text.contains("host `a`"));
    assert!(text.contains("`webpods up`, r1"), "{text}");
    assert!(!text.contains(['\n', '\u{1b}']), "{text:?}");
    assert!(error.hints()[0].contains("--wait 10m"));
    drop(lease);
}

#[tokio::test]
async fn a_lock_held_on_the_last_host_leaves_nothing_on_the_first() {
    let fleet = Fleet::of(&["a", "b"]);
    let only_b = Copies::at(&key("shop"), fleet.sites[1..].to_vec());
    let lease = only_b.lock(&request("alice@laptop")).await.unwrap();
    let error = fleet.copies.lock(&request("bob@desk")).await.unwrap_err();
    assert!(error.to_string().contains("host `b`"));
    assert!(!fleet.file("a", "lock").exists());
    assert!(
        !fleet.file("a", "").exists(),
        "an empty folder stays behind"
    );
    assert!(fleet.file("b", "lock").exists());
    lease.release(Outcome::Done, None).await.unwrap();
    assert!(!fleet.file("b", "lock").exists());
}

#[tokio::test]
async fn waiting_gets_the_lock_when_it_is_let_go() {
    let fleet = Fleet::of(&["a"]);
    let lease = fleet.copies.lock(&request("alice@laptop")).await.unwrap();
    let told = Arc::new(Mutex::new(Vec::new()));
    let sink = Arc::clone(&told);
    let mut patient = request("bob@desk");
    patient.wait = Some(Duration::from_secs(60));
    let (send, mut notices) = tokio::sync::mpsc::unbounded_channel();
    patient.events = Events::new(move |event| {
        sink.lock().unwrap().push(event);
        let _ = send.send(());
    });
    let copies = fleet.copies.clone();
    let waiting = tokio::spawn(async move { copies.lock(&patient).await });
    notices.recv().await.unwrap();
    lease.release(Outcome::Done, None).await.unwrap();
    let second = waiting.await.unwrap().unwrap();
    second.release(Outcome::Done, None).await.unwrap();
    let told = told.lock().unwrap();
    assert!(matches!(&told[..], [Event::Notice { message }] if message.contains("alice@laptop")));
}

#[tokio::test]
async fn waiting_ends_at_its_limit() {
    let fleet = Fleet::of(&["a"]);
    let lease = fleet.copies.lock(&request("alice@laptop")).await.unwrap();
    let mut impatient = request("bob@desk");
    impatient.wait = Some(Duration::ZERO);
    let error = fleet.copies.lock(&impatient).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Locked);
    lease.release(Outcome::Done, None).await.unwrap();
}

/// A lease of somebody on another machine, as it lies on a host.
fn foreign(token: &str, acquired: i64, expires: i64) -> String {
    let members = Members {
        by: "carol@ci",
        verb: "rollback",
        release: None,
        machine: "another machine",
        process: 1,
    };
    format!(
        "{{\n  \"version\": 1,\n  \"token\": \"{token}\",\n  \"acquired\": {acquired},\n  \
         \"expires\": {expires},\n{}\n}}\n",
        members.lines()
    )
}

fn now() -> i64 {
    jiff::Timestamp::now().as_second()
}

#[tokio::test]
async fn an_expired_lease_is_taken_over_with_a_notice_and_fenced_out() {
    let fleet = Fleet::of(&["a"]);
    let old = fleet.copies.lock(&request("alice@laptop")).await.unwrap();
    let lock = fleet.file("a", "lock");
    let text = fs::read_to_string(&lock).unwrap();
    let expired: String = text
        .lines()
        .map(|line| match line.trim().strip_prefix("\"expires\"") {
            Some(_) => format!("  \"expires\": {},\n", now() - 1),
            None => format!("{line}\n"),
        })
        .collect();
    fs::write(&lock, expired).unwrap();

    let notices = Arc::new(Mutex::new(Vec::new()));
    let sink = Arc::clone(&notices);
    let mut taker = request("bob@desk");
    taker.events = Events::new(move |event| sink.lock().unwrap().push(event));
    let new = fleet.copies.lock(&taker).await.unwrap();
    assert!(matches!(
        &notices.lock().unwrap()[..],
        [Event::Notice { message }] if message.contains("`alice@laptop`")
    ));

    let error = old.write(&state(1)).await.unwrap_err();
    assert!(error.to_string().contains("bob@desk"), "{error}");
    assert!(!fleet.file("a", "state.json").exists());
    assert!(old.remove_from(&"a".parse().unwrap()).await.is_err());
    old.release(Outcome::Failed, None).await.unwrap();
    new.write(&state(1)).await.unwrap();
    new.release(Outcome::Done, None).await.unwrap();
}

#[tokio::test]
async fn only_leases_that_can_be_over_are_taken_over() {
    let cases = [
        ("alive", foreign("t0", now(), now() + 50), false),
        ("over", foreign("t0", now() - 90, now() - 30), true),
        // The clock was set back by a day: a live owner would have renewed with today's time.
        ("future", foreign("t0", now(), now() + 86_400), true),
        ("just written, not ours", "garbage".to_owned(), false),
        ("empty", String::new(), false),
    ];
    for (what, lock, free) in cases {
        let fleet = Fleet::of(&["a"]);
        fleet.put("a", "lock", lock);
        let taken = fleet.copies.lock(&request("bob@desk")).await;
        assert_eq!(taken.is_ok(), free, "{what}: {taken:?}");
        if let Ok(lease) = taken {
            lease.release(Outcome::Done, None).await.unwrap();
        }
    }
}

fn expires(fleet: &Fleet) -> i64 {
    let lock = fs::read(fleet.file("a", "lock")).unwrap();
    serde_json::from_slice::<serde_json::Value>(&lock).unwrap()["expires"]
        .as_i64()
        .unwrap()
}

#[tokio::test]
async fn renewing_moves_the_end_and_changes_nothing_else() {
    let fleet = Fleet::of(&["a"]);
    let lease = fleet.copies.lock(&request("alice@laptop")).await.unwrap();
    let lock = fleet.file("a", "lock");
    let before = fs::read_to_string(&lock).unwrap();
    let first = expires(&fleet);
    fs::write(
        &lock,
        before.replace(&first.to_string(), &(first - 50).to_string()),
    )
    .unwrap();
    renew(lease.shared(), &mut [tokio::time::Instant::now()]).await;
    lease.check().unwrap();
    let second = expires(&fleet);
    assert!(second >= first);
    let after = fs::read_to_string(&lock).unwrap();
    assert_eq!(
        after.replace(&second.to_string(), &first.to_string()),
        before
    );
    lease.release(Outcome::Done, None).await.unwrap();
}

#[tokio::test]
async fn whoever_renews_a_lease_that_is_anothers_learns_it_and_stops() {
    for (what, lock) in [
        ("theirs", Some(foreign("t0", now(), now() + 50))),
        ("gone", None),
    ] {
        let fleet = Fleet::of(&["a"]);
        let lease = fleet.copies.lock(&request("alice@laptop")).await.unwrap();
        match lock {
            Some(text) => fs::write(fleet.file("a", "lock"), text).unwrap(),
            None => fs::remove_file(fleet.file("a", "lock")).unwrap(),
        }
        renew(lease.shared(), &mut [tokio::time::Instant::now()]).await;
        let error = lease.lost().await;
        assert_eq!(error.kind(), Kind::NeedsAttention, "{what}");
        assert_eq!(
            error.to_string().contains("carol@ci"),
            what == "theirs",
            "{error}"
        );
        assert!(lease.write(&state(1)).await.is_err());
        assert!(!fleet.file("a", "state.json").exists());
        lease.release(Outcome::Failed, None).await.unwrap();
        assert_eq!(fleet.file("a", "lock").exists(), what == "theirs");
    }
}

#[tokio::test]
async fn the_lease_of_a_killed_process_of_this_machine_is_taken_over_at_once() {
    let fleet = Fleet::of(&["a"]);
    let mut child = std::process::Command::new("true").spawn().unwrap();
    let mut killed = request("alice@laptop");
    killed.who.process = child.id();
    child.wait().unwrap();
    let left = fleet.copies.lock(&killed).await.unwrap();
    let taken = fleet.copies.lock(&request("alice@laptop")).await.unwrap();
    assert!(left.write(&state(1)).await.is_err());
    taken.write(&state(1)).await.unwrap();
    taken.release(Outcome::Done, None).await.unwrap();
}

#[tokio::test]
async fn an_older_state_never_replaces_a_newer_one() {
    let fleet = Fleet::of(&["a"]);
    let lease = fleet.copies.lock(&request("alice@laptop")).await.unwrap();
    lease.write(&state(5)).await.unwrap();
    lease.write(&state(5)).await.unwrap();
    let mut other = state(5);
    other.last = ReleaseId(77);
    for (what, state) in [("older", state(4)), ("same serial, other content", other)] {
        let error = lease.write(&state).await.unwrap_err();
        assert_eq!(error.kind(), Kind::Locked, "{what}");
        assert!(error.to_string().contains("serial 5"), "{error}");
    }
    assert_eq!(fleet.copies.read().await.unwrap().state, Some(state(5)));
    lease.release(Outcome::Done, None).await.unwrap();
}

#[tokio::test]
async fn a_broken_copy_is_replaced_by_the_next_write() {
    let fleet = Fleet::of(&["a", "b"]);
    let lease = fleet.copies.lock(&request("alice@laptop")).await.unwrap();
    lease.write(&state(1)).await.unwrap();
    fleet.put("a", "state.json", b"{\"version\": 1, \"serial\": 99");
    let found = fleet.copies.read().await.unwrap();
    assert_eq!(found.state, Some(state(1)));
    assert_eq!(found.stale, ["a".parse().unwrap()]);
    lease.write(&state(2)).await.unwrap();
    assert_eq!(fleet.copies.read().await.unwrap().state, Some(state(2)));
    lease.release(Outcome::Done, None).await.unwrap();
}

#[tokio::test]
async fn removing_leaves_nothing_and_other_projects_alone() {
    let fleet = Fleet::of(&["a"]);
    let neighbour = Site::under(
        fleet.folder.path().join("a/state").to_str().unwrap(),
        host("a"),
        &key("shop2"),
    );
    let neighbour = Copies::at(&key("shop2"), vec![neighbour]);
    let theirs = neighbour.lock(&request("bob@desk")).await.unwrap();
    let lease = fleet.copies.lock(&request("alice@laptop")).await.unwrap();
    lease.write(&state(1)).await.unwrap();
    fleet.put("a", "files/r1/-rf; touch x\n", "content");
    fleet.put("a", ".hidden", "");
    lease.remove_from(&"a".parse().unwrap()).await.unwrap();
    assert!(fleet.file("a", "lock").exists());
    lease.release(Outcome::Done, None).await.unwrap();
    assert!(!fleet.file("a", "").exists());
    let remaining = fleet.folder.path().join("a/state/lab/shop2/lock");
    assert!(remaining.exists());
    theirs.release(Outcome::Done, None).await.unwrap();
    let audit = fs::read_to_string(fleet.folder.path().join("a/audit.log")).unwrap();
    assert_eq!(audit.lines().count(), 2, "{audit}");
    assert!(audit.contains("\"project\":\"shop\"") && audit.contains("alice@laptop"));
}

#[tokio::test]
async fn a_lease_that_is_dropped_is_let_go() {
    let fleet = Fleet::of(&["a"]);
    drop(fleet.copies.lock(&request("alice@laptop")).await.unwrap());
    let mut patient = request("bob@desk");
    patient.wait = Some(Duration::from_secs(60));
    let lease = fleet.copies.lock(&patient).await.unwrap();
    lease.release(Outcome::Done, None).await.unwrap();
}

#[tokio::test]
async fn the_journal_tells_what_was_done_last() {
    let fleet = Fleet::of(&["a", "b"]);
    assert_eq!(fleet.copies.last_operation().await.unwrap(), None);
    let lease = fleet.copies.lock(&request("alice@laptop")).await.unwrap();
    lease.stage("ship");
    lease.stage("start web 1/2");
    let deadline = std::time::Instant::now() + Duration::from_secs(20);
    let running = loop {
        let last = fleet.copies.last_operation().await.unwrap();
        match last {
            Some(operation) if operation.stage.as_deref() == Some("start web 1/2") => {
                break operation;
            }
            _ => assert!(
                std::time::Instant::now() < deadline,
                "no stage in the journal"
            ),
        }
    };
    assert!(running.running && running.ended.is_none());
    lease
        .release(Outcome::Undone, Some("web 1 is unhealthy".to_owned()))
        .await
        .unwrap();
    let ended = fleet.copies.last_operation().await.unwrap().unwrap();
    assert_eq!(
        ended.summary(),
        "up to r1 by alice@laptop: undone (web 1 is unhealthy)"
    );
}

#[tokio::test]
async fn logs_stay_bounded_and_keep_their_last_lines() {
    let fleet = Fleet::of(&["a"]);
    let lease = fleet.copies.lock(&request("alice@laptop")).await.unwrap();
    fleet.put("a", "journal", "x".repeat(100).as_str().to_owned() + "\n");
    let line = "y".repeat(99) + "\n";
    fleet.put("a", "journal", line.repeat(4000));
    lease.release(Outcome::Done, None).await.unwrap();
    let journal = fs::read_to_string(fleet.file("a", "journal")).unwrap();
    assert!(journal.len() < 140_000, "{}", journal.len());
    assert!(journal.starts_with('y') && journal.lines().all(|line| line.len() >= 99));
    assert!(journal.contains("\"ended\""));
}

#[tokio::test]
async fn a_folder_that_cannot_be_used_is_a_clear_error() {
    let fleet = Fleet::of(&["a", "b"]);
    for name in ["a", "b"] {
        // A file where the folder should be works as root too, whom no permission stops.
        fs::write(fleet.folder.path().join(name), "").unwrap();
    }
    let error = fleet
        .copies
        .lock(&request("alice@laptop"))
        .await
        .unwrap_err();
    assert!(error.to_string().contains("host `a`"), "{error}");
    let first = Copies::at(&key("shop"), fleet.sites[..1].to_vec());
    assert_eq!(first.read().await.unwrap(), Found::default());
}

#[tokio::test]
async fn state_that_was_cut_on_its_way_is_not_put_in_place() {
    let fleet = Fleet::of(&["a"]);
    let lease = fleet.copies.lock(&request("alice@laptop")).await.unwrap();
    lease.write(&state(1)).await.unwrap();
    let lock = fs::read_to_string(fleet.file("a", "lock")).unwrap();
    let token = lock.split('"').nth(5).unwrap();
    let script = include_str!("sh/write.sh");
    let cut = fleet.sites[0]
        .run(script, &[token, "2", "1000", "{}"], b"{\"version\": 1")
        .await;
    assert!(cut.is_err());
    assert_eq!(fleet.copies.read().await.unwrap().state, Some(state(1)));
    lease.release(Outcome::Done, None).await.unwrap();
}
