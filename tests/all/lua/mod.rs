//! The built-in scripts and the VM they run in, asked as the planner asks them.

mod acting;
mod caddy;
mod overlay;
mod pipeline;
mod placement;
mod reach;
mod review;
mod rollout;
mod safety;
mod sandbox;
mod stubs;

use std::fs;
use std::path::Path;

use tempfile::TempDir;
use webpods::event::Events;
use webpods::model::HostName;
use webpods::script::{Decider, Scripts};

/// A project whose `.webpods/` holds these scripts.
fn project(scripts: &[(&str, &str)]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in scripts {
        write(folder.path(), name, text.as_bytes());
    }
    folder
}

fn write(root: &Path, name: &str, bytes: &[u8]) {
    let file = root.join(".webpods").join(name);
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    fs::write(file, bytes).unwrap();
}

fn decider(root: Option<&Path>) -> Decider {
    Decider::new(&Scripts::discover(root).unwrap(), &Events::none()).unwrap()
}

fn host(name: &str) -> HostName {
    name.parse().unwrap()
}
