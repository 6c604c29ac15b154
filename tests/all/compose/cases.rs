//! Every folder of `tests/compose` against what Docker Compose made of it.

use std::fs;
use std::path::{Path, PathBuf};

use assert_cmd::Command;
use serde_json::Value;
use webpods::compose::{self, Format, Loaded};

use super::case::Case;
use crate::cli::Ran;

pub(super) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/compose")
}

/// The folders of all cases, sorted.
pub(super) fn folders() -> Vec<PathBuf> {
    let mut folders: Vec<PathBuf> = fs::read_dir(root())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_dir())
        .collect();
    folders.sort();
    folders
}

/// Text without the place where the cases happen to lie.
pub(super) fn neutral(text: &str, folder: &Path) -> String {
    let parent = folder.parent().unwrap().display().to_string();
    text.replace(&folder.display().to_string(), "/case")
        .replace(&parent, "")
}

/// What came of a case.
pub(super) enum Outcome {
    /// Accepted: one text for each golden, by its name.
    Printed(Vec<(&'static str, String)>),
    Refused(String),
}

/// In this process, which is quick.
pub(super) fn load(case: &Case, folder: &Path) -> Outcome {
    let options = case.options(folder);
    let print = |loaded: &Loaded, format| {
        let text = compose::printed(loaded, format);
        neutral(&text.unwrap(), folder)
    };
    match compose::load(&options) {
        Ok(loaded) => Outcome::Printed(vec![
            ("expected.json", print(&loaded, Format::Json)),
            ("expected.yml", print(&loaded, Format::Yaml)),
        ]),
        Err(error) => {
            let mut said = neutral(&error.to_string(), folder);
            for hint in error.hints() {
                said.push_str("\n= ");
                said.push_str(hint);
            }
            said.push('\n');
            Outcome::Refused(said)
        }
    }
}

/// With the program, for what it alone does: flags that print something else, standard input.
fn run(case: &Case, folder: &Path) -> Outcome {
    let goldens: &[(&'static str, &[&str])] = if case.text {
        &[("expected.out", &[])]
    } else {
        &[
            ("expected.json", &["--format", "json"]),
            ("expected.yml", &["--format", "yaml"]),
        ]
    };
    let mut printed = Vec::new();
    for (golden, format) in goldens {
        let mut command = Command::new(env!("CARGO_BIN_EXE_webpods"));
        command
            .env_clear()
            .envs(case.environment())
            .current_dir(case.cwd(folder))
            .args(case.arguments())
            .args(*format);
        if let Some(name) = &case.stdin {
            command.pipe_stdin(folder.join(name)).unwrap();
        }
        let ran = Ran::of(&mut command);
        if ran.code != 0 {
            return Outcome::Refused(neutral(&ran.err, folder));
        }
        printed.push((*golden, neutral(&ran.out, folder)));
    }
    Outcome::Printed(printed)
}

/// What is wrong with a case; none when it is as expected.
fn fault(folder: &Path) -> Option<String> {
    let case = Case::read(folder);
    let outcome = if case.text || case.stdin.is_some() {
        run(&case, folder)
    } else {
        load(&case, folder)
    };
    let accepted = ["expected.json", "expected.out"]
        .iter()
        .any(|name| folder.join(name).exists());
    match outcome {
        Outcome::Printed(_) if !accepted => Some("accepted, and Compose refuses it".to_owned()),
        Outcome::Refused(said) if accepted => {
            Some(format!("refused, and Compose accepts it: {said}"))
        }
        Outcome::Printed(goldens) => goldens.iter().find_map(|(name, ours)| {
            let theirs = fs::read_to_string(folder.join(name)).unwrap_or_default();
            differs(name, ours, &theirs)
        }),
        Outcome::Refused(said) => {
            let path = folder.join("expected.txt");
            if std::env::var_os("UPDATE_EXPECTED").is_some() {
                fs::write(path, said).unwrap();
                return None;
            }
            let wanted = fs::read_to_string(path).unwrap_or_default();
            (said != wanted).then(|| format!("says\n{said}instead of\n{wanted}"))
        }
    }
}

/// JSON as a value, YAML to the byte, lists by their lines.
pub(super) fn differs(golden: &str, ours: &str, theirs: &str) -> Option<String> {
    let same = match golden {
        "expected.json" => {
            let value = |text: &str| serde_json::from_str::<Value>(text).ok();
            value(ours) == value(theirs) && value(ours).is_some()
        }
        "expected.out" => {
            // Compose prints them in the order its hash maps happen to have.
            let sorted = |text: &str| {
                let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
                lines.sort();
                lines
            };
            sorted(ours) == sorted(theirs)
        }
        _ => ours == theirs,
    };
    (!same).then(|| format!("{golden}: {}", first_difference(ours, theirs)))
}

/// Where two texts part, with a few lines around.
fn first_difference(ours: &str, theirs: &str) -> String {
    let (ours, theirs): (Vec<&str>, Vec<&str>) = (ours.lines().collect(), theirs.lines().collect());
    let same = ours.iter().zip(&theirs).take_while(|(a, b)| a == b).count();
    let from = same.saturating_sub(6);
    let part = |lines: &[&str]| {
        let to = lines.len().min(same + 12);
        lines[from.min(to)..to].join("\n")
    };
    format!(
        "line {}\n{}\ninstead of\n{}",
        same + 1,
        part(&ours),
        part(&theirs)
    )
}

#[test]
fn every_case_is_as_docker_compose_has_it() {
    let folders = folders();
    assert!(folders.len() >= 420, "the cases are missing");
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
