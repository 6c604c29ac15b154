//! Plans that hooks agree with.

use webpods::error::Kind;
use webpods::plan::Plan;
use webpods::script::{Decider, Scripts};

use super::acting::{plan, recorder};
use super::project;

const HOOKS: &str = "webpods.on('plan', function(plan)
        print('reviewed', plan.release, #plan.warnings)
        if #plan.warnings > 1 then webpods.deny('too many warnings') end
    end)";

fn warned(times: usize) -> Plan {
    Plan {
        warnings: vec!["odd".to_owned(); times],
        ..plan()
    }
}

#[test]
fn a_plan_that_is_made_again_is_shown_to_hooks_once() {
    let (events, logged) = recorder();
    let folder = project(&[("hooks.lua", HOOKS)]);
    let scripts = Scripts::discover(Some(folder.path())).unwrap();
    let decider = Decider::new(&scripts, &events).unwrap();
    for warnings in [0, 0, 1, 1, 0] {
        decider.review(&warned(warnings)).unwrap();
    }
    let told = logged.lock().unwrap().clone();
    assert_eq!(told, ["reviewed r7 0", "reviewed r7 1", "reviewed r7 0"]);
}

#[test]
fn a_plan_that_hooks_refuse_is_refused_each_time() {
    let (events, logged) = recorder();
    let folder = project(&[("hooks.lua", HOOKS)]);
    let scripts = Scripts::discover(Some(folder.path())).unwrap();
    let decider = Decider::new(&scripts, &events).unwrap();
    for _ in 0..2 {
        let error = decider.review(&warned(2)).unwrap_err();
        assert_eq!(
            (error.kind(), error.message()),
            (Kind::Refused, "too many warnings")
        );
    }
    assert_eq!(logged.lock().unwrap().len(), 2);
    // What was agreed with before a refusal still is.
    decider.review(&warned(1)).unwrap();
    assert!(decider.review(&warned(2)).is_err());
}
