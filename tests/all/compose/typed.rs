//! The typed project: what reaches the planner, the builder and the Engine API.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use webpods::compose::{self, Loaded, Options};
use webpods::error::Result;
use webpods::model::{Condition, MountKind, NamedContext, SecretSource, Service, ServiceName, Tls};

pub(super) fn load_in(folder: &Path, text: &str) -> Result<Loaded> {
    fs::write(folder.join("compose.yml"), text).unwrap();
    compose::load(&Options {
        project_name: Some("proj".to_owned()),
        cwd: folder.to_owned(),
        environment: BTreeMap::from([("TOKEN".to_owned(), "s3cret".to_owned())]),
        ..Options::default()
    })
}

pub(super) fn load(text: &str) -> Loaded {
    let folder = tempfile::tempdir().unwrap();
    load_in(folder.path(), text).unwrap()
}

/// A project of one service with these keys.
fn web(keys: &str) -> String {
    let keys = keys.replace('\n', "\n    ");
    format!("services:\n  web:\n    image: app\n    {keys}\n")
}

/// The only service of a project with these keys.
pub(super) fn service(keys: &str) -> Service {
    let loaded = load(&web(keys));
    loaded.project.services[0].clone()
}

pub(super) fn refused(keys: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    load_in(folder.path(), &web(keys)).unwrap_err().to_string()
}

pub(super) fn template(keys: &str) -> Value {
    service(keys).template.to_json()
}

#[test]
fn mounts_know_what_is_in_the_project() {
    let folder = tempfile::tempdir().unwrap();
    let loaded = load_in(
        folder.path(),
        "services:\n  web:\n    image: a\n    volumes:\n      - ./conf:/conf:ro\n      - /etc:/etc2\n      - ..:/up\n      \
         - data:/data:nocopy\n      - /anon\n      - {type: tmpfs, target: /t, tmpfs: {size: 1k, mode: 0700}}\n      \
         - {type: bind, source: ./made, target: /m, bind: {propagation: rshared}}\nvolumes:\n  data:\n",
    )
    .unwrap();
    let mounts = &loaded.project.services[0].mounts;
    let bind = |index: usize| match &mounts[index].kind {
        MountKind::Bind {
            source,
            in_project,
            create_host_path,
        } => (source.clone(), *in_project, *create_host_path),
        other => panic!("{other:?}"),
    };
    assert_eq!(bind(0), (folder.path().join("conf"), true, true));
    assert!(mounts[0].read_only);
    assert_eq!(bind(1), ("/etc".into(), false, true));
    assert!(!bind(2).1);
    assert_eq!(
        mounts[3].kind,
        MountKind::Volume {
            key: "data".to_owned()
        }
    );
    assert_eq!(mounts[3].options["VolumeOptions"], json!({"NoCopy": true}));
    assert_eq!(mounts[4].kind, MountKind::Anonymous);
    assert_eq!(
        mounts[5].options["TmpfsOptions"],
        json!({"SizeBytes": 1024, "Mode": 0o700})
    );
    assert_eq!(bind(6), (folder.path().join("made"), true, false));
    assert_eq!(
        mounts[6].options["BindOptions"],
        json!({"Propagation": "rshared"})
    );
}

#[test]
fn configs_and_secrets_carry_their_content() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("one.txt"), "one").unwrap();
    let text = "services:\n  web:\n    image: a\n    configs: [one, {source: two, target: etc/two, mode: 0400, uid: \"5\"}]\n    \
                secrets: [tok]\nconfigs:\n  one: {file: one.txt}\n  two: {content: \"2 $TOKEN\"}\nsecrets:\n  tok: {environment: TOKEN}\n";
    let loaded = load_in(folder.path(), text).unwrap();
    let files = &loaded.project.services[0].files;
    let shown: Vec<_> = files
        .iter()
        .map(|file| {
            (
                file.target.as_str(),
                file.content.as_slice(),
                file.mode,
                file.uid,
                file.secret,
            )
        })
        .collect();
    assert_eq!(
        shown,
        [
            ("/one", b"one".as_slice(), 0o444, None, false),
            ("/etc/two", b"2 s3cret".as_slice(), 0o400, Some(5), false),
            ("/run/secrets/tok", b"s3cret".as_slice(), 0o444, None, true),
        ]
    );

    let gone = text.replace("one.txt", "gone.txt");
    let error = load_in(folder.path(), &gone).unwrap_err().to_string();
    assert!(
        error.contains("gone.txt") && !error.contains("s3cret"),
        "{error}"
    );
    let unset = text.replace("environment: TOKEN", "environment: UNSET");
    let error = load_in(folder.path(), &unset).unwrap_err().to_string();
    assert!(error.contains("`UNSET`, which is not set"), "{error}");
    let swarm = text.replace("{environment: TOKEN}", "{external: true}");
    let error = load_in(folder.path(), &swarm).unwrap_err().to_string();
    assert!(error.contains("Swarm"), "{error}");
}

#[test]
fn networks_ports_and_order() {
    let loaded = load(
        "services:\n  web:\n    image: a\n    networks: {low: {aliases: [x]}, high: {priority: 5, ipv4_address: 10.0.0.2}}\n    \
         ports: [\"127.0.0.1:80:8080/udp\", \"90-92:9\", 70]\n    \
         depends_on: {db: {condition: service_healthy}, job: {condition: service_completed_successfully}}\n  \
         db: {image: d, healthcheck: {test: a}}\n  job: {image: j}\nnetworks:\n  low: {}\n  high: {name: given, internal: true, ipam: {config: [{subnet: 10.0.0.0/24}]}}\n",
    );
    let web = &loaded.project.services["web"];
    assert_eq!(web.networks.keys().collect::<Vec<_>>(), ["high", "low"]);
    assert_eq!(web.networks["low"].aliases, ["x"]);
    assert_eq!(
        web.networks["high"].ipv4_address.as_deref(),
        Some("10.0.0.2")
    );
    let ports: Vec<_> = web
        .ports
        .iter()
        .map(|port| (port.target, port.published))
        .collect();
    assert_eq!(ports, [(8080, Some(80)), (9, Some(90)), (70, None)]);
    assert_eq!(web.ports[0].host_ip.as_deref(), Some("127.0.0.1"));
    assert_eq!(web.ports[0].protocol, "udp");
    assert_eq!(web.depends_on["db"].condition, Condition::ServiceHealthy);
    assert_eq!((web.ports[1].last, web.ports[1].fixed()), (Some(92), None));
    assert_eq!(web.ports[1].host_port(), "90-92");
    let networks = &loaded.project.networks;
    assert_eq!(networks["low"].name, None);
    assert_eq!(networks["high"].name.as_deref(), Some("given"));
    assert_eq!(networks["high"].body["Internal"], true);
    assert_eq!(
        networks["high"].body["IPAM"],
        json!({"Config": [{"Subnet": "10.0.0.0/24"}]})
    );
}

#[test]
fn external_resources_keep_their_names() {
    let loaded = load(
        "services:\n  web: {image: a, volumes: [\"mine:/m\", \"other:/o\", \"third:/t\"]}\nvolumes:\n  mine: {external: true}\n  \
         other: {external: true, name: real}\n  third: {driver: local, driver_opts: {o: x}, labels: {a: b}}\n",
    );
    let volumes = &loaded.project.volumes;
    assert_eq!(
        (volumes["mine"].external, volumes["mine"].name.as_deref()),
        (true, Some("mine"))
    );
    assert_eq!(volumes["other"].name.as_deref(), Some("real"));
    assert_eq!(
        (volumes["third"].external, &volumes["third"].name),
        (false, &None)
    );
    assert_eq!(
        volumes["third"].body,
        json!({"Driver": "local", "DriverOpts": {"o": "x"}, "Labels": {"a": "b"}})
    );
}

#[test]
fn every_build_key_reaches_the_builder() {
    let folder = tempfile::tempdir().unwrap();
    let text = "services:
  base: {build: base}
  web:
    build:
      context: .
      additional_contexts: {res: ./res, img: 'docker-image://alpine', svc: 'service:base', git: 'https://example.com/x.git'}
      cache_from: ['a:b', 'type=local,src=x']
      cache_to: [type=inline]
      entitlements: [security.insecure]
      extra_hosts: {x: ['1.2.3.4', '::1']}
      isolation: default
      labels: [a=b]
      network: host
      no_cache: true
      platforms: [linux/amd64, linux/arm64]
      privileged: true
      pull: true
      secrets: [TOKEN_FILE, {source: token, target: npm}, {source: unset, mode: 0400}]
      shm_size: 64m
      ssh: [default, k=./key]
      tags: ['a:1']
      ulimits: {nproc: 5, nofile: {soft: 1, hard: 2}}
secrets:
  TOKEN_FILE: {file: ./s.txt}
  token: {environment: TOKEN}
  unset: {environment: UNSET}
";
    let loaded = load_in(folder.path(), text).unwrap();
    let build = loaded.project.services["web"].build.clone().unwrap();
    let path = |name: &str| folder.path().canonicalize().unwrap().join(name);
    assert_eq!(
        build.contexts.into_iter().collect::<Vec<_>>(),
        [
            (
                "git".to_owned(),
                NamedContext::Fetched("https://example.com/x.git".to_owned())
            ),
            (
                "img".to_owned(),
                NamedContext::Fetched("docker-image://alpine".to_owned())
            ),
            ("res".to_owned(), NamedContext::Folder(path("res"))),
            (
                "svc".to_owned(),
                NamedContext::Service("base".parse().unwrap())
            ),
        ]
    );
    let secrets: Vec<_> = build.secrets.iter().map(|s| (&*s.id, &s.source)).collect();
    let value = Some("s3cret".to_owned().into());
    assert_eq!(
        secrets,
        [
            ("TOKEN_FILE", &SecretSource::File(path("s.txt"))),
            ("npm", &SecretSource::Variable("TOKEN".to_owned(), value)),
            ("unset", &SecretSource::Variable("UNSET".to_owned(), None)),
        ]
    );
    assert_eq!(
        build.ssh,
        ["default".to_owned(), format!("k={}", path("key").display())]
    );
    assert_eq!(build.cache_from, ["a:b", "type=local,src=x"]);
    assert_eq!(build.cache_to, ["type=inline"]);
    assert_eq!(build.entitlements, ["security.insecure"]);
    assert_eq!(build.extra_hosts, ["x:1.2.3.4", "x:::1"]);
    assert_eq!(build.isolation.as_deref(), Some("default"));
    assert_eq!(build.labels["a"], "b");
    assert_eq!(build.network.as_deref(), Some("host"));
    assert_eq!(build.platforms, ["linux/amd64", "linux/arm64"]);
    assert!(build.no_cache && build.privileged && build.pull);
    assert_eq!(build.shm_size, Some(64 << 20));
    assert_eq!(build.tags, ["a:1"]);
    let limits: Vec<_> = build.ulimits.values().map(|u| (u.soft, u.hard)).collect();
    assert_eq!(limits, [(1, 2), (5, 5)]);
    let warnings = loaded.project.warnings.join("\n");
    assert!(
        warnings.contains("secrets[2].mode: not carried out"),
        "{warnings}"
    );
    assert!(!format!("{:?}", loaded.project).contains("s3cret"));

    let external = text.replace("{environment: TOKEN}", "{external: true}");
    let error = load_in(folder.path(), &external).unwrap_err().to_string();
    assert!(error.contains("`token` has neither"), "{error}");
}

#[test]
fn builds_have_absolute_paths() {
    let folder = tempfile::tempdir().unwrap();
    let loaded = load_in(
        folder.path(),
        "services:\n  web:\n    build: {context: src, args: {A: 1, TOKEN: , NONE: }, target: t, extra_hosts: [\"h=1.1.1.1\"]}\n  remote: {build: \"https://github.com/a/b.git\"}\n",
    )
    .unwrap();
    let build = loaded.project.services["web"].build.clone().unwrap();
    assert_eq!(
        build.context,
        folder.path().join("src").display().to_string()
    );
    assert_eq!(build.dockerfile.as_deref(), Some("Dockerfile"));
    assert_eq!(build.args["A"].as_deref(), Some("1"));
    assert_eq!(build.args["TOKEN"].as_deref(), Some("s3cret"));
    assert!(!build.args.contains_key("NONE"));
    assert_eq!(build.extra_hosts, ["h:1.1.1.1"]);
    let remote = loaded.project.services["remote"].build.clone().unwrap();
    assert_eq!(remote.context, "https://github.com/a/b.git");
}

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

#[test]
fn services_stand_in_the_order_of_the_file() {
    let loaded = load("services:\n  z: {image: a}\n  a: {image: a}\n  m: {image: a}\n");
    let names: Vec<&str> = loaded
        .project
        .services
        .keys()
        .map(ServiceName::as_str)
        .collect();
    assert_eq!(names, ["z", "a", "m"]);
}

#[test]
fn the_name_comes_from_the_first_place_that_has_one() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path().join("My_App.v2");
    fs::create_dir(&here).unwrap();
    let name = |text: &str, given: Option<&str>, variable: Option<&str>, default: Option<&str>| {
        fs::write(here.join("compose.yml"), text).unwrap();
        let loaded = compose::load(&Options {
            project_name: given.map(str::to_owned),
            default_project_name: default.map(str::to_owned),
            environment: variable
                .map(|name| ("COMPOSE_PROJECT_NAME".to_owned(), name.to_owned()))
                .into_iter()
                .collect(),
            cwd: here.clone(),
            ..Options::default()
        });
        loaded.map(|loaded| loaded.project.name.to_string())
    };
    let (plain, named) = (
        "services: {a: {image: a}}",
        "name: written\nservices: {a: {image: a}}",
    );
    assert_eq!(
        name(named, Some("given"), Some("env"), Some("ctx")).unwrap(),
        "given"
    );
    assert_eq!(name(named, None, Some("env"), Some("ctx")).unwrap(), "env");
    assert_eq!(name(named, None, None, Some("ctx")).unwrap(), "written");
    assert_eq!(name(plain, None, None, Some("ctx")).unwrap(), "ctx");
    assert_eq!(name(plain, None, None, None).unwrap(), "my_appv2");
    let error = name(plain, Some("Bad Name"), None, None).unwrap_err();
    assert!(
        error.hints().iter().any(|hint| hint.contains("`badname`")),
        "{error}"
    );
}
