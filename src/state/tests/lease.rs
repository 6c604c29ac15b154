//! Leases that end, that are renewed, and whose owner is gone.

use super::*;

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
        members.lines(None)
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
