//! Projects made up by chance, across all keys of a Compose file. What is generated is text, as
//! people write it: most of it right, in some moods partly wrong.

mod files;
mod grammar;
mod text;

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::path::Path;

use proptest::option;
use proptest::prelude::*;
use proptest::sample;

use super::case::Case;
use files::Writer;
use text::Mood;

/// Files and how to ask about them.
#[derive(Clone)]
pub(super) struct Scenario {
    pub files: Vec<(&'static str, String)>,
    pub case: Case,
}

impl Scenario {
    /// Writes the files, and a `case.json`, as a folder of `tests/compose` has them.
    pub fn write(&self, folder: &Path) {
        for (name, text) in &self.files {
            let path = folder.join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        let case = &self.case;
        let description = serde_json::json!({
            "files": case.files,
            "profiles": case.profiles,
            "services": case.services,
            "flags": case.flags,
            "environment": case.environment,
            "env_files": case.env_files,
        });
        fs::write(folder.join("case.json"), format!("{description:#}\n")).unwrap();
    }
}

impl fmt::Debug for Scenario {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let case = &self.case;
        writeln!(out, "{} {:?}", case.arguments().join(" "), case.environment)?;
        for (name, text) in &self.files {
            writeln!(out, "--- {name}\n{text}")?;
        }
        Ok(())
    }
}

fn environment() -> BoxedStrategy<BTreeMap<String, String>> {
    let of = |pairs: &[(&str, &str)]| -> BTreeMap<String, String> {
        let owned = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
        pairs.iter().map(owned).collect()
    };
    let plain = of(&[
        ("A", "aval"),
        ("N", "5"),
        ("P", "8081"),
        ("T", "true"),
        ("E", ""),
    ]);
    let odd = of(&[
        ("A", "a: b # \"c\" $B"),
        ("N", "x"),
        ("P", "80-82"),
        ("T", "maybe"),
        ("E", ""),
    ]);
    prop_oneof![12 => Just(plain), 2 => Just(of(&[("E", "")])), 1 => Just(odd)].boxed()
}

/// One of these, separated by `;`, as words.
fn words(pool: &'static str) -> BoxedStrategy<Vec<String>> {
    let split = |text: &str| text.split_whitespace().map(str::to_owned).collect();
    let pool: Vec<Vec<String>> = pool.split(';').map(split).collect();
    sample::select(pool).boxed()
}

/// How to ask: the flags, and what is outside of the files.
fn asked() -> BoxedStrategy<Case> {
    let parts = (
        words(
            ";;;;;;;;;;;;;;;--no-normalize;--no-consistency;--no-interpolate;--no-path-resolution;\
             --no-env-resolution",
        ),
        words("*;*;*;*;*;p1;p1 p2;"),
        words(";;;;;;;;;;;web;db;nope"),
        words(";;;;;x.env;a.env b.env"),
        environment(),
    );
    parts
        .prop_map(|(flags, profiles, services, env_files, environment)| Case {
            env_files,
            profiles,
            services,
            flags,
            environment,
            ..Case::default()
        })
        .boxed()
}

/// Puts together the files that something mentions.
fn assemble(mut case: Case, texts: Texts) -> Scenario {
    let Texts {
        main,
        over,
        base,
        included,
        variables,
    } = texts;
    let [a, b, x] = variables;
    let mut files = vec![("compose.yml", main)];
    if let Some(over) = over {
        case.files.push("over.yml".to_owned());
        files.push(("over.yml", over));
    }
    let mut add = |name: &'static str, text: &String, by: &str| {
        let mentioned = files.iter().any(|(_, text)| text.contains(by));
        if mentioned || case.env_files.iter().any(|file| file == name) {
            files.push((name, text.clone()));
        }
    };
    add("base.yml", &base, "base.yml");
    add("inc/i.yml", &included, "inc/i.yml");
    add("a.env", &a, "a.env");
    add("b.env", &b, "b.env");
    add("x.env", &x, "no other file");
    add("inc/x.env", &x, "inc/x.env");
    if files.iter().any(|(name, _)| *name == "inc/i.yml") {
        files.push(("inc/a.env", b));
        files.push(("inc/b.env", a));
    }
    Scenario { files, case }
}

#[derive(Debug, Clone)]
struct Texts {
    main: String,
    over: Option<String>,
    base: String,
    included: String,
    variables: [String; 3],
}

/// Anything that can be asked of either program.
pub(super) fn scenario() -> BoxedStrategy<Scenario> {
    let of_mood = |wrong| {
        let writer = Writer::new(Mood { wrong });
        let parts = (
            writer.main(),
            option::weighted(0.4, writer.override_of_main()),
            writer.base(),
            writer.included(),
            [writer.variables(), writer.variables(), writer.variables()],
        );
        parts.prop_map(|(main, over, base, included, variables)| Texts {
            main,
            over,
            base,
            included,
            variables,
        })
    };
    let texts = prop_oneof![6 => of_mood(0), 3 => of_mood(8), 2 => of_mood(40)];
    (asked(), texts)
        .prop_map(|(case, texts)| assemble(case, texts))
        .boxed()
}
