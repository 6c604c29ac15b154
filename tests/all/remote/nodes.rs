//! Several hosts at once.

use std::collections::BTreeMap;

use webpods::docker::Nodes;
use webpods::error::Kind;
use webpods::event::Events;
use webpods::model::{
    self, Artifacts, Confirm, Context, Defaults, HostName, Ports, Proxy, Safety, SafetyLevel, Ssh,
};

fn context(hosts: &[&str], port: u16) -> Context {
    let host = |name: &&str| model::Host {
        name: name.parse().unwrap(),
        addr: "127.0.0.1".to_owned(),
        mesh_ip: None,
        user: None,
        port: Some(port),
        labels: BTreeMap::new(),
        local: false,
    };
    Context {
        name: "staging".parse().unwrap(),
        provider: None,
        ssh: Ssh::default(),
        hosts: hosts.iter().map(host).collect(),
        defaults: Defaults::default(),
        proxy: Proxy::default(),
        artifacts: Artifacts::default(),
        ports: Ports::default(),
        safety: Safety {
            level: SafetyLevel::Safe,
            confirm: Confirm {
                required_for: Vec::new(),
                token: "staging".to_owned(),
            },
            allow_from: Vec::new(),
        },
    }
}

#[tokio::test]
async fn hosts_that_cannot_be_reached_are_reported_together() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = free.local_addr().unwrap().port();
    drop(free);
    let context = context(&["s1", "s2", "s3"], port);
    let error = Nodes::connect(&context, &[], &Events::none())
        .await
        .unwrap_err();
    assert_eq!(error.kind(), Kind::Unreachable);
    assert_eq!(error.message(), "3 of 3 hosts cannot be used");
    assert_eq!(error.causes().len(), 3);
    for (cause, name) in error.causes().iter().zip(["s1", "s2", "s3"]) {
        assert!(cause.contains(&format!("`{name}`")), "{cause}");
    }
    assert_eq!(error.hints().len(), 1, "the same hint once: {error:?}");
    let one: HostName = "s2".parse().unwrap();
    let error = Nodes::connect_hosts(&context, &[one], &Events::none())
        .await
        .unwrap_err();
    assert!(
        error.message().contains("host `s2` (127.0.0.1) answers"),
        "{error}"
    );
}

#[test]
fn hosts_are_chosen_by_name_in_inventory_order() {
    let context = context(&["web-1", "web-2", "db"], 22);
    let name = |name: &str| name.parse::<HostName>().unwrap();
    let nodes = Nodes::select(&context, &[name("db"), name("web-1")], &Events::none()).unwrap();
    let names: Vec<&str> = nodes.iter().map(|node| node.name().as_str()).collect();
    assert_eq!(names, ["web-1", "db"]);
    assert!(nodes.get(&name("web-2")).is_none());
    assert_eq!(
        Nodes::select(&context, &[], &Events::none()).unwrap().len(),
        3
    );
    let error = Nodes::select(&context, &[name("web1")], &Events::none()).unwrap_err();
    assert_eq!(
        error.message(),
        "host `web1` is not in context `staging`; did you mean `web-1`?"
    );
    assert_eq!(error.kind(), Kind::User);
}
