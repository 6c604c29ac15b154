//! Examples in the documentation are loaded by the loader they describe.

use std::fs;
use std::path::Path;

use crate::cli::Repo;

/// `(file, text)` of every code block that follows a line `<!-- file: … -->`.
fn examples(page: &str) -> Vec<(String, String)> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(page);
    let text = fs::read_to_string(path).unwrap();
    let mut examples = Vec::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        let Some(name) = line
            .strip_prefix("<!-- file: ")
            .and_then(|rest| rest.strip_suffix(" -->"))
        else {
            continue;
        };
        let fence = lines.next().unwrap();
        assert!(fence.starts_with("```"), "{page}: {name}: no code block");
        let block: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
        examples.push((name.to_owned(), block.join("\n") + "\n"));
    }
    examples
}

#[test]
fn contexts_in_the_documentation_load() {
    for page in ["docs/configuration.md", "docs/safety.md", "docs/lua.md"] {
        let repo = Repo::empty();
        let examples = examples(page);
        assert!(!examples.is_empty(), "{page} has no examples");
        for (name, text) in &examples {
            repo.write(name, text);
        }
        let mut loaded = 0;
        for (name, _) in &examples {
            let Some(file) = name.strip_prefix(".webpods/contexts/") else {
                continue;
            };
            let context = file.split('.').next().unwrap();
            repo.run(&["context", "inspect", context]).ok();
            loaded += 1;
        }
        let checked = repo.run(&["script", "check"]);
        assert_eq!(checked.code, 0, "{page}: {}", checked.err);
        let is_script = |name: &str| {
            Path::new(name)
                .extension()
                .is_some_and(|kind| kind == "lua")
        };
        let scripts = examples.iter().filter(|(name, _)| is_script(name));
        assert!(loaded + scripts.count() > 0, "{page}");
    }
}

#[test]
fn every_verb_that_can_be_guarded_is_documented() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/safety.md");
    let text = fs::read_to_string(path).unwrap();
    for verb in webpods::config::GUARDABLE {
        assert!(text.contains(&format!("`{verb}`")), "{verb}");
    }
}

#[test]
fn links_between_pages_lead_somewhere() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut pages = vec![root.join("README.md"), root.join("CONTRIBUTING.md")];
    for entry in fs::read_dir(root.join("docs")).unwrap() {
        pages.push(entry.unwrap().path());
    }
    for page in pages {
        let text = fs::read_to_string(&page).unwrap_or_default();
        for link in text.split("](").skip(1) {
            let target = link.split([')', '#']).next().unwrap();
            if target.is_empty() || target.contains("://") {
                continue;
            }
            let path = page.parent().unwrap().join(target);
            assert!(path.exists(), "{}: {target}", page.display());
        }
    }
}

#[test]
fn every_dependency_has_a_reason() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let manifest = fs::read_to_string(root.join("Cargo.toml")).unwrap();
    let page = fs::read_to_string(root.join("docs/dependencies.md")).unwrap();
    let mut wanted: Vec<&str> = Vec::new();
    let mut inside = false;
    for line in manifest.lines() {
        if line.starts_with('[') {
            inside = matches!(line, "[dependencies]" | "[dev-dependencies]");
        } else if inside && let Some((name, _)) = line.split_once(" = ") {
            wanted.push(name);
        }
    }
    wanted.sort_unstable();
    wanted.dedup();
    let mut given: Vec<&str> = page
        .lines()
        .filter_map(|line| line.strip_prefix("| ")?.split(" |").next())
        .filter(|name| *name != "crate")
        .collect();
    given.sort_unstable();
    assert_eq!(given, wanted);
}

#[test]
fn the_compose_page_is_what_the_program_does() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/compose.md");
    let wanted = webpods::compose::reference();
    if std::env::var_os("UPDATE_EXPECTED").is_some() {
        fs::write(&path, &wanted).unwrap();
    }
    let found = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        found == wanted,
        "docs/compose.md is stale: UPDATE_EXPECTED=1 cargo nextest run docs::"
    );
}
