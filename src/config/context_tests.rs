use serde_json::json;

use super::*;
use crate::model::{Origin, SafetyLevel};

fn read(text: &str) -> Result<Context> {
    from_yaml(text, "staging.yml", &"staging".parse().unwrap())
}

fn mistakes(text: &str) -> String {
    match read(text) {
        Ok(context) => panic!("accepted: {context:#?}"),
        Err(error) => error.message().to_owned(),
    }
}

/// A context with `extra` below the smallest inventory.
fn with(extra: &str) -> String {
    format!("hosts:\n  - {{ name: a, addr: 10.0.0.1 }}\n{extra}")
}

const FULL: &str = r#"
name: staging
provider: gcp
ssh:
  user: ubuntu
  port: 2222
  key: /keys/id
  bastion: ubuntu@bastion.example.com
  connect_timeout_seconds: 5
  host_key: accept-new
  known_hosts: /keys/known
hosts:
  - name: stg-1
    addr: 34.80.10.11
    mesh_ip: 10.10.1.11
    user: root
    port: 22
    labels: { zone: a, rack: 7, ssd: true }
  - name: local
defaults:
  compose_files: [compose.yml, compose.staging.yml]
  env_file: .env.staging
  project_name: acme-shop
proxy:
  driver: caddy
  domains: [api.example.com, "*.example.org"]
  tls: off
  upstreams: local
artifacts:
  mode: oci-cache
  remote_cache_dir: /srv/webpods/cache/
  concurrency: 2
  retain_releases: 3
  max_cache_bytes: 1.5GB
  fanout: true
  fanout_by: rack
ports:
  range: "21000-22000"
safety:
  level: guarded
  confirm:
    required_for: [down, deploy]
    token: "yes-really"
  allow_from: [ci]
x-anything: [kept, for, the, user]
"#;

#[test]
fn the_whole_schema_is_read() {
    let context = read(FULL).unwrap();
    assert_eq!(context.provider.as_deref(), Some("gcp"));
    assert_eq!(context.ssh.port, Some(2222));
    assert_eq!(context.ssh.host_key, HostKeyCheck::AcceptNew);
    assert_eq!(context.ssh.connect_timeout, Duration::from_secs(5));
    assert_eq!(context.hosts[0].user.as_deref(), Some("root"));
    assert_eq!(context.hosts[0].labels["rack"], "7");
    assert_eq!(context.hosts[0].labels["ssd"], "true");
    assert!(context.hosts[1].local);
    assert_eq!(context.defaults.compose_files.len(), 2);
    assert_eq!(context.proxy.tls, Tls::Off);
    assert_eq!(context.proxy.upstreams, Upstreams::Local);
    assert_eq!(context.artifacts.remote_cache_dir, "/srv/webpods/cache");
    assert_eq!(context.artifacts.retain_releases, 3);
    assert_eq!(context.artifacts.max_cache_bytes, Some(1_500_000_000));
    assert!(context.artifacts.fanout);
    assert_eq!(context.artifacts.fanout_by.as_deref(), Some("rack"));
    let ports = (context.ports.first, context.ports.last);
    assert_eq!(ports, (21000, 22000));
    assert_eq!(context.safety.level, SafetyLevel::Guarded);
    assert_eq!(context.safety.confirm.token, "yes-really");
    // `deploy` is `up`, so guarding one guards both.
    assert_eq!(
        context.safety.confirm.required_for,
        ["down", "up", "deploy"]
    );
    assert_eq!(context.safety.allow_from, [Origin::Ci]);
}

#[test]
fn what_is_left_out_gets_the_defaults() {
    let context = read(&with("")).unwrap();
    assert_eq!(context.name.as_str(), "staging");
    assert_eq!(context.ssh, Ssh::default());
    assert_eq!(context.proxy, Proxy::default());
    assert_eq!(context.artifacts, Artifacts::default());
    assert_eq!(context.ports, Ports::default());
    assert_eq!(context.safety.level, SafetyLevel::Safe);
    assert!(context.safety.confirm.required_for.is_empty());
    assert_eq!(context.safety.confirm.token, "staging");
    assert_eq!(context.safety.allow_from, [Origin::Local, Origin::Ci]);
}

#[test]
fn guarded_has_its_own_defaults() {
    let context = read(&with("safety: { level: guarded }\n")).unwrap();
    let expected = ["down", "rm", "prune", "cleanup"];
    assert_eq!(context.safety.confirm.required_for, expected);
    assert_eq!(context.safety.confirm.token, "staging");
    // An explicit empty list is an answer, not an omission.
    let text = with("safety: { level: guarded, confirm: { required_for: [] } }\n");
    assert!(read(&text).unwrap().safety.confirm.required_for.is_empty());
}

#[test]
fn an_unknown_key_gets_line_mark_and_near_miss() {
    assert_eq!(
        mistakes(&with("porxy:\n  driver: caddy\n")),
        "staging.yml:3:1: unknown key \"porxy\"; did you mean `proxy`?\n  \
           |\n\
         3 | porxy:\n  \
           | ^^^^^"
    );
}

#[test]
fn every_mistake_is_shown_at_once() {
    let text = "\
name: prod
ssh: { port: 70000, user: -oProxyCommand=id }
hosts:
  - name: web 1
    adr: 10.0.0.1
  - { name: b, addr: root@10.0.0.2 }
  - { name: b, addr: 10.0.0.3, mesh_ip: 0.0.0.0 }
safety:
  level: garded
  confirm: { required_for: [dwon], token: 12 }
  allow_from: [laptop]
";
    let text = mistakes(text);
    let heads: Vec<&str> = text
        .lines()
        .filter_map(|line| line.strip_prefix("staging.yml:"))
        .filter_map(|line| line.split([';', ' ']).next())
        .collect();
    let expected = [
        "1:7:", "2:14:", "2:27:", "4:5:", "4:11:", "5:5:", "6:22:", "7:41:", "9:10:", "10:29:",
        "10:43:", "11:16:",
    ];
    assert_eq!(heads, expected, "{text}");
    for said in [
        "the context is called `prod`, but its file is named `staging`",
        "a login name has letters",
        "unknown key \"adr\" in `hosts[0]`; did you mean `addr`?",
        "write the login name as `user: root`",
        "did you mean `guarded`?",
        "did you mean `down`?",
        "`safety.confirm.token` is a number, not text; put it in quotes",
    ] {
        assert!(text.contains(said), "{said}: {text}");
    }
}

#[test]
fn wrong_types_are_named() {
    for (extra, expected) in [
        ("ssh: root\n", "`ssh` is text, not a map"),
        ("ssh: [a]\n", "`ssh` is a list, not a map"),
        (
            "ssh: { port: \"22\" }\n",
            "`ssh.port` is text, not a whole number",
        ),
        ("ssh: { port: 0 }\n", "`ssh.port` must be from 1 to 65535"),
        (
            "ssh: { port: 22.5 }\n",
            "`ssh.port` is a number, not a whole number",
        ),
        (
            "ssh: { user: 1000 }\n",
            "`ssh.user` is a number, not text; put it in quotes",
        ),
        ("ssh: { key: '' }\n", "`ssh.key` is empty"),
        (
            "proxy: { domains: a.com }\n",
            "`proxy.domains` is text, not a list",
        ),
        (
            "proxy: { driver: ../x }\n",
            "`proxy.driver` cannot be \"../x\"",
        ),
        (
            "proxy: { tls: none }\n",
            "`proxy.tls` cannot be \"none\"; it is one of: auto, internal, off",
        ),
        (
            "proxy: { domains: ['a { respond 1 }'] }\n",
            "is not a domain",
        ),
        (
            "artifacts: { remote_cache_dir: cache }\n",
            "write an absolute folder",
        ),
        (
            "artifacts: { max_cache_bytes: lots }\n",
            "write a number, or one with kB, MB, GB or TB",
        ),
        (
            "artifacts: { mode: registy }\n",
            "`artifacts.mode` cannot be \"registy\"; did you mean `registry`?",
        ),
        (
            "artifacts: { mode: registry }\n",
            "`artifacts.mode: registry` needs `artifacts.registry`",
        ),
        (
            "artifacts: { registry: r.example.com }\n",
            "is for `artifacts.mode: registry` only",
        ),
        (
            "artifacts: { mode: registry, registry: 'https://r.example.com' }\n",
            "write it as `registry.example.com`",
        ),
        (
            "artifacts: { mode: registry, registri: r.example.com }\n",
            "did you mean `registry`?",
        ),
        (
            "artifacts: { fanout: sometimes }\n",
            "`artifacts.fanout` is text, not true or false",
        ),
        (
            "artifacts: { fanout_by: site }\n",
            "no host has that label; give hosts one, like `labels: { site: a }`",
        ),
        (
            "artifacts: { retain_releases: 0 }\n",
            "must be from 1 to 1000",
        ),
        ("ports: { range: 20000 }\n", "put it in quotes"),
        ("ports: { range: 20000-20010 }\n", "at least 100 ports"),
        (
            "ports: { range: 80-9000 }\n",
            "at least 100 ports above 1023",
        ),
        (
            "safety: { confirm: { token: ' ' } }\n",
            "`safety.confirm.token` is empty",
        ),
        (
            "safety: { allow_from: [] }\n",
            "nobody could use this context",
        ),
        (
            "safety: { confirm: { required_for: [rolback] } }\n",
            "did you mean `rollback`?",
        ),
        (
            "defaults: { project_name: Shop }\n",
            "project name \"Shop\" is not valid",
        ),
        (
            "defaults: { compose_files: compose.yml }\n",
            "write `- ` before each item",
        ),
        ("name: \"a/b\"\n", "context name \"a/b\" is not valid"),
        ("hosts: []\n", "key \"hosts\" is written twice"),
    ] {
        let text = mistakes(&with(extra));
        assert!(text.contains(expected), "{extra}: {text}");
    }
}

#[test]
fn an_inventory_is_needed() {
    assert!(mistakes("").contains("the context has no `hosts`"));
    assert!(mistakes("hosts: []\n").contains("`hosts` is empty"));
    assert!(mistakes("hosts: [web-1]\n").contains("`hosts[0]` is text, not a map"));
    assert!(mistakes("hosts: [{ addr: 10.0.0.1 }]\n").contains("`hosts[0]` has no `name`"));
    assert!(mistakes("hosts: [{ name: a }]\n").contains("`hosts[0]` has no `addr`"));
    let local = mistakes("hosts: [{ name: local, addr: 10.0.0.1 }]\n");
    assert!(local.contains("takes no `addr`"), "{local}");
}

#[test]
fn a_shown_context_reads_back_unchanged() {
    use crate::config::{show, to_yaml};
    for text in [FULL.to_owned(), with("safety: { level: guarded }\n")] {
        let context = read(&text).unwrap();
        let shown = show(&context);
        assert_eq!(read(&to_yaml(&shown).unwrap()).unwrap(), context);
        let again = from_lua(shown, "staging.lua", &context.name).unwrap();
        assert_eq!(again, context);
    }
}

#[test]
fn lua_tables_are_read_by_the_same_rules() {
    let name = "dynamic".parse().unwrap();
    let table = json!({
        "hosts": [{ "name": "a", "addr": "10.0.0.1", "port": 22.0, "labels": [] }],
        "proxy": { "driver": "caddy", "domains": {} },
    });
    let context = from_lua(table, "dynamic.lua", &name).unwrap();
    assert_eq!(context.hosts[0].port, Some(22));
    let table = json!({ "hosts": [{ "name": "a", "adr": "10.0.0.1" }] });
    let error = from_lua(table, "dynamic.lua", &name).unwrap_err();
    assert_eq!(
        error.message(),
        "`dynamic.lua` has 2 mistakes\n\
         dynamic.lua: unknown key \"adr\" in `hosts[0]`; did you mean `addr`?\n\
         dynamic.lua: `hosts[0]` has no `addr`, its ssh address"
    );
    assert!(from_lua(json!(7), "dynamic.lua", &name).is_err());
}

#[test]
fn the_built_in_dev_is_this_machine() {
    let dev = builtin_dev().unwrap();
    assert_eq!(dev.name.as_str(), "dev");
    assert_eq!(dev.hosts.len(), 1);
    assert!(dev.hosts[0].local);
    assert_eq!(dev.proxy.driver, "none");
}

#[test]
fn hostile_texts_do_not_forge_output_lines() {
    let text = mistakes("hosts:\n  - { name: \"a\\nerror: all is lost\", addr: 10.0.0.1 }\n");
    assert!(!text.contains("\nerror: all is lost"), "{text}");
}
