use super::{Ran, Repo};

fn repo() -> Repo {
    Repo::with(&[
        ("compose.yml", "services: { web: { image: nginx } }\n"),
        (
            ".webpods/contexts/prod.yml",
            // Nobody answers at this address; a refusal comes before anybody is asked.
            "hosts: [{ name: prod-1, addr: 127.0.0.1, port: 1 }]\n\
             safety:\n  level: guarded\n  allow_from: [ci]\n  confirm: { token: sesame }\n",
        ),
    ])
}

#[test]
fn an_origin_that_is_not_allowed_is_refused() {
    let repo = repo();
    let said = "Refusing: context 'prod' disallows execution from 'local'. Allowed: ci.";
    for verb in ["up", "down", "diff", "ps", "logs", "status", "prune"] {
        repo.run(&["-c", "prod", verb]).refused(3, &[said]);
    }
    for (key, value) in [("CI", "false"), ("WEBPODS_FROM", "ci")] {
        let mut command = repo.command();
        command.args(["-c", "prod", "down"]).env(key, value);
        Ran::of(&mut command).refused(3, &[said]);
    }
}

#[test]
fn a_guarded_verb_needs_its_token() {
    let repo = repo();
    for verb in ["down", "rm", "prune", "cleanup"] {
        let ran = repo.run(&["-c", "prod", "--from", "ci", verb]);
        ran.refused(3, &["--confirm"]);
        assert!(!ran.err.contains("TARGET: prod [SAFE]"), "{}", ran.err);
        repo.run(&["-c", "prod", "--from", "ci", verb, "--confirm", "prod"])
            .refused(3, &["--confirm"]);
    }
    let mut command = repo.command();
    command.args(["-c", "prod", "down"]).env("CI", "true");
    Ran::of(&mut command).refused(3, &["--confirm"]);
}

#[test]
fn a_host_that_cannot_be_reached_is_exit_7() {
    let repo = repo();
    let arguments = ["-c", "prod", "--from", "ci", "ps"];
    repo.run(&arguments).refused(7, &["prod-1"]);
}

#[test]
fn hosts_outside_the_context_are_refused() {
    let repo = repo();
    repo.run(&["-c", "prod", "--from", "ci", "ps", "--hosts", "prod-2"])
        .refused(1, &["is not in context `prod`; did you mean `prod-1`?"]);
    repo.run(&["-c", "prod", "--from", "ci", "diff", "--hosts", "; id"])
        .refused(1, &["is not in context `prod`"]);
}
