//! The real Docker Compose on a node of the lab, and what the node's engine has afterwards.

use std::collections::BTreeMap;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::support::{Node, Project, lab};

/// The node that everything is deployed to.
pub const NODE: &str = "node-1";

/// `container`, `network` or `volume` → name in the file → what `docker inspect` shows.
pub type Made = BTreeMap<&'static str, BTreeMap<String, Value>>;

/// Who made it.
#[derive(Clone, Copy)]
pub enum Side {
    Compose,
    Webpods,
}

pub fn node() -> &'static Node {
    let mut nodes = lab().nodes.iter();
    nodes.find(|node| node.name == NODE).unwrap()
}

/// Puts on the node what both sides need there: the program Docker Compose, the project's folder at
/// the same path, its image, a network and a volume that are there already.
pub fn prepare(project: &Project) {
    let container = node().container();
    if Command::new("docker")
        .args(["exec", &container, "docker-compose", "version"])
        .output()
        .is_ok_and(|output| !output.status.success())
    {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/compose.sh");
        let found = Command::new(script).output().unwrap();
        assert!(found.status.success(), "{found:?}");
        let program = String::from_utf8(found.stdout).unwrap();
        let target = format!("{container}:/usr/local/bin/docker-compose");
        sh(&format!(
            "docker cp --follow-link '{}' '{target}'",
            program.trim()
        ));
    }
    project.write("own/one.txt", "one\n");
    project.write("own/token.txt", "token\n");
    project.write("own/folder/file", "text\n");
    project.write("variables.env", "FROM_FILE=1\n");
    project.write("labels.env", "from.file=1\n");
    project.write("seccomp.json", include_str!("files/seccomp.json"));
    let folder = project.path("");
    let folder = folder.display();
    node().witness(&format!(
        "rm -rf '{folder}' && mkdir -p '{folder}' /srv/same
         docker network inspect same-there >/dev/null 2>&1 || docker network create same-there
         docker volume create same-there"
    ));
    sh(&format!(
        "tar -C '{folder}' -c . | docker exec -i {container} tar -C '{folder}' -x"
    ));
    let image = format!("{}-app:1", project.name);
    sh(&format!(
        "docker build --quiet --tag {image} '{}' && docker save {image} | docker exec -i {container} docker load",
        project.path("app").display()
    ));
}

/// Runs Docker Compose in the project's folder on the node.
#[track_caller]
pub fn run(project: &Project, args: &[&str]) {
    let folder = project.path("");
    let line = args.join(" ");
    node().witness(&format!(
        "cd '{}' && docker-compose --project-name {} {line} 2>&1",
        folder.display(),
        project.name
    ));
}

/// What the engine has of the project.
pub fn inspect(project: &Project, side: Side) -> Made {
    let label = match side {
        Side::Compose => format!("com.docker.compose.project={}", project.name),
        Side::Webpods => format!("webpods.project={}", project.name),
    };
    let list = |list: &str, inspect: &str| -> Vec<Value> {
        let ids = format!("$(docker {list} --quiet --filter label={label})");
        let text = node().witness(&format!(
            "ids=\"{ids}\"; [ -z \"$ids\" ] && echo '[]' || docker {inspect} $ids"
        ));
        serde_json::from_str(&text).unwrap()
    };
    let named = |list: Vec<Value>, at: &str| -> BTreeMap<String, Value> {
        list.into_iter()
            .map(|one| {
                let labels = one.pointer(at).unwrap();
                let label = |name: &str| labels[format!("com.docker.compose.{name}")].as_str();
                let name = label("service").or(label("network")).or(label("volume"));
                let number = label("container-number").filter(|number| *number != "1");
                let name = name.unwrap().to_owned() + number.unwrap_or_default();
                (name, one)
            })
            .collect()
    };
    [
        (
            "container",
            named(list("ps --all", "inspect"), "/Config/Labels"),
        ),
        (
            "network",
            named(list("network ls", "network inspect"), "/Labels"),
        ),
        (
            "volume",
            named(list("volume ls", "volume inspect"), "/Labels"),
        ),
    ]
    .into()
}

#[track_caller]
fn sh(script: &str) {
    let output = Command::new("sh")
        .args(["-ec", script])
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert!(output.status.success(), "{script}\n{output:?}");
}
