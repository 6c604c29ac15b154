//! `lua/meta/webpods.d.luau` names exactly what is registered.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use webpods::plan::StepKind;

use super::acting::Bench;

fn read(file: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(file)).unwrap()
}

/// The fields of `export type <name>` in the definitions.
fn defined(name: &str) -> BTreeSet<String> {
    let text = read("lua/meta/webpods.d.luau");
    let begin = format!("export type {name} = {{\n");
    let body = text.split_once(&begin).unwrap().1;
    let body = body.split_once("\n}").unwrap().0;
    body.lines()
        .filter_map(|line| line.strip_prefix("    ")?.split_once(':'))
        .map(|(field, _)| field.to_owned())
        .filter(|field| field.chars().all(|c| c.is_ascii_lowercase() || c == '_'))
        .collect()
}

/// The names under which a file registers methods and fields.
fn registered(file: &str) -> BTreeSet<String> {
    let text = read(file);
    let calls = ["add_async_method(", "add_field_method_get("];
    calls
        .iter()
        .flat_map(|call| text.split(call).skip(1))
        .map(|rest| rest.split('"').nth(1).unwrap().to_owned())
        .collect()
}

#[test]
fn methods_are_those_of_the_definitions() {
    for (name, file) in [
        ("Host", "src/script/api/host.rs"),
        ("Docker", "src/script/api/docker.rs"),
        ("Blobs", "src/script/api/blobs.rs"),
    ] {
        let registered = registered(file);
        assert!(registered.len() > 3, "{file}");
        assert_eq!(registered, defined(name), "{name}");
    }
}

#[tokio::test]
async fn modules_are_those_of_the_definitions() {
    let bench = Bench::doing(
        "for _, of in { webpods, webpods.json, webpods.yaml, webpods.log } do
            local names = {}
            for name in of do table.insert(names, name) end
            print(table.concat(names, ' '))
        end",
    );
    bench.run(StepKind::Commit {}).await.unwrap();
    let logged: Vec<BTreeSet<String>> = bench
        .logged()
        .iter()
        .map(|line| line.split(' ').map(str::to_owned).collect())
        .collect();
    assert_eq!(logged[0], defined("Webpods"));
    assert_eq!(logged[1], defined("Format"));
    assert!(logged[2].is_subset(&defined("Format")));
    assert_eq!(logged[3], defined("Log"));
}
