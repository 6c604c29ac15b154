//! What somebody ships or relies on stays.

use super::*;
use crate::image::hold::tests::{hold_on, release_on};

#[tokio::test]
async fn what_is_being_shipped_stays_until_its_release_is_recorded() {
    let fixture = Fixture::new();
    let image = fixture.ship(&["base"]);
    let leases = fixture.cache().join("leases");
    fs::create_dir_all(&leases).unwrap();
    let lease: Vec<String> = hexes([&image]).into_iter().collect();
    fs::write(leases.join("client.1"), lease.join("\n") + "\n").unwrap();
    fixture.sweep("other", &[], false).await;
    assert_eq!(fixture.cached(), hexes([&image]));

    fixture.release("shop", 1, &[&image]).await;
    assert_eq!(
        fs::read_dir(&leases).unwrap().count(),
        0,
        "the lease is over"
    );
    fixture.sweep("shop", &[], false).await;
    assert!(fixture.cached().is_empty());
}

#[tokio::test]
async fn what_a_plan_relies_on_stays_until_it_is_recorded_or_let_go() {
    let fixture = Fixture::new();
    let image = fixture.ship(&["base"]);
    fixture.release("shop", 1, &[&image]).await;
    let cache = fixture.cache().to_str().unwrap().to_owned();
    let held = hold_on(&fixture.host, &cache, &image).await;
    let found = fixture.sweep("shop", &[], false).await;
    assert_eq!(fixture.cached(), hexes([&image]));
    assert!(!goes(&found, &[image.host_tag()], &image.host_tag()));

    fixture.release("other", 1, &[&image]).await;
    let leases = fixture.cache().join("leases");
    assert_eq!(fs::read_dir(&leases).unwrap().count(), 0);
    release_on(&fixture.host, &cache, held).await;
    let again = hold_on(&fixture.host, &cache, &image).await;
    release_on(&fixture.host, &cache, again).await;
    fixture.sweep("other", &[], false).await;
    assert!(fixture.cached().is_empty());
}

#[tokio::test]
async fn nobody_begins_to_rely_on_what_is_being_removed() {
    let fixture = Fixture::new();
    let image = fixture.ship(&["base"]);
    let cache = fixture.cache().to_str().unwrap().to_owned();
    let key = key("shop");
    let keep = Keep {
        key: &key,
        releases: &[],
        active: None,
        limit: None,
        also: &[],
    };
    let (_, locked) = sweep(&fixture.host, &cache, keep, false).await.unwrap();
    let leases = fixture.cache().join("leases");
    let mut hold = std::pin::pin!(hold_on(&fixture.host, &cache, &image));
    // The lock is the script's, so it is asked for for real.
    let early = tokio::time::timeout(std::time::Duration::from_millis(300), &mut hold).await;
    assert!(early.is_err(), "the hold waits");
    assert_eq!(fs::read_dir(&leases).unwrap().count(), 0);
    locked.unwrap().wait().await.unwrap();
    hold.await;
    assert_eq!(fs::read_dir(&leases).unwrap().count(), 1);
}

#[tokio::test]
async fn what_came_long_ago_stays_while_more_of_it_comes() {
    let fixture = Fixture::new();
    let image = fixture.ship(&["base"]);
    let (leases, tmp) = (fixture.cache().join("leases"), fixture.cache().join("tmp"));
    fs::create_dir_all(&leases).unwrap();
    fs::create_dir_all(&tmp).unwrap();
    let lease: Vec<String> = hexes([&image]).into_iter().collect();
    fs::write(leases.join("client.1"), lease.join("\n") + "\n").unwrap();
    // The rest of the image on a slow link, for more than an hour.
    fs::write(tmp.join("part.client"), "half").unwrap();
    age(&leases, 200);
    fixture.sweep("other", &[], false).await;
    assert_eq!(fixture.cached(), hexes([&image]));
    // That client does not come back.
    age(&tmp, 61);
    fs::write(tmp.join("another.lock"), "").unwrap();
    fixture.sweep("other", &[], false).await;
    assert!(fixture.cached().is_empty());
    assert_eq!(fs::read_dir(&leases).unwrap().count(), 0);
    // Nobody needs the rest of what is complete.
    let kept = fixture.ship(&["whole"]);
    fixture.release("shop", 1, &[&kept]).await;
    let part = format!("{}.client", kept.layers[0].digest.hex());
    fs::write(tmp.join(part), "of five").unwrap();
    assert_eq!(
        fixture.sweep("other", &[], true).await.left,
        0,
        "somebody sends it"
    );
    age(&tmp, 61);
    for dry_run in [true, false] {
        assert_eq!(fixture.sweep("other", &[], dry_run).await.left, 7);
    }
    age(&tmp, 25 * 60);
    for dry_run in [true, false] {
        assert_eq!(fixture.sweep("other", &[], dry_run).await.left, 4);
    }
    assert_eq!(fs::read_dir(&tmp).unwrap().count(), 0);
}

#[tokio::test]
async fn a_lease_of_something_else_stays() {
    let fixture = Fixture::new();
    let (image, other) = (fixture.ship(&["base"]), fixture.ship(&["base", "more"]));
    let leases = fixture.cache().join("leases");
    fs::create_dir_all(&leases).unwrap();
    let lease: Vec<String> = hexes([&other]).into_iter().collect();
    fs::write(leases.join("client.1"), lease.join("\n") + "\n").unwrap();
    fixture.release("shop", 1, &[&image]).await;
    assert_eq!(fs::read_dir(&leases).unwrap().count(), 1);
}
