//! `rollout/*` (spec §13.4).

use webpods::error::Kind;
use webpods::plan::{Batch, Change, Policy as _, RolloutRequest};

use super::{decider, host, project};

fn request(kinds: &str, parallelism: u32, start_first: bool) -> RolloutRequest {
    let changes = kinds
        .chars()
        .zip(1..)
        .map(|(kind, replica)| Change {
            replica,
            host: host("a"),
            start: kind != '-',
            stop: kind != '+',
        })
        .collect();
    RolloutRequest {
        service: "web".parse().unwrap(),
        changes,
        parallelism,
        start_first,
    }
}

fn batches(of: &[&[u32]], start_first: bool) -> Vec<Batch> {
    of.iter()
        .map(|replicas| Batch {
            replicas: replicas.to_vec(),
            start_first,
        })
        .collect()
}

#[test]
fn rolling_adds_first_replaces_in_batches_and_removes_last() {
    let decider = decider(None);
    // `+` is new, `-` goes, `~` is replaced.
    for (kinds, parallelism, expected) in [
        ("", 1, &[][..]),
        ("+++", 1, &[&[1, 2, 3][..]][..]),
        ("~~~", 1, &[&[1], &[2], &[3]]),
        ("~~~", 2, &[&[1, 2], &[3]]),
        ("~~~", 0, &[&[1, 2, 3]]),
        ("~~~", 99, &[&[1, 2, 3]]),
        ("---", 1, &[&[1, 2, 3]]),
        ("~-+~", 1, &[&[3], &[1], &[4], &[2]]),
    ] {
        for start_first in [true, false] {
            let order = decider.order("rolling", &request(kinds, parallelism, start_first));
            assert_eq!(
                order.unwrap(),
                batches(expected, start_first),
                "{kinds} by {parallelism}"
            );
        }
    }
}

#[test]
fn recreate_stops_everything_before_anything_starts() {
    let order = decider(None).order("recreate", &request("~+-", 1, true));
    assert_eq!(order.unwrap(), batches(&[&[1, 2, 3]], false));
}

#[test]
fn blue_green_is_one_switch_or_a_clear_refusal() {
    let decider = decider(None);
    let order = decider.order("blue-green", &request("~~+", 1, true));
    assert_eq!(order.unwrap(), batches(&[&[1, 2, 3]], true));
    let error = decider
        .order("blue-green", &request("~~", 1, false))
        .unwrap_err();
    assert_eq!(error.kind(), Kind::User);
    assert!(error.message().contains("cannot roll out blue-green"));
}

#[test]
fn orders_that_lose_or_repeat_replicas_are_refused() {
    for (body, expected) in [
        ("{}", "replica 1 is in no batch"),
        (
            "{ { replicas = { 1 }, start_first = false } }",
            "replica 2 is in no batch",
        ),
        (
            "{ { replicas = { 1, 2, 2 }, start_first = false } }",
            "batch 1 has replica 2",
        ),
        (
            "{ { replicas = { 1, 2, 7 }, start_first = false } }",
            "batch 1 has replica 7",
        ),
        (
            "{ { replicas = { 1, 2 }, start_first = true } }",
            "batch 1 is start-first",
        ),
        ("{ { replicas = { 1, 2 } } }", "start_first"),
        (
            "{ { replicas = { 1, 2 }, start_frist = false } }",
            "unknown field `start_frist`; did you mean `start_first`?",
        ),
        (
            "{ replicas = { 1, 2 }, start_first = false }",
            "which is no list",
        ),
        ("'rolling'", "string"),
    ] {
        let text = format!("return {{ order = function(change) return {body} end }}");
        let folder = project(&[("rollout/mine.lua", &text)]);
        let error = decider(Some(folder.path()))
            .order("mine", &request("~~", 1, false))
            .unwrap_err();
        assert!(error.to_string().contains(expected), "{body}: {error}");
        assert!(
            error.to_string().contains(".webpods/rollout/mine.lua:1"),
            "{error}"
        );
    }
}
