//! A link that takes as few bytes a second as one between cities.

use std::fs;
use std::process::Command;

use super::Node;

/// The way to a node, limited for as long as this value lives.
#[derive(Debug)]
pub struct ThinLink<'a> {
    node: &'a Node,
    /// Its end on this machine.
    interface: String,
    /// Bytes that the node had received before.
    before: u64,
}

impl<'a> ThinLink<'a> {
    /// Lets so many megabits a second through.
    #[track_caller]
    pub fn to(node: &'a Node, megabits: u32) -> Self {
        let index = node.witness("cat /sys/class/net/eth0/iflink");
        let interfaces = fs::read_dir("/sys/class/net").unwrap();
        let mut interfaces = interfaces.map(|entry| entry.unwrap().path());
        let ours = interfaces.find(|path| {
            fs::read_to_string(path.join("ifindex")).is_ok_and(|found| found.trim() == index)
        });
        let interface = ours
            .unwrap()
            .file_name()
            .unwrap()
            .to_str()
            .unwrap()
            .to_owned();
        let rate = format!("{megabits}mbit");
        let shape = [
            "root", "tbf", "rate", &rate, "burst", "64kb", "latency", "100ms",
        ];
        tc(node, "add", &interface, &shape);
        let before = received(node);
        Self {
            node,
            interface,
            before,
        }
    }

    /// Bytes that the node received since the link is thin.
    pub fn received(&self) -> u64 {
        received(self.node) - self.before
    }
}

impl Drop for ThinLink<'_> {
    fn drop(&mut self) {
        tc(self.node, "del", &self.interface, &["root"]);
    }
}

fn received(node: &Node) -> u64 {
    let bytes = node.witness("cat /sys/class/net/eth0/statistics/rx_bytes");
    bytes.parse().unwrap()
}

/// Runs `tc`, which nodes have and this machine may not, on this machine's network.
#[track_caller]
fn tc(node: &Node, what: &str, interface: &str, more: &[&str]) {
    let inspect = ["inspect", "--format", "{{.Image}}", &node.container()];
    let image = Command::new("docker").args(inspect).output().unwrap();
    let image = String::from_utf8(image.stdout).unwrap();
    let network = [
        "--network",
        "host",
        "--cap-add",
        "NET_ADMIN",
        "--entrypoint",
        "tc",
    ];
    let ran = Command::new("docker")
        .args(["run", "--rm"])
        .args(network)
        .args([image.trim(), "qdisc", what, "dev", interface])
        .args(more)
        .output()
        .unwrap();
    assert!(ran.status.success() || std::thread::panicking(), "{ran:?}");
}
