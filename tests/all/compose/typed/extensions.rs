//! Keys of webpods' own, and what is told of others.

use webpods::model::Tls;

use super::{load, refused, service};

#[test]
fn extensions_are_read_strictly() {
    let web = service(
        "x-placement: {hosts: [s1, s2], strategy: pack, max_per_host: 2, min_hosts: 1}\n\
         x-ingress:\n  - {host: a.example.com, port: 80, health_path: /z, tls: internal}\n  - {host: \"*.b.example\", port: \"81\"}\n\
         x-rollout: {strategy: canary}",
    );
    assert_eq!(web.placement.hosts.as_deref().unwrap(), ["s1", "s2"]);
    assert_eq!(
        (web.placement.strategy.as_str(), web.placement.max_per_host),
        ("pack", Some(2))
    );
    assert_eq!(web.ingress.len(), 2);
    assert_eq!(
        (web.ingress[0].tls, web.ingress[0].port),
        (Some(Tls::Internal), 80)
    );
    assert_eq!(web.ingress[1].health_path, None);
    assert_eq!(web.rollout, "canary");
    let plain = service("tty: true");
    assert_eq!(
        (plain.rollout.as_str(), plain.placement.strategy.as_str()),
        ("rolling", "spread")
    );

    for (keys, part) in [
        (
            "x-placement: {host: [a]}",
            "unknown key `host`; did you mean `hosts`?",
        ),
        ("x-placement: {max_per_host: 0}", "a whole number from 1"),
        (
            "x-placement: {strategy: ../../etc/passwd}",
            "is not a script's name",
        ),
        ("x-placement: [a]", "must be a mapping, not a list"),
        ("x-ingress: {host: a.b}", "`port` is missing"),
        ("x-ingress: {host: \"a b\", port: 1}", "is not a domain"),
        ("x-ingress: {host: a.b, port: 70000}", "must be a port"),
        (
            "x-ingress: {host: a.b, port: 80, health_path: z}",
            "must start with `/`",
        ),
        (
            "x-ingress: {host: a.b, port: 80, tls: intenral}",
            "did you mean `internal`?",
        ),
        ("x-rollout: {stratgy: x}", "did you mean `strategy`?"),
        ("x-artifacts: {sorce: host}", "did you mean `source`?"),
        ("x-artifacts: {source: hots}", "did you mean `host`?"),
        (
            "x-artifacts: {source: registry}",
            "x-artifacts.source: must be `host` or `client`",
        ),
        ("x-artifacts: host", "must be a mapping"),
    ] {
        let error = refused(keys);
        assert!(error.contains(part), "{keys}: {error}");
        assert!(error.contains("compose.yml:4:"), "{keys}: {error}");
    }
}

#[test]
fn nothing_is_ignored_silently() {
    let loaded = load(
        "services:\n  web:\n    image: a\n    command: \"a && b\"\n    links: [db]\n    \
         pull_policy: daily\n    deploy: {mode: global, placement: {constraints: [a]}, update_config: {failure_action: pause, delay: 1s}}\n    \
         networks: {default: {}}\n    build: {context: ., sbom: true}\n  db: {image: d}\n",
    );
    for part in [
        "web.command: no shell",
        "web.pull_policy",
        "web.deploy.placement",
        "web.deploy.update_config.failure_action",
        "web.build.sbom",
    ] {
        let said = loaded
            .project
            .warnings
            .iter()
            .any(|line| line.contains(part));
        assert!(said, "{part}: {:?}", loaded.project.warnings);
    }
}
