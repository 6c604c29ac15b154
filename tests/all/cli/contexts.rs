use super::{ONE_HOST, Ran, Repo};

fn two() -> Repo {
    Repo::with(&[
        (".webpods/config.yml", "default_context: staging\n"),
        (".webpods/contexts/staging.yml", ONE_HOST),
        (".webpods/contexts/production.yml", ONE_HOST),
    ])
}

const LINE: &str = "Using default context: staging (from .webpods/config.yml)";

#[test]
fn a_default_that_is_not_dev_is_announced() {
    let repo = two();
    let ran = repo.run(&["context", "inspect"]);
    assert!(ran.ok().starts_with("name: staging\n"), "{}", ran.out);
    assert_eq!(ran.err.trim_end(), LINE);

    let chosen = repo.run(&["-c", "staging", "context", "inspect"]);
    assert_eq!((chosen.ok(), chosen.err.as_str()), (ran.out.as_str(), ""));
}

#[test]
fn dev_is_not_announced() {
    let repo = Repo::empty();
    let fallback = repo.run(&["context", "inspect"]);
    assert!(fallback.ok().starts_with("name: dev\n"));
    assert_eq!(fallback.err, "");

    let written = Repo::with(&[(".webpods/config.yml", "default_context: dev\n")]);
    let ran = written.run(&["context", "inspect"]);
    assert!(ran.ok().contains("- name: local"));
    assert_eq!(ran.err, "");
}

#[test]
fn no_variable_selects_a_context() {
    let repo = two();
    let ran = Ran::of(repo.command().args(["context", "inspect"]).envs([
        ("WEBPODS_CONTEXT", "production"),
        ("DOCKER_CONTEXT", "production"),
        ("CONTEXT", "production"),
    ]));
    assert!(ran.ok().starts_with("name: staging\n"));
}

#[test]
fn webpods_is_found_from_below() {
    let repo = two();
    let below = repo.path().join("a/b");
    std::fs::create_dir_all(&below).unwrap();
    let ran = Ran::of(
        repo.command()
            .args(["context", "inspect"])
            .current_dir(below),
    );
    assert!(ran.ok().starts_with("name: staging\n"));
}

#[test]
fn an_unknown_context_is_answered_with_those_there_are() {
    let repo = two();
    for arguments in [
        ["-c", "prodcution", "context", "inspect"],
        ["context", "inspect", "-c", "prodcution"],
        ["context", "-c", "prodcution", "inspect"],
    ] {
        repo.run(&arguments).refused(
            1,
            &[
                "error: context `prodcution` does not exist; did you mean `production`?",
                "because the contexts are `production`, `staging`",
                "try: ",
            ],
        );
    }
    Repo::empty()
        .run(&["-c", "staging", "context", "inspect"])
        .refused(
            1,
            &[
                "context `staging` does not exist",
                "there is no `.webpods/`",
                "webpods init",
            ],
        );
}

#[test]
fn without_a_default_the_choice_is_asked_for() {
    let repo = two();
    std::fs::remove_file(repo.path().join(".webpods/config.yml")).unwrap();
    repo.run(&["context", "inspect"]).refused(
        1,
        &[
            "no context was chosen",
            "`production`, `staging`",
            "default_context: production",
        ],
    );
    repo.write(".webpods/contexts/dev.yml", ONE_HOST);
    assert!(
        repo.run(&["context", "inspect"])
            .ok()
            .starts_with("name: dev\n")
    );
}

#[test]
fn a_default_that_does_not_exist_names_the_file_that_says_so() {
    let repo = two();
    repo.write(".webpods/config.yml", "default_context: stagin\n");
    repo.run(&["context", "inspect"]).refused(
        1,
        &[
            "did you mean `staging`?",
            "`.webpods/config.yml` names it as `default_context`",
        ],
    );
}

#[test]
fn mistakes_in_files_have_line_column_and_near_miss() {
    let repo = two();
    repo.write(
        ".webpods/config.yml",
        "# settings\ndefault_contxt: staging\n",
    );
    repo.run(&["context", "inspect"]).refused(
        1,
        &[".webpods/config.yml:2:1: unknown key \"default_contxt\"; did you mean `default_context`?"],
    );
    repo.write(".webpods/config.yml", "default_context: staging\n");
    repo.write(
        ".webpods/contexts/staging.yml",
        "hosts:\n  - name: a\n    address: 10.0.0.1\nproxy: { driver: caddy, tsl: off }\n",
    );
    repo.run(&["context", "inspect"]).refused(
        1,
        &[
            "`.webpods/contexts/staging.yml` has 3 mistakes",
            "staging.yml:2:5: `hosts[0]` has no `addr`",
            "staging.yml:3:5: unknown key \"address\" in `hosts[0]`; did you mean `addr`?",
            "staging.yml:4:25: unknown key \"tsl\" in `proxy`; did you mean `tls`?",
            "4 | proxy: { driver: caddy, tsl: off }",
        ],
    );
    repo.write(".webpods/contexts/staging.yml", "hosts: [\n");
    repo.run(&["context", "inspect"])
        .refused(1, &[".webpods/contexts/staging.yml:"]);
}

#[test]
fn one_wrong_context_does_not_hide_the_others() {
    let repo = two();
    repo.write(".webpods/contexts/broken.yml", "hosts: 7\n");
    repo.write(".webpods/contexts/not a name.yml", ONE_HOST);
    let ran = repo.run(&["context", "ls"]);
    assert!(ran.ok().contains("broken       (wrong)"), "{}", ran.out);
    assert!(ran.out.contains("*   staging"), "{}", ran.out);
    assert!(
        ran.err.contains("`hosts` is a number, not a list"),
        "{}",
        ran.err
    );
    assert!(
        ran.err.contains("not a name.yml` is ignored"),
        "{}",
        ran.err
    );
    // The wrong one is in nobody's way.
    assert_eq!(
        repo.run(&["-c", "production", "context", "inspect"]).code,
        0
    );
}

#[test]
fn a_context_defined_twice_is_refused() {
    let repo = two();
    repo.write(".webpods/contexts/staging.yaml", ONE_HOST);
    repo.run(&["context", "ls"])
        .refused(1, &["context `staging` is defined twice"]);
}

#[test]
fn hostile_names_are_refused_and_shown_escaped() {
    let repo = two();
    for name in [
        "; rm -rf /",
        "../../etc/passwd",
        "a\nerror: forged",
        "🚀",
        "",
        "-x y",
    ] {
        let flag = format!("--context={name}");
        let ran = repo.run(&[&flag, "context", "inspect"]);
        ran.refused(1, &["error: context name", "is not valid"]);
        assert!(!ran.err.contains("\nerror: forged"), "{}", ran.err);
    }
}

#[test]
fn contexts_in_json_can_be_read_by_programs() {
    let repo = two();
    let ran = repo.run(&["context", "ls", "--format", "json"]);
    let rows: serde_json::Value = serde_json::from_str(ran.ok()).unwrap();
    let staging = &rows.as_array().unwrap()[2];
    assert_eq!(staging["name"], "staging");
    assert_eq!(staging["default"], true);
    assert_eq!(staging["hosts"], serde_json::json!(["web-1"]));

    let failed = repo.run(&["--format", "json", "-c", "nope", "context", "inspect"]);
    let error: serde_json::Value = serde_json::from_str(&failed.err).unwrap();
    assert_eq!(error["event"], "error");
    assert_eq!(error["exit_code"], 1);
}

#[test]
fn files_made_to_break_the_parser_are_refused() {
    let repo = two();
    for text in [
        "[".repeat(100_000),
        "- ".repeat(50_000),
        "{a: ".repeat(50_000),
    ] {
        repo.write(".webpods/contexts/staging.yml", &text);
        repo.run(&["context", "inspect"])
            .refused(1, &["staging.yml:1:"]);
    }
    std::fs::write(repo.path().join(".webpods/config.yml"), b"\xff\xfe").unwrap();
    repo.run(&["context", "inspect"])
        .refused(1, &["is not UTF-8 text"]);
}

#[test]
fn key_files_are_relative_to_the_root() {
    let repo = two();
    let text = format!("{ONE_HOST}ssh: {{ key: ~/id, known_hosts: .webpods/known_hosts }}\n");
    repo.write(".webpods/contexts/staging.yml", &text);
    repo.write("below/keep", "");
    let mut command = repo.command();
    command
        .args(["context", "inspect", "--format", "json"])
        .current_dir(repo.path().join("below"));
    let context: serde_json::Value = serde_json::from_str(Ran::of(&mut command).ok()).unwrap();
    let known_hosts = context["ssh"]["known_hosts"].as_str().unwrap();
    assert!(known_hosts.starts_with('/'), "{known_hosts}");
    assert!(!known_hosts.contains("below"), "{known_hosts}");
    assert!(known_hosts.ends_with("/.webpods/known_hosts"));
    assert!(context["ssh"]["key"].as_str().unwrap().ends_with("/id"));
}
