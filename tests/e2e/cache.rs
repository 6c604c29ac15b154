//! What a host's cache keeps, for whom, and what makes room (spec §12.4, §19.2).

use serde_json::json;

use crate::support::registry::Registry;
use crate::support::{Node, Project};

const ONE: &str = "
name: {{name}}
services:
  web:
    build: app
    x-placement: { hosts: [node-3] }
    x-ingress: { host: '{{domain}}', port: 8080, health_path: /healthz }
";

/// The same image for hosts that pull it.
const PULLED: &str = "
name: {{name}}
services:
  web:
    image: REGISTRY/team/web:1
    x-artifacts: { source: host }
    x-placement: { hosts: [node-3] }
";

/// A cache of its own, so that what other journeys do at the same time changes no number.
fn own_cache(project: &Project, name: &str, more: &str) -> String {
    let folder = format!("/var/lib/webpods/cache-{name}");
    project.use_lab(&format!(
        "artifacts: {{ remote_cache_dir: {folder}{more} }}\n"
    ));
    folder
}

fn version(project: &Project, version: &str) {
    project.write("app/VERSION", &format!("{}-{version}\n", project.name));
    project.up();
}

/// What `images --hosts` says of node-3.
fn listed(project: &Project) -> serde_json::Value {
    let hosts = project.webpods().json(["images", "--hosts=node-3"]);
    assert_eq!(hosts.as_array().unwrap().len(), 1);
    hosts[0].clone()
}

fn node_3(project: &Project) -> &Node {
    let mut nodes = project.lab.nodes.iter();
    nodes.find(|node| node.name == "node-3").unwrap()
}

fn bytes_in(node: &Node, cache: &str) -> u64 {
    let sum = node.witness(&format!(
        "find {cache}/blobs/sha256 -type f -printf '%s\\n' | awk '{{ n += $1 }} END {{ print n + 0 }}'"
    ));
    sum.trim().parse().unwrap()
}

#[test]
fn hosts_say_what_they_keep_and_for_whom() {
    let project = Project::compose("keeps", ONE);
    let sharer = Project::compose("sharer", ONE);
    // A base of their own: what other journeys brought to the node's engine need not be sent.
    for both in [&project, &sharer] {
        both.write("app/base", &project.name);
        let dockerfile = both.read("app/Dockerfile");
        let first = "FROM scratch\n";
        assert!(dockerfile.contains(first), "{dockerfile}");
        let based = dockerfile.replace(first, "FROM scratch\nCOPY base /base\n");
        both.write("app/Dockerfile", &based);
    }
    let cache = own_cache(&project, "shared", "");
    own_cache(&sharer, "shared", "");
    version(&project, "1");
    version(&project, "2");
    sharer.write("app/VERSION", &project.read("app/VERSION"));
    sharer.up();

    let host = listed(&project);
    let images = host["images"].as_array().unwrap();
    assert_eq!(images.len(), 2, "{host:#}");
    let (new, old) = (&images[0], &images[1]);
    assert_eq!(new["services"], serde_json::json!(["web"]));
    assert_eq!(
        new["shared_with"],
        serde_json::json!([format!("e2e/{}", sharer.name)])
    );
    assert_eq!(old["shared_with"], serde_json::json!([]));
    for image in [new, old] {
        assert_eq!(image["loaded"], true, "{host:#}");
        assert_eq!(image["cached"], image["size"], "{host:#}");
    }
    let bytes = &host["cache"];
    let part = |name: &str| bytes[name].as_u64().unwrap();
    assert!(part("shared") >= new["size"].as_u64().unwrap());
    // The two versions share their base, and only the rest is the project's own.
    assert!(part("own") > 0 && part("own") < old["size"].as_u64().unwrap());
    assert_eq!(
        part("total"),
        part("own") + part("shared") + part("others") + part("recent") + part("unused")
    );
    let table = project.webpods().ok(["images", "--hosts=node-3"]);
    assert!(
        table.contains("SHARED WITH") && table.contains(&sharer.name),
        "{table}"
    );
    let unknown = project
        .webpods()
        .run(["images", "--hosts=node-9"])
        .expect(1);
    assert!(unknown.stderr.contains("did you mean"), "{unknown}");

    for project in [&project, &sharer] {
        project.webpods().ok(["down"]);
    }
    node_3(&project).witness(&format!("rm -rf {cache}"));
}

#[test]
fn prune_frees_what_its_rehearsal_said_and_keeps_what_serves() {
    let project = Project::compose("limited", ONE);
    let node = project
        .lab
        .nodes
        .iter()
        .find(|node| node.name == "node-3")
        .unwrap();
    let cache = own_cache(&project, "limited", "");
    for number in ["1", "2", "3"] {
        version(&project, number);
    }
    assert_eq!(listed(&project)["images"].as_array().unwrap().len(), 3);
    own_cache(&project, "limited", ", max_cache_bytes: 1kB");

    let rehearsal = project
        .webpods()
        .json(["--hosts", "node-3", "prune", "--dry-run"]);
    let before = bytes_in(node, &cache);
    assert_eq!(listed(&project)["images"].as_array().unwrap().len(), 3);
    let run = project
        .webpods()
        .run(["--hosts", "node-3", "--format", "json", "prune"])
        .expect(0);
    let freed: serde_json::Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(freed, rehearsal);
    assert_eq!(
        freed[0]["evicted"],
        serde_json::json!(["r1", "r2"]),
        "{freed:#}"
    );
    assert!(run.stderr.contains("max_cache_bytes"), "{run}");
    let bytes = freed[0]["bytes"].as_u64().unwrap();
    assert!(bytes > 0);
    assert_eq!(bytes_in(node, &cache), before - bytes);

    let host = listed(&project);
    let images = host["images"].as_array().unwrap();
    assert_eq!(images.len(), 1, "{host:#}");
    assert_eq!(images[0]["loaded"], true);
    project.answers();
    let again = project.webpods().json(["--hosts", "node-3", "prune"]);
    assert_eq!(again[0]["evicted"], serde_json::json!([]));
    project.webpods().ok(["down"]);
    node.witness(&format!("rm -rf {cache}"));
}

#[test]
fn what_was_pushed_and_never_deployed_is_listed_and_freed() {
    let registry = Registry::start();
    let project = Project::compose("undeployed", ONE);
    let node = node_3(&project);
    let cache = own_cache(&project, "undeployed", "");
    let config = registry.logged_in(&project.path("docker"));
    let webpods = project.webpods();
    let webpods = webpods.env("DOCKER_CONFIG", config.to_str().unwrap());

    // One is sent, one is pulled by the host; neither is of a release.
    webpods.ok(["push"]);
    registry.push(&project.path("app"), "team/web:1");
    project.compose_file(&PULLED.replace("REGISTRY", &registry.name()));
    webpods.ok(["push"]);
    let pulled = format!("{}/team/web:1", registry.name());
    let rows = |names: &[String]| {
        let host = listed(&project);
        let images = host["images"].as_array().unwrap().clone();
        for name in names {
            let named = |image: &&serde_json::Value| image["reference"] == json!(name);
            let row = images.iter().find(named);
            let row = row.unwrap_or_else(|| panic!("no {name} in {host:#}"));
            assert_eq!(
                (&row["loaded"], &row["releases"]),
                (&json!(true), &json!([]))
            );
        }
        host
    };
    let both = [format!("{}-web", project.name), pulled];
    let host = rows(&both);
    assert!(host["cache"]["recent"].as_u64().unwrap() > 0, "{host:#}");
    assert_eq!(host["cache"]["unused"], json!(0), "{host:#}");
    let prune = |dry: &[&str]| {
        let args = ["--hosts", "node-3", "prune"];
        webpods.json(args.iter().chain(dry)).as_array().unwrap()[0].clone()
    };
    // Somebody may be about to deploy it.
    assert_eq!(prune(&[])["images"], json!(0));

    // An hour later nobody is.
    node.witness(&format!("touch -d '2 hours ago' {cache}/leases/*"));
    let rehearsal = prune(&["--dry-run"]);
    assert_eq!(rehearsal["images"], json!(2), "{rehearsal}");
    let _ = rows(&both);
    assert_eq!(prune(&[]), rehearsal);
    let left = format!("find {cache}/blobs {cache}/images {cache}/leases {cache}/indexes -type f");
    assert_eq!(node.witness(&left), "");
    let host = listed(&project);
    assert_eq!(prune(&[])["images"], json!(0), "{host:#}");
    let mine = host["images"].as_array().unwrap().iter();
    let mine = mine.filter(|row| both.iter().any(|name| row["reference"] == json!(name)));
    assert_eq!(mine.count(), 0, "{host:#}");
    node.witness(&format!("rm -rf {cache}"));
}
