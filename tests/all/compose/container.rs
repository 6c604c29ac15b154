//! What reaches the Engine API.

use serde_json::json;
use webpods::model::{MountKind, UpdateOrder};

use super::typed::{load, load_in, service, template};

#[test]
fn the_process_in_the_container() {
    let body = template(
        "command: run 'a b'\nentrypoint: [sh, -c]\nenvironment: {B: 2, A: x, GONE: }\nuser: \"1:2\"\n\
         working_dir: /app\nhostname: h\ntty: true\nstdin_open: true\nstop_signal: SIGINT\n\
         stop_grace_period: 1m\nlabels: {a: b}\nexpose: [80, \"90-91/udp\"]\nports: [\"1:81\"]",
    );
    assert_eq!(body["Cmd"], json!(["run", "a b"]));
    assert_eq!(body["Entrypoint"], json!(["sh", "-c"]));
    assert_eq!(body["Env"], json!(["A=x", "B=2", "GONE"]));
    assert_eq!(body["StopTimeout"], 60);
    assert_eq!(body["Labels"], json!({"a": "b"}));
    let exposed: Vec<&String> = body["ExposedPorts"].as_object().unwrap().keys().collect();
    assert_eq!(exposed, ["80/tcp", "81/tcp", "90/udp", "91/udp"]);
    for (key, value) in [
        ("User", "1:2"),
        ("WorkingDir", "/app"),
        ("Hostname", "h"),
        ("StopSignal", "SIGINT"),
    ] {
        assert_eq!(body[key], value);
    }
    assert_eq!(
        (&body["Tty"], &body["OpenStdin"]),
        (&json!(true), &json!(true))
    );
}

#[test]
fn what_is_not_written_is_left_to_the_image() {
    let body = template("restart: \"no\"");
    for key in [
        "Cmd",
        "Entrypoint",
        "Env",
        "User",
        "WorkingDir",
        "Healthcheck",
        "StopTimeout",
    ] {
        assert_eq!(body.get(key), None, "{key}");
    }
}

#[test]
fn health_checks_count_in_nanoseconds() {
    let web = service(
        "healthcheck: {test: curl x, interval: 1m30s, timeout: 500ms, retries: 3, start_period: 1s, start_interval: 2s}",
    );
    assert!(web.healthcheck);
    assert_eq!(
        web.template.to_json()["Healthcheck"],
        json!({
            "Test": ["CMD-SHELL", "curl x"],
            "Interval": 90_000_000_000_i64,
            "Timeout": 500_000_000,
            "Retries": 3,
            "StartPeriod": 1_000_000_000,
            "StartInterval": 2_000_000_000,
        })
    );
    let off = service("healthcheck: {disable: true}");
    assert!(!off.healthcheck);
    assert_eq!(
        off.template.to_json()["Healthcheck"]["Test"],
        json!(["NONE"])
    );
    assert!(!service("healthcheck: {test: [NONE]}").healthcheck);
    assert!(!service("healthcheck: {interval: 1s}").healthcheck);
}

#[test]
fn limits_and_devices() {
    let host = template(
        "cap_add: [A]\ncap_drop: [B]\ncpus: 0.5\nmem_limit: 64m\nmemswap_limit: -1\npids_limit: 9\n\
         shm_size: 1m\nulimits: {nofile: 5, nproc: {soft: 1, hard: 2}}\ndevices: [\"/dev/a:/dev/b:r\"]\n\
         gpus: all\nblkio_config: {weight: 10, device_read_bps: [{path: /dev/s, rate: 1k}]}\n\
         sysctls: [a=1]\ndns: 1.1.1.1\nextra_hosts: [\"h:1.2.3.4\"]\ninit: true\nread_only: true\n\
         privileged: true\nsecurity_opt: [\"no-new-privileges:true\", systempaths=unconfined]\n\
         tmpfs: [\"/run:size=1m\", /tmp]\nlogging: {driver: local, options: {a: 1}}\ncgroup: private\n\
         oom_score_adj: -5\ngroup_add: [1]\nstorage_opt: {size: 1G}\ncpu_percent: 50",
    )["HostConfig"]
        .clone();
    for (key, wanted) in [
        ("CapAdd", json!(["CAP_A"])),
        ("CapDrop", json!(["CAP_B"])),
        ("NanoCpus", json!(500_000_000)),
        ("Memory", json!(64 << 20)),
        ("MemorySwap", json!(-1)),
        ("PidsLimit", json!(9)),
        ("ShmSize", json!(1 << 20)),
        (
            "Ulimits",
            json!([{"Name": "nofile", "Soft": 5, "Hard": 5}, {"Name": "nproc", "Soft": 1, "Hard": 2}]),
        ),
        (
            "Devices",
            json!([{"PathOnHost": "/dev/a", "PathInContainer": "/dev/b", "CgroupPermissions": "r"}]),
        ),
        (
            "DeviceRequests",
            json!([{"Capabilities": [["gpu"]], "Count": -1}]),
        ),
        ("BlkioWeight", json!(10)),
        (
            "BlkioDeviceReadBps",
            json!([{"Path": "/dev/s", "Rate": 1024}]),
        ),
        ("Sysctls", json!({"a": "1"})),
        ("Dns", json!(["1.1.1.1"])),
        ("ExtraHosts", json!(["h:1.2.3.4"])),
        ("Init", json!(true)),
        ("ReadonlyRootfs", json!(true)),
        ("Privileged", json!(true)),
        ("SecurityOpt", json!(["no-new-privileges:true"])),
        ("MaskedPaths", json!([])),
        ("Tmpfs", json!({"/run": "size=1m", "/tmp": ""})),
        ("LogConfig", json!({"Type": "local", "Config": {"a": "1"}})),
        ("CgroupnsMode", json!("private")),
        ("OomScoreAdj", json!(-5)),
        ("GroupAdd", json!(["1"])),
        ("StorageOpt", json!({"size": "1G"})),
        ("CpuPercent", json!(5000)),
    ] {
        assert_eq!(host[key], wanted, "{key}");
    }
}

#[test]
fn deploy_is_over_the_old_keys() {
    let web = service(
        "restart: always\nmem_limit: 0\ndeploy:\n  replicas: 3\n  restart_policy: {condition: on-failure, max_attempts: 4}\n  \
         update_config: {parallelism: 2, order: start-first}\n  resources:\n    limits: {cpus: 2, memory: 1g, pids: 7}\n    \
         reservations: {memory: 1m, devices: [{capabilities: [gpu], device_ids: [\"0\"], driver: n}]}",
    );
    assert_eq!((web.replicas, web.parallelism), (3, 2));
    assert_eq!(web.update_order, Some(UpdateOrder::StartFirst));
    let host = web.template.to_json()["HostConfig"].clone();
    assert_eq!(
        host["RestartPolicy"],
        json!({"Name": "on-failure", "MaximumRetryCount": 4})
    );
    assert_eq!(host["NanoCpus"], json!(2_000_000_000_i64));
    assert_eq!(host["Memory"], json!(1 << 30));
    assert_eq!(host["MemoryReservation"], json!(1 << 20));
    assert_eq!(host["PidsLimit"], json!(7));
    assert_eq!(
        host["DeviceRequests"],
        json!([{"Capabilities": [["gpu"]], "DeviceIDs": ["0"], "Driver": "n"}])
    );
    let policy = |keys: &str| template(keys)["HostConfig"]["RestartPolicy"].clone();
    assert_eq!(
        policy("restart: on-failure:3"),
        json!({"Name": "on-failure", "MaximumRetryCount": 3})
    );
    assert_eq!(policy("deploy: {restart_policy: {}}"), json!({"Name": ""}));
    assert_eq!(service("scale: 4").replicas, 4);
    assert_eq!(service("tty: false").replicas, 1);
}

#[test]
fn networks_have_all_their_options() {
    let loaded = load(
        "services:\n  web:\n    image: a\n    mac_address: 02:42:ac:11:65:43\n    networks:\n      \
         a: {priority: 1, gw_priority: 7, interface_name: eth7, driver_opts: {o: 1}, link_local_ips: [169.254.1.1]}\n      \
         b: {mac_address: \"02:42:ac:11:65:44\"}\nnetworks: {a: {}, b: {}}\n",
    );
    let networks = &loaded.project.services["web"].networks;
    let (first, second) = (&networks["a"], &networks["b"]);
    assert_eq!(first.mac_address.as_deref(), Some("02:42:ac:11:65:43"));
    assert_eq!(second.mac_address.as_deref(), Some("02:42:ac:11:65:44"));
    assert_eq!((first.gw_priority, second.gw_priority), (Some(7), None));
    assert_eq!(first.link_local_ips, ["169.254.1.1"]);
    let options: Vec<_> = first.driver_opts.iter().collect();
    let wanted = [("com.docker.network.endpoint.ifname", "eth7"), ("o", "1")];
    assert_eq!(
        options,
        wanted
            .map(|(a, b)| (a.to_owned(), b.to_owned()))
            .iter()
            .map(|(a, b)| (a, b))
            .collect::<Vec<_>>()
    );
    assert!(loaded.warnings.is_empty(), "{:?}", loaded.warnings);
}

#[test]
fn mounts_have_all_their_options() {
    let web = service(
        "use_api_socket: true\nattach: false\nvolumes:\n  - /srv:/a:z\n  - {type: bind, source: /srv, target: /b, consistency: cached}\n  \
         - {type: bind, source: /srv, target: /c, bind: {create_host_path: false}}",
    );
    assert!(!web.attach);
    let made = |index: usize| match &web.mounts[index].kind {
        MountKind::Bind {
            create_host_path, ..
        } => *create_host_path,
        other => panic!("{other:?}"),
    };
    assert_eq!([0, 1, 2, 3].map(made), [true, true, false, true]);
    assert_eq!(web.mounts[0].options["SELinux"], "z");
    assert_eq!(web.mounts[1].options["Consistency"], "cached");
    assert_eq!(web.mounts[3].target, "/var/run/docker.sock");
}

#[test]
fn keys_that_do_nothing_beside_another_are_named() {
    let loaded = load(
        "services:\n  web:\n    image: a\n    network_mode: host\n    mac_address: 02:42:ac:11:65:43\n    volumes:\n      \
         - /srv:/fine:z\n      - {type: bind, source: /srv, target: /b, bind: {selinux: Z, create_host_path: true, propagation: shared}}\n",
    );
    let named = |part: &str| {
        loaded
            .project
            .warnings
            .iter()
            .filter(|line| line.contains(part))
            .count()
    };
    assert_eq!(named("mac_address: no effect beside `network_mode`"), 1);
    assert_eq!(named("selinux: no effect beside `propagation`"), 1);
    assert_eq!(named("selinux"), 1);
}

#[test]
fn a_folder_can_be_a_config_but_no_secret() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("d")).unwrap();
    let text = "services:\n  web:\n    image: a\n    configs: [{source: d, target: /etc/d}]\nconfigs:\n  d: {file: ./d}\n";
    let loaded = load_in(folder.path(), text).unwrap();
    let web = &loaded.project.services["web"];
    assert_eq!(
        (web.mounts[0].target.as_str(), web.mounts[0].read_only),
        ("/etc/d", true)
    );
    assert!(matches!(
        &web.mounts[0].kind,
        MountKind::Bind {
            in_project: true,
            ..
        }
    ));
    assert!(web.files.is_empty());
    for (from, to) in [("configs", "secrets"), ("./d", "/")] {
        let error = load_in(folder.path(), &text.replace(from, to))
            .unwrap_err()
            .to_string();
        assert!(error.contains("is a folder"), "{error}");
    }
}

/// The digests are from the labels of containers that Docker Compose v2.40.3 made.
#[test]
fn labels_are_those_of_docker_compose() {
    let label = |keys: &str, label: &str| {
        let loaded = load(&format!("services:\n  web:\n    image: same-app:1\n{keys}"));
        let labels = &loaded.project.services["web"].compose_labels;
        labels[&format!("com.docker.compose.{label}")].clone()
    };
    let plain = "1ddbb6454727ddc20313c56ac44cb3aee8242663d0712c85e10a51ec68cb3c20";
    for keys in [
        "",
        "    scale: 2\n    pull_policy: never\n    profiles: []\n",
    ] {
        assert_eq!(label(keys, "config-hash"), plain, "{keys}");
    }
    let more = "    labels: {a: \"<b> & c\"}\n    extra_hosts: [\"a:1.1.1.1\"]\n";
    assert_eq!(
        label(more, "config-hash"),
        "9811e1fdc540c58706edda625374e0e72770ca6bb81f1c68a8b0aa3a0cf21682"
    );
    let depends = "    depends_on: [db]\n  db: {image: d}\n";
    assert_eq!(label(depends, "depends_on"), "db:service_started:false");
    assert_eq!(label(depends, "config-hash"), plain);
    assert!(label("", "project.config_files").ends_with("/compose.yml"));
}
