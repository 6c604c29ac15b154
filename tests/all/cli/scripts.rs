use super::{ONE_HOST, Repo};

#[test]
fn built_in_scripts_are_listed_and_compile() {
    let repo = Repo::empty();
    let ran = repo.run(&["script", "ls"]);
    for name in [
        "safety",
        "placement/spread",
        "proxy/caddy",
        "rollout/rolling",
    ] {
        let row = ran.ok().lines().find(|line| line.starts_with(name));
        assert!(
            row.is_some_and(|row| row.contains("built in")),
            "{}",
            ran.out
        );
    }
    assert_eq!(repo.run(&["script", "check"]).ok(), "");
}

#[test]
fn an_ejected_script_replaces_the_built_in() {
    let repo = Repo::with(&[(".webpods/contexts/dev.yml", ONE_HOST)]);
    let ran = repo.run(&["script", "eject", "placement/spread"]);
    assert_eq!(ran.ok(), "created  .webpods/placement/spread.lua\n");
    let listed = repo.run(&["script", "ls"]);
    let expected = ".webpods/placement/spread.lua (replaces the built-in)";
    assert!(listed.ok().contains(expected), "{}", listed.out);
    repo.run(&["script", "eject", "placement/spread"])
        .refused(1, &["exists already"]);
    repo.run(&["script", "eject", "placement/spraed"])
        .refused(1, &["did you mean `placement/spread`?"]);
    repo.run(&["script", "eject", "../../x"])
        .refused(1, &["error: "]);
}

#[test]
fn a_script_that_does_not_compile_is_named_with_its_line() {
    let repo = Repo::with(&[(".webpods/safety.lua", "return {\n  x = = 1\n}\n")]);
    let ran = repo.run(&["script", "check"]);
    ran.refused(1, &["safety", "2", "a script is wrong"]);
}

#[test]
fn a_context_in_lua_is_a_context() {
    let repo = Repo::with(&[(
        ".webpods/contexts/fleet.lua",
        "local hosts = {}\n\
         for i = 1, 3 do\n\
         \x20 table.insert(hosts, { name = `web-{i}`, addr = `10.0.0.{i}`, labels = {} })\n\
         end\n\
         return { hosts = hosts, safety = { level = \"guarded\" } }\n",
    )]);
    let ran = repo.run(&["-c", "fleet", "context", "inspect", "--format", "json"]);
    let context: serde_json::Value = serde_json::from_str(ran.ok()).unwrap();
    assert_eq!(context["hosts"][2]["addr"], "10.0.0.3");
    assert_eq!(context["safety"]["confirm"]["token"], "fleet");
    assert!(repo.run(&["context", "ls"]).ok().contains("(in Lua)"));
}

#[test]
fn a_context_in_lua_that_is_wrong_says_how() {
    for (text, said) in [
        (
            "return { hosts = { { name = 'a', adr = 'x' } } }",
            "did you mean `addr`?",
        ),
        ("return 7", "did not return a context"),
        ("error('no inventory today')", "no inventory today"),
        ("return {", "fleet.lua"),
    ] {
        let repo = Repo::with(&[(".webpods/contexts/fleet.lua", text)]);
        repo.run(&["-c", "fleet", "context", "inspect"])
            .refused(1, &[said]);
    }
}
