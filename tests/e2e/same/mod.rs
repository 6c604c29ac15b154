//! The same file deployed by the real Docker Compose and by webpods to the same engine makes the
//! same containers, networks and volumes. What may differ is listed, each with its reason.

mod compare;
mod compose;
mod listed;
mod never;

use std::collections::BTreeSet;

use crate::support::Project;
use compose::{Made, Side};
use listed::LISTED;

/// Every file that is deployed, with what lies beside it.
const FILES: [(&str, &str); 5] = [
    ("everything", include_str!("files/everything.yml")),
    ("networks", include_str!("files/networks.yml")),
    ("storage", include_str!("files/storage.yml")),
    ("resources", include_str!("files/resources.yml")),
    ("ports", include_str!("files/ports.yml")),
];

const NEVER: &str = include_str!("files/never.yml");

/// The differences that are not listed, and which of the list there are.
fn judge(project: &Project, theirs: Made, ours: Made) -> (Vec<String>, BTreeSet<usize>) {
    let (mut wrong, mut used) = (Vec::new(), BTreeSet::new());
    let text = project.read("compose.yml");
    for difference in compare::differences(project, &text, theirs, ours) {
        match LISTED.iter().position(|(path, _)| difference.is_at(path)) {
            Some(index) => drop(used.insert(index)),
            None => wrong.push(difference.to_string()),
        }
    }
    (wrong, used)
}

#[test]
fn what_compose_makes_is_what_webpods_makes() {
    let mut used = BTreeSet::new();
    let mut wrong = Vec::new();
    for (name, text) in FILES {
        let project = Project::compose(&format!("same-{name}"), text);
        compose::prepare(&project);

        compose::run(&project, &["up", "--detach", "--quiet-pull"]);
        let theirs = compose::inspect(&project, Side::Compose);
        compose::run(&project, &["down", "--volumes", "--timeout", "1"]);
        project.webpods().ok(["up", "-d", "--hosts", compose::NODE]);
        let ours = compose::inspect(&project, Side::Webpods);

        let (unlisted, listed) = judge(&project, theirs, ours);
        wrong.extend(unlisted.into_iter().map(|one| format!("{name}: {one}")));
        used.extend(listed);
    }
    assert!(
        wrong.is_empty(),
        "{} differences that are not listed:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
    let stale: Vec<_> = (0..LISTED.len())
        .filter(|index| !used.contains(index))
        .map(|index| LISTED[index].0)
        .collect();
    assert!(stale.is_empty(), "listed, but no difference: {stale:?}");
}
