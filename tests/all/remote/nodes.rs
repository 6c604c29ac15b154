//! Several hosts at once.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Barrier;
use tokio::time::timeout;

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

/// A port that nobody listens on.
fn closed() -> u16 {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    free.local_addr().unwrap().port()
}

#[tokio::test]
async fn hosts_are_asked_at_once_and_answer_in_inventory_order() {
    let mut context = context(&["a", "b", "c", "d"], closed());
    for host in &mut context.hosts {
        host.local = host.name.as_str() != "c";
    }
    let nodes = Nodes::select(&context, &[], &Events::none()).unwrap();
    // None of the three has its answer before all were asked.
    let meeting = Barrier::new(3);
    let asked = nodes.ask_each(async |node| {
        meeting.wait().await;
        Ok(node.name().to_string())
    });
    let answers = timeout(Duration::from_secs(20), asked).await.unwrap();
    let said = answers.iter().map(|answer| match answer {
        Ok(name) => name.clone(),
        Err(error) => error.message().to_owned(),
    });
    let said: Vec<String> = said.collect();
    assert_eq!(
        said,
        [
            "a",
            "b",
            "host `c` (127.0.0.1) answers, but no ssh server does",
            "d"
        ]
    );
}

#[tokio::test]
async fn other_hosts_join_those_that_have_sessions() {
    let mut context = context(&["a", "b", "c"], closed());
    for host in &mut context.hosts {
        host.local = true;
    }
    let name: HostName = "b".parse().unwrap();
    let one = Nodes::select(&context, std::slice::from_ref(&name), &Events::none()).unwrap();
    let all = one.and_others(&context, &Events::none()).unwrap();
    let names: Vec<&str> = all.iter().map(|node| node.name().as_str()).collect();
    assert_eq!(names, ["a", "b", "c"]);
    let same = |other: &Nodes| Arc::ptr_eq(one.get(&name).unwrap(), other.get(&name).unwrap());
    assert!(same(&all), "the session that is there is used");
    assert!(same(&all.and_others(&context, &Events::none()).unwrap()));
}

#[tokio::test]
async fn hosts_that_cannot_be_reached_are_reported_together() {
    let port = closed();
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
