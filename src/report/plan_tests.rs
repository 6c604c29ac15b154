use serde_json::{Value, json};

use super::*;

fn digest(letter: char) -> String {
    format!("sha256:{}", letter.to_string().repeat(64))
}

fn service(extra: Value) -> Value {
    let mut service = json!({
        "current": null, "desired": null, "pending": false, "image": "shop-web",
        "placement_before": {}, "placement_after": {}, "replicas": [], "reasons": [],
    });
    let (Value::Object(base), Value::Object(extra)) = (&mut service, extra) else {
        panic!("a service is a map");
    };
    base.extend(extra);
    service
}

fn plan(extra: Value) -> Plan {
    let mut plan = json!({
        "version": 1, "context": "staging", "project": "shop", "action": "up",
        "release": "r13", "previous": "r12", "hosts": [], "services": {}, "images": [],
        "routes": [], "warnings": [], "stages": [], "state": null,
    });
    let (Value::Object(base), Value::Object(extra)) = (&mut plan, extra) else {
        panic!("a plan is a map");
    };
    base.extend(extra);
    serde_json::from_value(plan).unwrap()
}

fn route(ports: &[u16]) -> Value {
    let upstreams: Vec<Value> = ports
        .iter()
        .map(|port| json!({ "host": "web-1", "addr": "10.0.0.1", "port": port }))
        .collect();
    json!({
        "domain": "api.example.com", "service": "web", "health_path": "/healthz", "tls": "auto",
        "upstreams": upstreams,
    })
}

fn work() -> Value {
    json!([{ "name": "commit", "steps": [{ "id": 0, "host": "web-1", "kind": "commit" }] }])
}

#[test]
fn a_change_is_shown_per_service_with_its_reasons() {
    let image = json!({
        "reference": "shop-web", "platform": "linux/amd64", "layers": [],
        "manifest": { "digest": digest('b'), "size": 1 },
        "config": { "digest": digest('c'), "size": 1 },
    });
    let shipment = |host: &str, bytes: u64| json!({ "host": host, "blobs": [], "bytes": bytes });
    let replica = |number: u32, host: &str, action: &str, reason: Value| {
        json!({
            "number": number, "host": host, "action": action, "reason": reason,
            "ports": if action == "remove" { json!({}) } else { json!({ "8080": 20000 + number }) },
        })
    };
    let plan = plan(json!({
        "services": {
            "web": service(json!({
                "current": digest('a'), "desired": digest('b'),
                "placement_before": { "web-1": 1 }, "placement_after": { "web-1": 1, "web-2": 1 },
                "reasons": ["image changed", "2 replicas instead of 1"],
                "replicas": [
                    replica(1, "web-1", "recreate", json!("image changed")),
                    replica(2, "web-2", "create", Value::Null),
                ],
            })),
            "cache": service(json!({
                "current": digest('d'), "desired": digest('d'), "image": "redis:7",
                "placement_before": { "web-1": 1 }, "placement_after": { "web-1": 1 },
                "reasons": ["same image and config as r12"],
                "replicas": [replica(1, "web-1", "keep", Value::Null)],
            })),
            "old": service(json!({
                "current": digest('e'), "image": "shop-old",
                "placement_before": { "web-1": 1 },
                "reasons": ["no longer in the Compose file"],
                "replicas": [replica(1, "web-1", "remove", Value::Null)],
            })),
        },
        "images": [{
            "image": image, "services": ["web"],
            "shipments": [shipment("web-1", 2_300_000), shipment("web-2", 0)],
        }],
        "routes": [
            { "domain": "api.example.com", "before": route(&[20000]), "after": route(&[20001, 20002]) },
        ],
        "warnings": ["web: port 20001 is reachable from wherever 203.0.113.1 is"],
        "stages": work(),
    }));
    assert_eq!(
        text(&plan, Paint::new(false)),
        "\
~ web  image changed; 2 replicas instead of 1
    image     shop-web  aaaaaaaaaaaa → bbbbbbbbbbbb
    build     no, the image is here
    ship      2.3 MB to web-1, web-2 (already cached)
    replicas  1 → 2  (web-1: 1, web-2: 0 → 1)
    ~ 1 on web-1  port 20001→8080  image changed
    + 2 on web-2  port 20002→8080
  cache  same image and config as r12
- old  no longer in the Compose file
    image     shop-old
    replicas  1 → 0  (web-1: 1 → 0)
    - 1 on web-1
routes
  ~ api.example.com → web (web-1:20001, web-1:20002), was web (web-1:20000)
warning: web: port 20001 is reachable from wherever 203.0.113.1 is
release r13: 1 to create, 1 to recreate, 1 to remove, 1 unchanged; 2.3 MB to ship
"
    );
}

#[test]
fn nothing_to_do_says_why() {
    let plan = plan(json!({
        "release": "r12",
        "services": {
            "web": service(json!({
                "current": digest('a'), "desired": digest('a'),
                "placement_before": { "web-1": 1 }, "placement_after": { "web-1": 1 },
                "reasons": ["same image and config as r12"],
                "replicas": [{
                    "number": 1, "host": "web-1", "action": "keep", "ports": {}, "reason": null,
                }],
            })),
        },
    }));
    assert_eq!(
        text(&plan, Paint::new(false)),
        "  web  same image and config as r12\n\
         nothing to do: everything is as release r12 wants it\n"
    );
}

#[test]
fn what_is_pulled_is_not_said_to_be_built() {
    let waiting = |reason: &str| {
        service(json!({
            "pending": true, "placement_after": { "web-1": 1 }, "reasons": [reason],
            "replicas": [],
        }))
    };
    let plan = plan(json!({
        "previous": null, "release": "r1",
        "services": {
            "db": waiting("pull: `pull_policy: always`"), "web": waiting("never built"),
        },
    }));
    let shown = text(&plan, Paint::new(false));
    let db = shown.split("~ web").next().unwrap();
    assert!(db.contains("not pulled yet (new)"), "{shown}");
    assert!(db.contains("known after the pull"), "{shown}");
    let end = "a forecast until the images are built and pulled\n";
    assert!(shown.ends_with(end), "{shown}");
}

#[test]
fn a_plan_before_the_build_is_a_forecast() {
    let plan = plan(json!({
        "previous": null, "release": "r1",
        "services": {
            "web": service(json!({
                "pending": true, "placement_after": { "web-1": 1 }, "reasons": ["never built"],
                "replicas": [{
                    "number": 1, "host": "web-1", "action": "create", "ports": {},
                    "reason": "never built",
                }],
            })),
        },
        "routes": [{ "domain": "api.example.com", "before": null, "after": route(&[20001]) }],
    }));
    let shown = text(&plan, Paint::new(false));
    assert_eq!(
        shown,
        "\
+ web  never built
    image     shop-web  not built yet (new)
    build     yes, and then this plan is exact
    ship      known after the build
    replicas  0 → 1  (web-1: 0 → 1)
    + 1 on web-1
routes
  + api.example.com → web (web-1:20001)
release r1: 1 to create, 0 to recreate, 0 to remove, 0 unchanged; a forecast until the images are built
"
    );
}

#[test]
fn colours_are_on_the_signs_only_when_asked_for() {
    let plan = plan(json!({
        "routes": [{ "domain": "a.example.com", "before": route(&[1]), "after": null }],
        "stages": work(),
    }));
    let painted = text(&plan, Paint::new(true));
    assert!(painted.contains("\u{1b}[31m- a.example.com"), "{painted:?}");
    assert!(!text(&plan, Paint::new(false)).contains('\u{1b}'));
}

#[test]
fn names_from_outside_cannot_move_the_cursor() {
    let plan = plan(json!({
        "warnings": ["\u{1b}[2Jgone"],
        "routes": [{ "domain": "a\u{1b}[2J", "before": route(&[1]), "after": null }],
    }));
    assert!(!text(&plan, Paint::new(false)).contains('\u{1b}'));
}
