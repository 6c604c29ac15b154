//! The lock: one wins, others wait or are told whom to ask.

use super::*;

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

#[tokio::test]
async fn waiting_ends_when_it_is_interrupted_and_takes_nothing() {
    let fleet = Fleet::of(&["a"]);
    let lease = fleet.copies.lock(&request("alice@laptop")).await.unwrap();
    let (stop, interrupt) = Interrupt::manual();
    let stopping = stop.clone();
    let mut patient = request("bob@desk");
    patient.wait = Some(Duration::from_secs(600));
    patient.stop = interrupt;
    patient.events = Events::new(move |_| {
        stopping.send_replace(true);
    });
    let error = fleet.copies.lock(&patient).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Interrupted);
    lease.check().unwrap();
    lease.release(Outcome::Done, None).await.unwrap();
    // Nothing begins once a stop was requested.
    let error = fleet.copies.lock(&patient).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Interrupted);
    let free = fleet.copies.lock(&request("carol@desk")).await.unwrap();
    free.release(Outcome::Done, None).await.unwrap();
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
