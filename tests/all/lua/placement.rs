//! `placement/spread` and `placement/pack` (spec §8.4), and what a wrong answer gets.

use std::collections::BTreeMap;

use webpods::error::Kind;
use webpods::model::HostName;
use webpods::plan::{PlaceHost, PlaceRequest, Policy as _};

use super::{decider, host, project};

fn request(replicas: u32, hosts: &[&str], max_per_host: Option<u32>) -> PlaceRequest {
    PlaceRequest {
        service: "web".parse().unwrap(),
        replicas,
        hosts: hosts
            .iter()
            .map(|name| PlaceHost {
                name: host(name),
                labels: BTreeMap::new(),
            })
            .collect(),
        max_per_host,
        current: BTreeMap::new(),
    }
}

fn counts(pairs: &[(&str, u32)]) -> BTreeMap<HostName, u32> {
    pairs.iter().map(|(name, n)| (host(name), *n)).collect()
}

#[test]
fn spread_gives_the_rest_to_the_first_hosts_in_order() {
    let decider = decider(None);
    for (replicas, hosts, expected) in [
        (3, &["s1", "s2"][..], &[("s1", 2), ("s2", 1)][..]),
        (2, &["s1", "s2", "s3"], &[("s1", 1), ("s2", 1)]),
        (1, &["z", "a"], &[("z", 1)]),
        (0, &["s1"], &[]),
        (7, &["c", "b", "a"], &[("c", 3), ("b", 2), ("a", 2)]),
        (6, &["a", "b", "c"], &[("a", 2), ("b", 2), ("c", 2)]),
    ] {
        let placed = decider.place("spread", &request(replicas, hosts, None));
        assert_eq!(placed.unwrap(), counts(expected), "{replicas} on {hosts:?}");
    }
}

#[test]
fn spread_is_even_complete_and_capped_for_every_small_case() {
    let decider = decider(None);
    let names = ["h1", "h2", "h3", "h4"];
    for hosts in 1..=names.len() {
        for replicas in 0..12 {
            for cap in [None, Some(1), Some(2), Some(3), Some(12)] {
                let placed = decider.place("spread", &request(replicas, &names[..hosts], cap));
                let room = cap.map_or(u32::MAX, |cap| cap * u32::try_from(hosts).unwrap());
                if replicas > room {
                    assert!(placed.is_err(), "{replicas} on {hosts} with {cap:?}");
                    continue;
                }
                let placed = placed.unwrap();
                assert_eq!(placed.values().sum::<u32>(), replicas);
                let each: Vec<u32> = names[..hosts]
                    .iter()
                    .map(|name| placed.get(&host(name)).copied().unwrap_or(0))
                    .collect();
                assert!(
                    each.is_sorted_by(|a, b| a >= b),
                    "first hosts first: {each:?}"
                );
                assert!(each[0] - each[hosts - 1] <= 1, "even: {each:?}");
            }
        }
    }
}

#[test]
fn pack_fills_host_by_host() {
    let decider = decider(None);
    for (replicas, cap, expected) in [
        (5, Some(3), &[("a", 3), ("b", 2)][..]),
        (5, None, &[("a", 5)]),
        (6, Some(2), &[("a", 2), ("b", 2), ("c", 2)]),
        (0, Some(2), &[]),
    ] {
        let placed = decider.place("pack", &request(replicas, &["a", "b", "c"], cap));
        assert_eq!(placed.unwrap(), counts(expected));
    }
}

#[test]
fn too_many_replicas_for_the_cap_is_said_with_numbers() {
    let decider = decider(None);
    for strategy in ["spread", "pack"] {
        let error = decider
            .place(strategy, &request(7, &["a", "b"], Some(3)))
            .unwrap_err();
        assert_eq!(error.kind(), Kind::User);
        assert_eq!(
            error.to_string(),
            "service `web`: 7 replicas do not fit on 2 host(s) with max_per_host 3, \
             which leaves room for 6"
        );
        assert!(!error.hints().is_empty());
    }
}

#[test]
fn an_unknown_strategy_names_the_near_miss() {
    let error = decider(None)
        .place("spraed", &request(1, &["a"], None))
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "script `placement/spraed` does not exist; did you mean `placement/spread`?"
    );
    let error = decider(None)
        .place("zigzag", &request(1, &["a"], None))
        .unwrap_err();
    assert!(error.message().contains("`placement/pack`"), "{error}");
    let error = decider(None)
        .place("../../etc/passwd", &request(1, &["a"], None))
        .unwrap_err();
    assert!(error.message().contains("is not valid"), "{error}");
}

#[test]
fn answers_that_cannot_be_carried_out_are_refused() {
    for (body, expected) in [
        ("return { a = 1 }", "it places 1 of the 3 replicas"),
        ("return { a = 2, b = 2 }", "it places 4 of the 3 replicas"),
        ("return { a = 1, x = 2 }", "host \"x\" is not eligible"),
        ("return { a = -1, b = 4 }", "-1"),
        ("return { a = 1.5, b = 1.5 }", "1.5"),
        ("return { a = 0/0 }", "u32"),
        ("return { a = 1e300 }", "u32"),
        ("return { a = 3 }", "above max_per_host 2"),
        ("return { a = '3' }", "string"),
        ("return 'everywhere'", "string"),
        ("return nil", "it returned nothing"),
        ("return 3", "integer"),
        ("return function() end", "function"),
        ("local t = {} t.a = t return t", "recursive"),
        ("return { [hosts] = 3 }", ""),
        ("return { [{}] = 3 }", ""),
    ] {
        let text = format!("return {{\n  place = function(service, hosts)\n    {body}\n  end\n}}");
        let folder = project(&[("placement/mine.lua", &text)]);
        let error = decider(Some(folder.path()))
            .place("mine", &request(3, &["a", "b"], Some(2)))
            .unwrap_err();
        assert_eq!(error.kind(), Kind::User, "{body}");
        assert!(
            error.message().contains(".webpods/placement/mine.lua:2"),
            "{body}: {error}"
        );
        assert!(error.to_string().contains(expected), "{body}: {error}");
        assert!(
            error
                .hints()
                .iter()
                .any(|hint| hint.contains("webpods script ls")),
            "{body}"
        );
    }
}

#[test]
fn a_script_of_ones_own_sees_labels_and_what_runs_now() {
    let folder = project(&[(
        "placement/sticky.lua",
        "return { place = function(service, hosts, current)
            for _, host in hosts do
                if host.labels.zone == 'b' then
                    return { [host.name] = service.replicas - (current.a or 0), a = current.a }
                end
            end
        end }",
    )]);
    let mut request = request(3, &["a", "b"], None);
    request.hosts[1].labels.insert("zone".into(), "b".into());
    request.current.insert(host("a"), 1);
    let placed = decider(Some(folder.path())).place("sticky", &request);
    assert_eq!(placed.unwrap(), counts(&[("a", 1), ("b", 2)]));
}
