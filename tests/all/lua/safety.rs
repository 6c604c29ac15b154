//! `safety.lua` (spec §5.4, §16).

use webpods::error::Kind;
use webpods::model::{Origin, SafetyLevel};
use webpods::script::AuthorizeRequest;

use super::{decider, host, project};

fn request(verb: &str, given: Option<&str>) -> AuthorizeRequest {
    AuthorizeRequest {
        verb: verb.to_owned(),
        context: "production".to_owned(),
        level: SafetyLevel::Guarded,
        origin: Origin::Local,
        allow_from: vec![Origin::Local, Origin::Ci],
        required_for: ["down", "rm", "prune", "cleanup"]
            .map(str::to_owned)
            .to_vec(),
        token: "production".to_owned(),
        given: given.map(str::to_owned),
        project: "shop".to_owned(),
        hosts: vec![host("prod-1")],
    }
}

#[test]
fn only_listed_verbs_ask_for_the_token() {
    let decider = decider(None);
    assert!(decider.authorize(&request("up", None)).is_ok());
    assert!(
        decider
            .authorize(&request("down", Some("production")))
            .is_ok()
    );
    for given in [
        None,
        Some(""),
        Some("staging"),
        Some("Production"),
        Some("production "),
    ] {
        let error = decider.authorize(&request("down", given)).unwrap_err();
        assert_eq!(error.kind(), Kind::Refused, "{given:?}");
        assert_eq!(error.kind().exit_code(), 3);
        assert_eq!(error.hints(), ["add `--confirm production`"], "{given:?}");
        assert!(error.message().contains("`down`"), "{error}");
    }
}

#[test]
fn a_refused_origin_is_said_in_the_words_of_the_specification() {
    let mut request = request("up", None);
    request.allow_from = vec![Origin::Ci];
    let error = decider(None).authorize(&request).unwrap_err();
    assert_eq!(error.kind(), Kind::Refused);
    assert_eq!(
        error.to_string(),
        "Refusing: context 'production' disallows execution from 'local'. Allowed: ci."
    );
    request.allow_from = vec![];
    let error = decider(None).authorize(&request).unwrap_err();
    assert_eq!(
        error.to_string(),
        "Refusing: context 'production' disallows execution from 'local'. Allowed: ."
    );
}

#[test]
fn the_origin_is_checked_before_the_token() {
    let mut request = request("down", Some("production"));
    request.allow_from = vec![Origin::Ci];
    let error = decider(None).authorize(&request).unwrap_err();
    assert!(error.message().contains("disallows execution"), "{error}");
}

#[test]
fn a_broken_safety_script_allows_nothing() {
    for body in [
        "",
        "return",
        "return true",
        "return 'allow'",
        "return { decision = 'allow' }",
        "return webpods.allow",
        "return webpods.confirm('')",
        "error('no')",
        "return pcall(webpods.deny, 'x')",
        "while true do end",
        "request.verb = 'up' return webpods.allow()",
        "request.required_for[1] = 'x' return webpods.allow()",
    ] {
        let text = format!("return {{ authorize = function(request) {body} end }}");
        let folder = project(&[("safety.lua", &text)]);
        let error = decider(Some(folder.path()))
            .authorize(&request("up", None))
            .unwrap_err();
        assert_eq!(error.kind(), Kind::User, "{body}: {error}");
        assert!(
            error.to_string().contains(".webpods/safety.lua"),
            "{body}: {error}"
        );
    }
}

#[test]
fn a_project_can_replace_the_rules() {
    let folder = project(&[(
        "safety.lua",
        "return { authorize = function(request)
            if request.verb == 'up' then return webpods.confirm('friday') end
            return webpods.deny('closed on ' .. request.context, 'come back on monday')
        end }",
    )]);
    let decider = decider(Some(folder.path()));
    assert!(decider.authorize(&request("up", Some("friday"))).is_ok());
    let error = decider.authorize(&request("up", None)).unwrap_err();
    assert_eq!(error.hints(), ["add `--confirm friday`"]);
    let error = decider.authorize(&request("ps", None)).unwrap_err();
    assert_eq!(error.kind(), Kind::Refused);
    assert_eq!(error.message(), "closed on production");
    assert_eq!(error.hints(), ["come back on monday"]);
}
