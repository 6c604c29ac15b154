//! The Compose loader against input made to break it: no panic, a bound on time and on memory.
//!
//! The input is a project as one text: after each line `%%% name` comes that file. `@files`,
//! `@environment` and `@flags` are not files but what the loader is told, one word or variable a
//! line.
#![no_main]

mod memory;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Component, Path, PathBuf};
use std::time::{Duration, Instant};

use libfuzzer_sys::fuzz_target;
use webpods::compose::{self, Format, Options};

#[global_allocator]
static MEMORY: memory::Counting = memory::Counting;

/// What a project of at most [`LARGEST`] bytes may take.
const MOST_MEMORY: usize = 256 << 20;
const MOST_TIME: Duration = Duration::from_secs(4);
const LARGEST: usize = 1 << 20;

fuzz_target!(|input: &[u8]| {
    if input.len() > LARGEST {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let options = options(input, folder.path());
    memory::start();
    let started = Instant::now();
    // Whether it is accepted does not matter here, only that there is an answer.
    match compose::load(&options) {
        Ok(loaded) => {
            for format in [Format::Json, Format::Yaml] {
                // A few values have no form in JSON, as in Docker Compose.
                if let Err(error) = compose::printed(&loaded, format) {
                    assert!(error.to_string().contains("JSON"), "not printed: {error}");
                }
            }
        }
        Err(error) => assert!(!error.to_string().is_empty(), "refused without a word"),
    }
    let peak = memory::peak();
    assert!(peak < MOST_MEMORY, "took {} MB", peak >> 20);
    assert!(started.elapsed() < MOST_TIME, "took {:?}", started.elapsed());
});

/// Writes the files of the input, and says how to load them.
fn options(input: &[u8], folder: &Path) -> Options {
    let mut options = Options {
        project_name: Some("proj".to_owned()),
        profiles: vec!["*".to_owned()],
        cwd: folder.to_owned(),
        model_only: true,
        ..Options::default()
    };
    for (name, content) in sections(input) {
        let words = || String::from_utf8_lossy(content);
        match name {
            "@files" => options.files = words().lines().filter_map(inside).collect(),
            "@environment" => options.environment = variables(&words()),
            "@flags" => {
                for flag in words().lines() {
                    match flag {
                        "--no-interpolate" => options.no_interpolate = true,
                        "--no-normalize" => options.no_normalize = true,
                        "--no-consistency" => options.no_consistency = true,
                        "--no-path-resolution" => options.no_path_resolution = true,
                        _ => {}
                    }
                }
            }
            name => {
                let Some(path) = inside(name).map(|path| folder.join(path)) else {
                    continue;
                };
                let _ = fs::create_dir_all(path.parent().unwrap_or(folder));
                let _ = fs::write(path, content);
            }
        }
    }
    if options.files.is_empty() {
        options.files.push("compose.yml".into());
    }
    options
}

/// Pairs of a name and what comes after it.
fn sections(input: &[u8]) -> Vec<(&str, &[u8])> {
    const MARK: &[u8] = b"%%% ";
    let mut found = vec![("compose.yml", 0, 0)];
    let mut at = 0;
    for line in input.split_inclusive(|byte| *byte == b'\n') {
        let next = at + line.len();
        if let Some(name) = line.strip_prefix(MARK) {
            let name = std::str::from_utf8(name).unwrap_or("").trim();
            if let Some(last) = found.last_mut() {
                last.2 = at;
            }
            found.push((name, next, input.len()));
        }
        at = next;
    }
    if found.len() == 1 {
        found[0].2 = input.len();
    }
    found.retain(|(_, from, to)| to > from);
    found
        .into_iter()
        .map(|(name, from, to)| (name, &input[from..to]))
        .collect()
}

/// A path that stays below the folder, of a few steps.
fn inside(name: &str) -> Option<PathBuf> {
    let path = Path::new(name);
    let plain = path.components().all(|part| matches!(part, Component::Normal(_)));
    (plain && !name.is_empty() && !name.contains('\0') && path.components().count() < 5)
        .then(|| path.to_owned())
}

fn variables(text: &str) -> BTreeMap<String, String> {
    text.lines()
        .filter_map(|line| line.split_once('='))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}
