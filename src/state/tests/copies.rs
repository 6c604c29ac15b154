//! The state on several hosts: written, repaired, removed.

use super::*;

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
    let script = include_str!("../sh/write.sh");
    let cut = fleet.sites[0]
        .run(script, &[token, "2", "1000", "{}"], b"{\"version\": 1")
        .await;
    assert!(cut.is_err());
    assert_eq!(fleet.copies.read().await.unwrap().state, Some(state(1)));
    lease.release(Outcome::Done, None).await.unwrap();
}
