//! Which room may use which (docs/architecture.md).

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// Rooms and what they may use besides `model`, `error`, `event` and `interrupt`.
const EDGES: &[(&str, &[&str])] = &[
    ("error", &[]),
    ("event", &[]),
    ("interrupt", &[]),
    ("model", &[]),
    ("plan", &[]),
    ("compose", &[]),
    ("config", &["script"]),
    ("remote", &[]),
    ("docker", &["remote"]),
    ("image", &["remote", "docker", "plan"]),
    ("state", &["remote", "docker", "plan"]),
    ("observe", &["remote", "docker", "image", "plan", "state"]),
    ("node", &["remote", "docker", "plan", "state", "observe"]),
    (
        "script",
        &["remote", "docker", "image", "state", "plan", "apply"],
    ),
    ("apply", &["plan"]),
    (
        "engine",
        &[
            "apply", "compose", "config", "docker", "image", "observe", "plan", "remote", "script",
            "state",
        ],
    ),
    ("lab", &["engine", "config", "docker", "remote"]),
    ("tower", &["engine"]),
    ("report", &["plan", "engine"]),
    (
        "cli",
        &[
            "apply", "compose", "config", "engine", "lab", "node", "plan", "report", "script",
            "tower",
        ],
    ),
];

const EVERYWHERE: [&str; 4] = ["model", "error", "event", "interrupt"];

#[test]
fn rooms_use_only_what_they_may() {
    let allowed: BTreeMap<&str, &[&str]> = EDGES.iter().copied().collect();
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut wrong = Vec::new();
    let mut seen = 0;
    for file in rust_files(&src) {
        let relative = file.strip_prefix(&src).unwrap();
        let first = relative.iter().next().unwrap().to_str().unwrap();
        let room = first.trim_end_matches(".rs");
        if room == "lib" || room == "main" {
            continue;
        }
        let Some(may) = allowed.get(room) else {
            wrong.push(format!("{room}: a new room, add it to the table"));
            continue;
        };
        let text = fs::read_to_string(&file).unwrap();
        for used in used_rooms(&text) {
            seen += 1;
            if used != room && !EVERYWHERE.contains(&used.as_str()) && !may.contains(&used.as_str())
            {
                wrong.push(format!("{}: uses `{used}`", relative.display()));
            }
        }
    }
    assert!(seen > 20, "the search for `crate::` found only {seen}");
    assert!(wrong.is_empty(), "forbidden edges:\n{}", wrong.join("\n"));
}

/// The rooms named by `crate::<room>` in code; `use crate::{a, b}` counts too.
fn used_rooms(text: &str) -> Vec<String> {
    let word = |s: &str| -> String {
        s.trim_start()
            .chars()
            .take_while(|c| c.is_alphanumeric() || *c == '_')
            .collect()
    };
    let mut rooms = Vec::new();
    for line in text
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"))
    {
        for (at, found) in line.match_indices("crate::") {
            let rest = &line[at + found.len()..];
            if let Some(group) = rest.strip_prefix('{') {
                rooms.extend(group.trim_end_matches("};").split(',').map(word));
            } else {
                rooms.push(word(rest));
            }
        }
    }
    rooms.retain(|room| !room.is_empty());
    rooms
}

fn rust_files(folder: &Path) -> Vec<std::path::PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(rust_files(&path));
        } else if path.extension().is_some_and(|e| e == "rs") {
            files.push(path);
        }
    }
    files
}
