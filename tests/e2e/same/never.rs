//! Keys that no container of the lab can be started with, for want of hardware or rights: the
//! containers are created on both sides and never started. What webpods would create is in its plan.

use serde_json::Value;

use super::compose::{self, Side};
use super::{NEVER, judge};
use crate::support::Project;

#[test]
fn what_cannot_run_here_is_created_the_same() {
    let project = Project::compose("same-never", NEVER);
    compose::prepare(&project);
    compose::run(&project, &["create"]);
    let theirs = compose::inspect(&project, Side::Compose);
    compose::run(&project, &["down"]);

    let plan = project.webpods().json(["diff", "--hosts", compose::NODE]);
    let steps = || {
        let stages = plan["stages"].as_array().unwrap().iter();
        stages.flat_map(|stage| stage["steps"].as_array().unwrap())
    };
    for network in steps().flat_map(|step| step["networks"].as_array().into_iter().flatten()) {
        post("networks/create", network);
    }
    for step in steps().filter(|step| step["kind"] == "start") {
        let body = &step["body"];
        compose::node().witness(&format!(
            "docker tag {}-app:1 {}",
            project.name,
            body["Image"].as_str().unwrap()
        ));
        let name = step["container"].as_str().unwrap();
        post(&format!("containers/create?name={name}"), body);
    }
    let ours = compose::inspect(&project, Side::Webpods);
    let (wrong, _) = judge(&project, theirs, ours);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Asks the node's engine past webpods.
#[track_caller]
fn post(path: &str, body: &Value) {
    let answer = compose::node().witness(&format!(
        "curl --silent --show-error --fail-with-body --unix-socket /var/run/docker.sock \
         --header 'Content-Type: application/json' --data-binary @- 'http://engine/{path}' <<'BODY'\n{body}\nBODY"
    ));
    assert!(answer.contains("Id"), "{path}: {answer}");
}
