//! The lab that all journeys share. `make test` starts it before and removes it after them; a
//! single journey started by hand finds it, or starts it and leaves it running.

use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;

use serde_json::Value;

use super::Webpods;

/// The lab's name, and that of its context.
pub const NAME: &str = "e2e";
/// Journeys are written for this many.
const NODES: usize = 3;

/// A running lab.
#[derive(Debug)]
pub struct Lab {
    /// Its nodes, in order.
    pub nodes: Vec<Node>,
    /// The context file that `lab up` wrote.
    pub context: String,
}

/// A node of it.
#[derive(Debug, Clone)]
pub struct Node {
    /// `node-1`, …
    pub name: String,
    /// Its address.
    pub addr: String,
}

/// The lab, started if it is not there.
pub fn lab() -> &'static Lab {
    static LAB: OnceLock<Lab> = OnceLock::new();
    LAB.get_or_init(|| {
        let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("lab");
        std::fs::create_dir_all(&folder).unwrap();
        // Two processes may both find it missing: `lab up` lets one wait for the other.
        let nodes = NODES.to_string();
        let args = ["lab", "up", "--name", NAME, "--nodes", &nodes];
        let lab = Webpods::new(&folder).json(args);
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let nodes: Vec<Node> = lab["nodes"]
            .as_array()
            .unwrap()
            .iter()
            .map(|node| Node {
                name: text(&node["name"]),
                addr: text(&node["addr"]),
            })
            .collect();
        assert_eq!(nodes.len(), NODES, "{lab}");
        Lab {
            nodes,
            context: std::fs::read_to_string(text(&lab["context"])).unwrap(),
        }
    })
}

impl Node {
    /// The container that it is on this machine.
    pub fn container(&self) -> String {
        format!("webpods-lab-{NAME}-{}", self.name)
    }

    /// What `script` prints on the node, run by root past ssh and past webpods: the eye of a
    /// witness.
    #[track_caller]
    pub fn witness(&self, script: &str) -> String {
        let container = self.container();
        let output = Command::new("docker")
            .args(["exec", &container, "sh", "-c", script])
            .output()
            .unwrap();
        assert!(
            output.status.success(),
            "on {}: {script}\n{}",
            self.name,
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    /// The containers of a project, running or not, one line each in the given docker format.
    #[track_caller]
    pub fn containers(&self, project: &str, format: &str) -> Vec<String> {
        let script =
            format!("docker ps --all --filter label=webpods.project={project} --format '{format}'");
        let mut lines: Vec<String> = self.witness(&script).lines().map(str::to_owned).collect();
        lines.sort();
        lines
    }
}
