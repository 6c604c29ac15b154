//! The typed project: what reaches the planner, the builder and the Engine API.

mod build;
mod extensions;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use webpods::compose::{self, Loaded, Options};
use webpods::error::Result;
use webpods::model::{Condition, MountKind, Service, ServiceName};

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
