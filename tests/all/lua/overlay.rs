//! `.webpods/<path>.lua` replaces the built-in (spec §4), whatever kind of file it is.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::symlink;

use webpods::event::Events;
use webpods::plan::{PlaceRequest, Policy as _};
use webpods::script::{ScriptOrigin, Scripts, load_context};

use super::{decider, project, write};

#[test]
fn ls_names_every_script_and_where_it_comes_from() {
    let folder = project(&[
        ("placement/spread.lua", "return {}"),
        ("placement/mine.lua", "return {}"),
        ("hooks.lua", ""),
        ("tests/spec.lua", ""),
        ("notes.txt", ""),
    ]);
    let scripts = Scripts::discover(Some(folder.path())).unwrap();
    let listed: Vec<(String, Option<bool>)> = scripts
        .ls()
        .unwrap()
        .into_iter()
        .map(|entry| {
            let replaces = match entry.origin {
                ScriptOrigin::BuiltIn => None,
                ScriptOrigin::File { replaces, .. } => Some(replaces),
            };
            (entry.path.to_string(), replaces)
        })
        .collect();
    for expected in [
        ("hooks", Some(false)),
        ("placement/mine", Some(false)),
        ("placement/pack", None),
        ("placement/spread", Some(true)),
        ("proxy/caddy", None),
        ("rollout/rolling", None),
        ("safety", None),
    ] {
        let expected = (expected.0.to_owned(), expected.1);
        assert!(listed.contains(&expected), "{expected:?} in {listed:?}");
    }
    assert!(listed.is_sorted());
    assert!(
        !listed
            .iter()
            .any(|(name, _)| name.contains("spec") || name.contains("notes"))
    );
}

#[test]
fn every_built_in_compiles() {
    let problems = Scripts::discover(None).unwrap().check().unwrap();
    assert!(problems.is_empty(), "{problems:?}");
}

#[test]
fn check_names_script_and_line_of_what_does_not_compile() {
    let folder = project(&[
        ("placement/broken.lua", "return {\n  place = = 1\n}"),
        ("hooks.lua", "webpods.on('plan', function() end)"),
    ]);
    let problems = Scripts::discover(Some(folder.path()))
        .unwrap()
        .check()
        .unwrap();
    assert_eq!(problems.len(), 1, "{problems:?}");
    assert_eq!(problems[0].path.as_str(), "placement/broken");
    assert!(
        problems[0]
            .error
            .message()
            .contains(".webpods/placement/broken.lua:2"),
        "{}",
        problems[0].error
    );
}

#[test]
fn an_ejected_script_is_the_built_in_and_takes_its_place() {
    let folder = project(&[]);
    let scripts = Scripts::discover(Some(folder.path())).unwrap();
    let before = scripts.ls().unwrap();
    let file = scripts.eject("placement/spread").unwrap();
    assert_eq!(file, folder.path().join(".webpods/placement/spread.lua"));
    let digest = |entries: &[webpods::script::ScriptEntry]| {
        entries
            .iter()
            .find(|entry| entry.path.as_str() == "placement/spread")
            .map(|entry| entry.digest.clone())
    };
    assert_eq!(digest(&before), digest(&scripts.ls().unwrap()));

    let text = fs::read_to_string(&file).unwrap();
    fs::write(
        &file,
        text.replace("return counts", "return webpods.fail('edited')"),
    )
    .unwrap();
    let request = PlaceRequest {
        service: "web".parse().unwrap(),
        replicas: 0,
        hosts: vec![webpods::plan::PlaceHost {
            name: super::host("a"),
            labels: BTreeMap::new(),
        }],
        max_per_host: None,
        current: BTreeMap::new(),
    };
    let error = decider(Some(folder.path()))
        .place("spread", &request)
        .unwrap_err();
    assert_eq!(error.message(), "edited");
    assert_eq!(error.causes().len(), 1, "{error}");
    assert!(error.causes()[0].starts_with("called from `.webpods/placement/spread.lua:"));
}

#[test]
fn eject_overwrites_nothing_and_knows_only_built_ins() {
    let folder = project(&[("placement/spread.lua", "mine")]);
    let scripts = Scripts::discover(Some(folder.path())).unwrap();
    let error = scripts.eject("placement/spread.lua").unwrap_err();
    assert!(error.message().contains("exists already"), "{error}");
    let kept = fs::read_to_string(folder.path().join(".webpods/placement/spread.lua")).unwrap();
    assert_eq!(kept, "mine");
    for (name, expected) in [
        ("placement/sprad", "did you mean `placement/spread`?"),
        ("../evil", "is not valid"),
        ("/etc/passwd", "is not valid"),
        ("nothing", "does not exist"),
    ] {
        let error = scripts.eject(name).unwrap_err();
        assert!(error.to_string().contains(expected), "{name}: {error}");
    }
    let error = Scripts::discover(None)
        .unwrap()
        .eject("safety")
        .unwrap_err();
    assert!(error.hints()[0].contains("webpods init"), "{error}");
}

#[test]
fn files_that_are_no_scripts_are_clear_errors() {
    let place = |folder: &std::path::Path| {
        let request = PlaceRequest {
            service: "web".parse().unwrap(),
            replicas: 0,
            hosts: Vec::new(),
            max_per_host: None,
            current: BTreeMap::new(),
        };
        decider(Some(folder))
            .place("odd", &request)
            .unwrap_err()
            .to_string()
    };

    let folder = project(&[]);
    write(
        folder.path(),
        "placement/odd.lua",
        &vec![b' '; (1 << 20) + 1],
    );
    assert!(place(folder.path()).contains("larger than 1024 KiB"));

    write(
        folder.path(),
        "placement/odd.lua",
        b"-- fine\n-- \xff\nreturn {}",
    );
    assert!(place(folder.path()).contains("line 2 is not UTF-8"));

    write(folder.path(), "placement/odd.lua", b"\x1bLua bytecode");
    assert!(place(folder.path()).contains("placement/odd.lua"));

    let odd = folder.path().join(".webpods/placement/odd.lua");
    let outside = tempfile::tempdir().unwrap();
    fs::write(outside.path().join("script.lua"), "return {}").unwrap();
    fs::remove_file(&odd).unwrap();
    symlink(outside.path().join("script.lua"), &odd).unwrap();
    assert!(place(folder.path()).contains("outside the project"));

    fs::remove_file(&odd).unwrap();
    symlink(folder.path().join("nowhere"), &odd).unwrap();
    assert!(place(folder.path()).contains("cannot read the script"));

    fs::remove_file(&odd).unwrap();
    fs::create_dir(&odd).unwrap();
    assert!(place(folder.path()).contains("not a regular file"));

    fs::remove_dir(&odd).unwrap();
    write(
        folder.path(),
        "shared/real.lua",
        b"return { place = function() error('real') end }",
    );
    symlink("../shared/real.lua", &odd).unwrap();
    assert!(place(folder.path()).contains("real"));
}

#[test]
fn modules_of_the_wrong_shape_say_what_is_expected() {
    for (text, expected) in [
        ("", "returned nothing in place of"),
        ("return 1", "returned a value of type `integer`"),
        ("return {}", "does not offer the function `place`"),
        ("return { place = 1 }", "in place of a function"),
        ("return require('placement/odd')", "requires itself"),
    ] {
        let folder = project(&[("placement/odd.lua", text)]);
        let request = PlaceRequest {
            service: "web".parse().unwrap(),
            replicas: 0,
            hosts: Vec::new(),
            max_per_host: None,
            current: BTreeMap::new(),
        };
        let error = decider(Some(folder.path()))
            .place("odd", &request)
            .unwrap_err();
        assert!(error.to_string().contains(expected), "{text}: {error}");
    }
}

#[test]
fn a_context_in_lua_is_a_table_and_may_ask_programs() {
    let folder = project(&[(
        "contexts/cloud.lua",
        "local out = webpods.sh({ 'printf', '%s\\n', 'a b', 'c' })
         local hosts = {}
         for name in string.gmatch(out.stdout, '[^\\n]+') do
             table.insert(hosts, { name = name, addr = '10.0.0.' .. #hosts + 1 })
         end
         return { name = 'cloud', hosts = hosts }",
    )]);
    let scripts = Scripts::discover(Some(folder.path())).unwrap();
    let file = folder.path().join(".webpods/contexts/cloud.lua");
    let context = load_context(&scripts, &file, &Events::none()).unwrap();
    assert_eq!(
        context,
        serde_json::json!({
            "name": "cloud",
            "hosts": [
                {"name": "a b", "addr": "10.0.0.1"},
                {"name": "c", "addr": "10.0.0.2"},
            ],
        })
    );
}

#[test]
fn a_context_that_fails_says_where() {
    for (text, expected) in [
        ("return 1", "a table with `name`"),
        ("return", "returned nothing"),
        ("error('offline')", "offline"),
        (
            "webpods.sh({ 'sh', '-c', 'echo no such zone >&2; exit 3' })",
            "ended with status 3: no such zone",
        ),
        (
            "webpods.sh({ '/nonexistent/program' })",
            "cannot run `/nonexistent/program`",
        ),
        ("webpods.sh({})", "needs a program"),
        (
            "webpods.sh({ 'true' }, { alow_failure = true })",
            "unknown option",
        ),
        ("while true do end", "ran longer than"),
    ] {
        let folder = project(&[("contexts/odd.lua", text)]);
        let scripts = Scripts::discover(Some(folder.path())).unwrap();
        let file = folder.path().join(".webpods/contexts/odd.lua");
        let error = load_context(&scripts, &file, &Events::none()).unwrap_err();
        assert!(error.to_string().contains(expected), "{text}: {error}");
        assert!(
            error.to_string().contains(".webpods/contexts/odd.lua"),
            "{text}: {error}"
        );
    }
}
