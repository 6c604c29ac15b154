//! Compose files against what Docker Compose v2.40.3 makes of them: `tests/compose/*`.
//!
//! `expected.json` and `expected.yml` come from the real binary (`tests/compose/regenerate.sh`).
//! Where it refuses a case there is `expected.txt`, which is what webpods says instead; run with
//! `UPDATE_EXPECTED=1` to write it.

mod broken;
mod container;
mod typed;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use webpods::compose::{self, Format, Loaded, Options};
use webpods::error::Result;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/compose")
}

/// Options for the files in `folder`, as `case.json` there says.
fn options(folder: &Path) -> Options {
    let case: Value = match fs::read(folder.join("case.json")) {
        Ok(bytes) => serde_json::from_slice(&bytes).unwrap(),
        Err(_) => Value::Object(serde_json::Map::new()),
    };
    let list = |key: &str, default: &[&str]| -> Vec<String> {
        match case.get(key) {
            Some(list) => serde_json::from_value(list.clone()).unwrap(),
            None => default.iter().map(|&word| word.to_owned()).collect(),
        }
    };
    let flags = list("flags", &[]);
    let flag = |name: &str| flags.iter().any(|flag| flag == name);
    let mut environment: BTreeMap<String, String> = match case.get("environment") {
        Some(map) => serde_json::from_value(map.clone()).unwrap(),
        None => BTreeMap::new(),
    };
    environment.insert("HOME".to_owned(), "/nonexistent".to_owned());
    Options {
        files: list("files", &["compose.yml"])
            .iter()
            .map(PathBuf::from)
            .collect(),
        project_name: case.get("name").is_none().then(|| "proj".to_owned()),
        env_files: list("env_files", &[]).iter().map(PathBuf::from).collect(),
        profiles: list("profiles", &["*"]),
        services: list("services", &[]),
        environment,
        cwd: folder.to_owned(),
        model_only: true,
        no_interpolate: flag("--no-interpolate"),
        no_normalize: flag("--no-normalize"),
        no_consistency: flag("--no-consistency"),
        no_path_resolution: flag("--no-path-resolution"),
        ..Options::default()
    }
}

fn neutral(text: &str, folder: &Path) -> String {
    let parent = folder.parent().unwrap().display().to_string();
    text.replace(&folder.display().to_string(), "/case")
        .replace(&parent, "")
}

/// What is wrong with a case; none when it is as expected.
fn fault(folder: &Path) -> Option<String> {
    let options = options(folder);
    let outcome = compose::load(&options);
    let expected = |name: &str| fs::read_to_string(folder.join(name)).ok();
    match (outcome, expected("expected.json"), expected("expected.yml")) {
        (Ok(loaded), Some(json), Some(yaml)) => differs(&loaded, &options, folder, &json, &yaml),
        (Ok(_), _, _) => Some("accepted, and Compose refuses it".to_owned()),
        (Err(error), None, _) => {
            let mut said = neutral(&error.to_string(), folder);
            for hint in error.hints() {
                said.push_str("\n= ");
                said.push_str(hint);
            }
            said.push('\n');
            let path = folder.join("expected.txt");
            if std::env::var_os("UPDATE_EXPECTED").is_some() {
                fs::write(path, said).unwrap();
                return None;
            }
            let wanted = fs::read_to_string(path).unwrap_or_default();
            (said != wanted).then(|| format!("says\n{said}instead of\n{wanted}"))
        }
        (Err(error), Some(_), _) => Some(format!("refused, and Compose accepts it: {error}")),
    }
}

fn differs(
    loaded: &Loaded,
    options: &Options,
    folder: &Path,
    json: &str,
    yaml: &str,
) -> Option<String> {
    let print = |format| -> String {
        let text: Result<String> = compose::print(loaded, format, !options.no_interpolate);
        neutral(&text.unwrap(), folder)
    };
    let (ours, theirs): (Value, Value) = (
        serde_json::from_str(&print(Format::Json)).unwrap(),
        serde_json::from_str(json).unwrap(),
    );
    if ours != theirs {
        return Some(format!("JSON differs:\n{ours:#}\ninstead of\n{theirs:#}"));
    }
    let ours = print(Format::Yaml);
    (ours != yaml).then(|| format!("YAML differs:\n{ours}instead of\n{yaml}"))
}

#[test]
fn every_case_is_as_docker_compose_has_it() {
    let mut folders: Vec<PathBuf> = fs::read_dir(root())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_dir())
        .collect();
    folders.sort();
    assert!(folders.len() >= 150, "the cases are missing");
    let faults: Vec<String> = folders
        .iter()
        .filter_map(|folder| {
            let name = folder.file_name().unwrap().to_string_lossy();
            fault(folder).map(|fault| format!("{name}: {fault}"))
        })
        .collect();
    assert!(
        faults.is_empty(),
        "{} of {} cases fail\n\n{}",
        faults.len(),
        folders.len(),
        faults.join("\n\n")
    );
}
