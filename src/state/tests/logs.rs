//! The journal and the audit log.

use super::*;

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
