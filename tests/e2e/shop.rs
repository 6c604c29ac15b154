//! The story of `make demo`: the shop of the tutorial, from nothing to its second release.

use std::collections::BTreeSet;

use crate::support::{Load, Project, eventually, get};

#[test]
fn the_shop_is_deployed_answers_everywhere_and_changes_under_load() {
    let shop = Project::shop("story");
    shop.up();

    let placed = shop.containers(r#"{{.Label "webpods.service"}}"#);
    let count = |line: &str| placed.iter().filter(|placed| *placed == line).count();
    assert_eq!(placed.len(), 7, "{placed:?}");
    assert_eq!(count("node-1 gateway") + count("node-2 gateway"), 2);
    assert_eq!(count("node-1 users") + count("node-2 users"), 3);
    assert_eq!((count("node-3 worker"), count("node-3 cache")), (1, 1));

    for answer in shop.answers() {
        let said = answer.json();
        assert_eq!(said["service"], "gateway", "{said}");
        assert_eq!(said["version"], "1.0.0", "{said}");
        assert_eq!(said["users"]["names"][0], "ada", "{said}");
    }
    // Every node's proxy sends visitors to replicas on other nodes as well.
    let hosts: BTreeSet<String> = (0..20)
        .map(|_| get(&shop.lab.nodes[2].addr, &shop.domain, "/").unwrap())
        .map(|answer| answer.json()["host"].to_string())
        .collect();
    assert_eq!(hosts.len(), 2, "{hosts:?}");

    let before = shop.containers("{{.ID}} {{.Label \"webpods.service\"}}");
    shop.write("services/gateway/VERSION", "1.1.0\n");
    let _ = shop.webpods().run(["diff", "--exit-code"]).expect(10);
    let load = Load::start(shop.lab, &shop.domain, "/");
    eventually("the first requests", 20, || match load.sent() {
        0..10 => Err(format!("only {} were sent", load.sent())),
        _ => Ok(()),
    });
    shop.up();
    load.none_failed();

    for answer in shop.answers() {
        assert_eq!(answer.json()["version"], "1.1.0", "{answer:?}");
    }
    let after = shop.containers("{{.ID}} {{.Label \"webpods.service\"}}");
    let same = after.iter().filter(|line| before.contains(line));
    assert_eq!(
        same.count(),
        5,
        "only the gateways are new: {before:?} {after:?}"
    );

    // And nothing is left to do.
    let _ = shop.webpods().run(["diff", "--exit-code"]).expect(0);
    shop.up();
    assert_eq!(
        shop.containers("{{.ID}} {{.Label \"webpods.service\"}}"),
        after
    );
}

#[test]
fn a_release_that_never_gets_healthy_is_undone_while_the_old_one_serves() {
    let shop = Project::shop("broken");
    shop.up();
    let before = shop.containers("{{.ID}}");
    let load = Load::start(shop.lab, &shop.domain, "/");
    let broken = shop.webpods().env("SHOP_BROKEN", "1");
    let run = broken.run(["up", "-d"]).expect(4);
    load.none_failed();
    assert!(
        run.stderr.contains("SHOP_BROKEN is set"),
        "its last lines are shown: {run}"
    );
    assert_eq!(shop.containers("{{.ID}}"), before);
}
