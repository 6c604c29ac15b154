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
    /// Its name.
    pub name: String,
    /// Its nodes, in order.
    pub nodes: Vec<Node>,
    /// The context file that `lab up` wrote.
    pub context: String,
}

/// A node of it.
#[derive(Debug, Clone)]
pub struct Node {
    /// The lab's name.
    pub lab: String,
    /// `node-1`, …
    pub name: String,
    /// Its address.
    pub addr: String,
}

/// A lab of a journey's own, removed with this value.
#[derive(Debug)]
pub struct OwnLab(pub &'static Lab);

/// The lab, started if it is not there.
pub fn lab() -> &'static Lab {
    static LAB: OnceLock<Lab> = OnceLock::new();
    // Two processes may both find it missing: `lab up` lets one wait for the other.
    LAB.get_or_init(|| Lab::start(NAME, NODES, &[]))
}

impl OwnLab {
    /// Starts one; `options` are those of `lab up`.
    pub fn start(name: &str, nodes: usize, options: &[&str]) -> Self {
        let lab = Lab::start(&format!("{NAME}-{name}"), nodes, options);
        // Journeys end with their process, and a project may outlive no lab.
        Self(Box::leak(Box::new(lab)))
    }
}

impl Drop for OwnLab {
    fn drop(&mut self) {
        let down = Webpods::new(&Lab::folder()).run(["lab", "down", "--name", &self.0.name]);
        assert!(down.status == 0 || std::thread::panicking(), "{down}");
    }
}

impl Lab {
    /// Where context files of labs are written.
    fn folder() -> PathBuf {
        let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("lab");
        std::fs::create_dir_all(&folder).unwrap();
        folder
    }

    fn start(name: &str, nodes: usize, options: &[&str]) -> Self {
        let count = nodes.to_string();
        let args = ["lab", "up", "--name", name, "--nodes", &count];
        let lab = Webpods::new(&Self::folder()).json(args.iter().chain(options));
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let listed = lab["nodes"].as_array().unwrap();
        assert_eq!(listed.len(), nodes, "{lab}");
        Self {
            name: name.to_owned(),
            nodes: listed
                .iter()
                .map(|node| Node {
                    lab: name.to_owned(),
                    name: text(&node["name"]),
                    addr: text(&node["addr"]),
                })
                .collect(),
            context: std::fs::read_to_string(text(&lab["context"])).unwrap(),
        }
    }
}

impl Node {
    /// The container that it is on this machine.
    pub fn container(&self) -> String {
        format!("webpods-lab-{}-{}", self.lab, self.name)
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
