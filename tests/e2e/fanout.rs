//! Hosts that pass images on to each other, and what happens where they cannot.
//!
//! No journey changes what a node lets others do, except for connections of a kind that no other
//! journey makes.

use std::fs;
use std::io::{Read, Write};

use crate::support::{
    Agent, CACHE, Lab, NAME, Node, OwnLab, Project, Run, eventually, lab, noise, random,
};

/// One container on each of these nodes.
fn on(nodes: &[&str]) -> String {
    format!(
        "
name: {{{{name}}}}
services:
  web:
    build: app
    scale: {}
    x-placement: {{ hosts: [{}], max_per_host: 1 }}
    x-ingress: {{ host: '{{{{domain}}}}', port: 8080, health_path: /healthz }}
",
        nodes.len(),
        nodes.join(", ")
    )
}

/// A project whose image has a layer of this many random bytes on top, with a cache of its own.
fn unique(journey: &str, bytes: u64, nodes: &[&str]) -> Project {
    unique_on(lab(), journey, bytes, nodes)
}

fn unique_on(lab: &'static Lab, journey: &str, bytes: u64, nodes: &[&str]) -> Project {
    let project = Project::compose_on(lab, journey, &on(nodes));
    project.add_layer(random(bytes));
    // No layer is another project's too: its host would have it in its engine already.
    let program = fs::File::options()
        .append(true)
        .open(project.path("app/app"));
    program.unwrap().write_all(&noise(100)).unwrap();
    project.use_lab(&format!(
        "artifacts: {{ remote_cache_dir: {} }}\n",
        cache(&project)
    ));
    project
}

fn cache(project: &Project) -> String {
    format!("{CACHE}-{}", project.name)
}

/// The largest blob of the project's cache, of which each is sound; and nothing of the journey is
/// left beside them.
fn layer(node: &Node, project: &Project) -> String {
    let cache = cache(project);
    let wrong = node.witness(&format!(
        "cd {cache}/blobs/sha256 && sha256sum * | awk '$1 != $2'; ls {cache}/tmp {cache}/leases | \
         grep pass; true"
    ));
    assert_eq!(wrong, "", "on {}", node.name);
    node.witness(&format!("ls -S {cache}/blobs/sha256 | head -1"))
}

/// Removes what no `down` does: the caches, and the image where it was only pushed.
fn clear(project: &Project) {
    let images = project.webpods().json(["images"]);
    let digest = images[0]["digest"].as_str().unwrap();
    let image = digest.replace("sha256:", "webpods/");
    for node in &project.lab.nodes {
        let cache = cache(project);
        node.witness(&format!(
            "rm -rf {cache}; docker rmi -f {image} >/dev/null 2>&1; true"
        ));
    }
}

/// What each host was sent from here and got from others, in bytes.
fn shipped(run: &Run) -> Vec<(String, u64, u64)> {
    let mut all: Vec<(String, u64, u64)> = run
        .stderr
        .lines()
        .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok())
        .filter(|event| event["event"] == "shipped")
        .map(|event| {
            (
                event["host"].as_str().unwrap().to_owned(),
                event["sent"].as_u64().unwrap(),
                event["passed"].as_u64().unwrap_or_default(),
            )
        })
        .collect();
    all.sort();
    all
}

/// Counts, in the kernel of `to`, what comes from `from` to its sshd.
struct Counted<'a> {
    to: &'a Node,
    rule: String,
}

impl<'a> Counted<'a> {
    fn new(from: &Node, to: &'a Node) -> Self {
        let rule = format!("INPUT -p tcp -s {} --dport 22", from.addr);
        to.witness(&format!("iptables -I {rule}"));
        Self { to, rule }
    }

    fn bytes(&self) -> u64 {
        let (chain, _) = self.rule.split_once(' ').unwrap();
        let from = self.rule.split(' ').nth(4).unwrap();
        let listed = self.to.witness(&format!(
            "iptables -L {chain} -n -v -x | grep -F {from} | head -1"
        ));
        listed.split_whitespace().nth(1).unwrap().parse().unwrap()
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.to.witness(&format!("iptables -D {}", self.rule));
    }
}

#[test]
fn an_image_crosses_the_uplink_once_and_goes_on_from_host_to_host() {
    const SIZE: u64 = 20_000_000;
    let project = unique("fanout", SIZE, &["node-1", "node-2", "node-3"]);
    let [first, second, third] = &project.lab.nodes[..] else {
        panic!("three nodes")
    };
    project.webpods().ok(["build"]);
    let agent = Agent::start(project.lab);
    let webpods = agent.given(project.webpods());
    let diff = webpods.run(["diff", "--fanout"]).expect(0);
    assert!(diff.stdout.contains(" to node-1, "), "{diff}");
    assert!(diff.stdout.contains(" to node-3 from node-1"), "{diff}");
    assert!(diff.stdout.contains(" between hosts"), "{diff}");

    let counted = [Counted::new(first, second), Counted::new(first, third)];
    let up = webpods
        .run(["up", "-d", "--fanout", "--format", "json"])
        .expect(0);
    for node in &counted {
        assert!(node.bytes() > SIZE, "{} bytes; {up}", node.bytes());
    }
    let shipped = shipped(&up);
    assert_eq!(shipped.len(), 3, "{up}");
    let uplink: u64 = shipped.iter().map(|(_, sent, _)| sent).sum();
    assert!((SIZE..SIZE * 11 / 10).contains(&uplink), "{shipped:?}");
    assert_eq!(shipped[0].2, 0, "{shipped:?}");
    for (_, sent, passed) in &shipped[1..] {
        assert!(*sent < 100_000 && *passed > SIZE, "{shipped:?}");
    }
    let layers = [first, second, third].map(|node| layer(node, &project));
    assert_eq!(layers[0], layers[1]);
    assert_eq!(layers[0], layers[2]);
    project.answers();
    // Shipped like anything else: nothing is left to send.
    let again = project.webpods().run(["push", "--fanout"]).expect(0);
    assert!(again.stderr.contains("node-3: nothing to send"), "{again}");
    drop(counted);
    project.webpods().ok(["down"]);
    clear(&project);
}

#[test]
fn without_an_agent_this_machine_carries_what_it_has_to_get_first() {
    let project = unique("carried", 2_000_000, &["node-2"]);
    let (second, third) = (&project.lab.nodes[1], &project.lab.nodes[2]);
    project.up();
    project.compose_file(&on(&["node-2", "node-3"]));
    let folder = tempfile::tempdir().unwrap();
    let nothing = project
        .webpods()
        .env("XDG_CACHE_HOME", folder.path().to_str().unwrap())
        .env("DOCKER_HOST", "unix:///nonexistent/docker.sock");
    let up = nothing
        .run(["up", "-d", "--no-build", "--fanout"])
        .expect(0);
    assert!(up.stderr.contains("no ssh agent runs here"), "{up}");
    let said = "host `node-3` cannot get images from host `node-2` (no ssh agent";
    assert!(up.stderr.contains(said), "{up}");
    assert!(up.stderr.contains("fetched from host `node-2`"), "{up}");
    assert_eq!(layer(second, &project), layer(third, &project));
    project.answers();
    project.webpods().ok(["down"]);
    clear(&project);
}

#[test]
fn where_forwarding_is_refused_the_client_sends_to_every_host() {
    // Of its own, since every start of a journey writes the keys of the lab that all share.
    let own = OwnLab::start("refused", 2, &[]);
    let project = unique_on(own.0, "refused", 2_000_000, &["node-1", "node-2"]);
    let (first, second) = (&own.0.nodes[0], &own.0.nodes[1]);
    project.webpods().ok(["build"]);
    let agent = Agent::start(project.lab);
    // As `AllowAgentForwarding no` does, and without another start of sshd.
    let keys = "/etc/webpods-lab/authorized_keys/root";
    first.witness(&format!("sed -i 's/^/no-agent-forwarding /' {keys}"));
    let push = agent.given(project.webpods()).run(["push", "--fanout"]);
    let push = push.expect(0);
    let said = "host `node-2` cannot get images from host `node-1` (no ssh agent";
    assert!(push.stderr.contains(said), "{push}");
    assert!(!push.stderr.contains("fetched from"), "{push}");
    assert_eq!(layer(first, &project), layer(second, &project));
}

#[test]
fn hosts_that_the_first_one_cannot_reach_or_know_are_served_directly() {
    let project = unique("apart", 2_000_000, &["node-1", "node-2", "node-3"]);
    project.webpods().ok(["build"]);
    let agent = Agent::start(project.lab);
    let [first, second, third] = &project.lab.nodes[..] else {
        panic!("three nodes")
    };
    let name = format!(".webpods/contexts/{NAME}.yml");
    let mesh = |node: &Node| format!("mesh_ip: {}\n", node.addr);
    // At the one address is the first host itself, with another key; nobody is at the other.
    let context = project
        .read(&name)
        .replace("ssh:\n", "ssh:\n  connect_timeout_seconds: 3\n")
        .replace(&mesh(second), &mesh(first))
        .replace(&mesh(third), "mesh_ip: 192.0.2.1\n");
    project.write(&name, &context);
    let push = agent.given(project.webpods()).run(["push", "--fanout"]);
    let push = push.expect(0);
    for (host, why) in [("node-2", "Host key verification failed"), ("node-3", "")] {
        let refused = format!("host `{host}` cannot get images from host `node-1` (");
        let mut lines = push.stderr.lines();
        let line = lines.find(|line| line.contains(&refused));
        assert!(line.is_some_and(|line| line.contains(why)), "{push}");
    }
    let whole = layer(first, &project);
    assert_eq!(whole, layer(second, &project));
    assert_eq!(whole, layer(third, &project));
    clear(&project);
}

#[test]
fn a_connection_between_hosts_that_is_cut_is_made_again_and_the_rest_goes_on() {
    let project = unique("severed", 400_000_000, &["node-1", "node-2"]);
    project.webpods().ok(["build"]);
    let agent = Agent::start(project.lab);
    let (first, second) = (&project.lab.nodes[0], &project.lab.nodes[1]);
    let cache = cache(&project);
    let mut running = agent.given(project.webpods()).spawn(["push", "--fanout"]);
    let parts = format!("find {cache}/tmp -type f -size +2000k 2>/dev/null || true");
    let part = eventually("a part of the layer", 120, || {
        match second.witness(&parts) {
            found if found.is_empty() => Err("nothing arrived".to_owned()),
            found => Ok(found),
        }
    });
    first.witness(&format!("pkill -f '^ssh -F /dev/null.*{cache}'; true"));
    let inode = second.witness(&format!("stat -c %i {part}"));
    let mut said = String::new();
    let mut stderr = running.stderr.take().unwrap();
    stderr.read_to_string(&mut said).unwrap();
    assert!(running.wait().unwrap().success(), "{said}");
    assert!(said.contains("was interrupted"), "{said}");
    assert_eq!(second.witness(&parts), "");
    let name = part.rsplit('/').next().unwrap().split('.').next().unwrap();
    // It is the same file that grew: an inode of its own would be a new beginning.
    let blob = format!("{cache}/blobs/sha256/{name}");
    assert_eq!(
        second.witness(&format!("stat -c %i {blob}")),
        inode,
        "{said}"
    );
    assert_eq!(layer(first, &project), layer(second, &project));
    clear(&project);
}

#[test]
fn a_client_that_has_no_image_lets_a_host_pass_it_on() {
    let project = unique("handed", 3_000_000, &["node-3"]);
    project.up();
    project.compose_file(&on(&["node-1", "node-3"]));
    let agent = Agent::start(project.lab);
    let folder = tempfile::tempdir().unwrap();
    let nothing = agent
        .given(project.webpods())
        .env("XDG_CACHE_HOME", folder.path().to_str().unwrap())
        .env("DOCKER_HOST", "unix:///nonexistent/docker.sock");
    let up = nothing
        .run(["up", "-d", "--no-build", "--fanout", "--format", "json"])
        .expect(0);
    assert!(!up.stderr.contains("fetched from"), "{up}");
    let shipped = shipped(&up);
    assert_eq!(shipped.len(), 1, "{up}");
    assert!(shipped[0].1 < 100_000 && shipped[0].2 > 3_000_000, "{up}");
    project.answers();
    project.webpods().ok(["down"]);
    clear(&project);
}
