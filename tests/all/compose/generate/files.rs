//! Whole files: services, the sections beside them, and variables.

use std::fmt::Write as _;

use proptest::option;
use proptest::prelude::*;
use proptest::sample;

use super::grammar::Grammar;
use super::text::{Mood, Yaml};

/// Others for `web` to refer to.
const OTHERS: &str = "  db:\n    image: db\n  cache:\n    image: cache\n    profiles: [p1]\n";

const INCLUDES: &[&str] = &[
    "include: [inc/i.yml]\n",
    "include: [{path: inc/i.yml}]\n",
    "include: [{path: [inc/i.yml], env_file: inc/x.env}]\n",
    "include: [{path: inc/i.yml, project_directory: .}]\n",
    "include: [inc/i.yml, inc/i.yml]\n",
];

const EXTENDED: &[&str] = &[
    "web",
    "{service: web}",
    "{file: base.yml, service: base}",
    "{file: base.yml, service: second}",
    "{file: ./base.yml, service: base}",
    "db",
];

/// Lines of a file of variables.
const VARIABLES: &[&str] = &[
    "A=fromfile",
    "B='1'",
    "B=\"x $A\"",
    "BARE",
    "export C=$A",
    "# comment",
    "",
    "D=a # comment",
    "D=a#b",
    "E=",
    "F=${A:-d}",
    "G='$A'",
    "H=\"a\\nb\"",
    "I=\"two\nlines\"",
    "J = spaced",
    "K=x=y",
    "L: yaml",
    "M=\"q\" # c",
    "N=7",
    "O=\\$A",
    "P='it'",
    "Q=`x`",
    "R=${UNSET}",
    "S=$$A",
    "T=\"${B:-x}\"",
    "A=again",
    "U=ünï",
    "V.W=1",
    "Y=a\\nb",
    "Z=\"\\\"q\\\"\"",
    "  AA=1",
    "AB=1  ",
    "export AC",
    "AH=\ttab",
    "AI=\"\\t$B\"",
    "AJ=${A:?x}",
    "AL=a\rb",
    "AM='a\nb'",
];

/// Of those, what is refused or odd.
const ODD_VARIABLES: &[&str] = &[
    "1X=2",
    "W=\"open",
    "X='open",
    "=novalue",
    "AD=\"a\"b",
    "AE=a 'b'",
    "AF=${A",
    "AG='a' 'b'",
    "AK=${UNSET?no}",
    "A-B=1",
    "A B=1",
    "\u{feff}AN=1",
    "export",
    "AO",
    "$A=1",
    "AP=\"\\x\"",
    "AQ: ",
    ": x",
];

/// Writes files in one mood.
pub(super) struct Writer {
    mood: Mood,
    grammar: Grammar,
}

impl Writer {
    pub fn new(mood: Mood) -> Self {
        Self {
            mood,
            grammar: Grammar::read(mood),
        }
    }

    /// The first file: everything can be in it.
    pub fn main(&self) -> Yaml {
        let merged = "  merged:\n    <<: *common\n    image: own\n";
        let parts = (
            some(
                0.06,
                pick(&[
                    "name: other\n",
                    "name: \"n-$A\"\n",
                    "name: \"${UNSET:-n}\"\n",
                ]),
            ),
            some(0.12, pick(INCLUDES)),
            named("web", self.body(9, true)),
            some(0.25, self.extending("api", EXTENDED)),
            some(0.15, named("job", self.body(5, true))),
            some(0.08, Just(merged.to_owned()).boxed()),
            self.resources(1.0 - f64::from(self.mood.wrong) / 200.0),
            some(
                0.05,
                pick(&[
                    "x-top: {a: [1, 2.0]}\n",
                    "x-top: text\n",
                    "version: \"3.8\"\n",
                ]),
            ),
        );
        parts
            .prop_map(|(name, include, web, api, job, merged, resources, extension)| {
                let web = if merged.is_empty() {
                    web
                } else {
                    web.replacen("  web:\n", "  web: &common\n", 1)
                };
                format!("{name}{include}services:\n{web}{api}{job}{merged}{OTHERS}{resources}{extension}")
            })
            .boxed()
    }

    pub fn override_of_main(&self) -> Yaml {
        let parts = (
            named("web", self.body(6, false)),
            some(0.2, named("db", self.body(3, false))),
            some(0.1, named("late", self.body(3, true))),
            self.resources(0.1),
        );
        parts
            .prop_map(|(web, db, late, resources)| format!("services:\n{web}{db}{late}{resources}"))
            .boxed()
    }

    /// What is extended.
    pub fn base(&self) -> Yaml {
        let parts = (
            named("base", self.body(6, true)),
            self.extending("second", &["base"]),
            self.resources(0.1),
        );
        parts
            .prop_map(|(base, second, resources)| format!("services:\n{base}{second}{resources}"))
            .boxed()
    }

    pub fn included(&self) -> Yaml {
        let parts = (named("inc", self.body(5, true)), self.resources(1.0));
        parts
            .prop_map(|(inc, resources)| {
                let text = format!("services:\n{inc}{OTHERS}{resources}");
                // Not the names of the first file: two that are the same must be alike.
                [
                    "db", "cache", "data", "front", "back", "s1", "s2", "c1", "c2", "m1",
                ]
                .iter()
                .fold(text, |text, name| rename(&text, name))
            })
            .boxed()
    }

    /// A file of variables.
    pub fn variables(&self) -> Yaml {
        let line = if self.mood.wrong == 0 {
            sample::select(VARIABLES).boxed()
        } else {
            prop_oneof![20 => sample::select(VARIABLES), 1 => sample::select(ODD_VARIABLES)].boxed()
        };
        prop::collection::vec(line, 0..5)
            .prop_map(|lines| lines.join("\n") + "\n")
            .boxed()
    }

    /// The keys of a service, up to `most` of all there are.
    fn body(&self, most: usize, with_image: bool) -> Yaml {
        let image = if with_image { 0.97 } else { 0.1 };
        let careful = self.mood.wrong < 40;
        let parts = (
            prop::collection::vec(self.grammar.lines("service"), 0..=most),
            prop::bool::weighted(image),
        );
        parts
            .prop_map(move |(entries, image)| {
                let mut text = String::new();
                let mut seen: Vec<&str> = Vec::new();
                for (key, value) in entries {
                    let clashes = seen.iter().any(|&other| excludes(key, other));
                    let unwanted = careful && clashes;
                    if !(unwanted || seen.contains(&key)) {
                        seen.push(key);
                        let _ = writeln!(text, "    {key}: {value}");
                    }
                }
                if (image && !seen.contains(&"image")) || seen.is_empty() {
                    text.push_str("    image: img\n");
                }
                text
            })
            .boxed()
    }

    /// A service that takes over another one.
    fn extending(&self, name: &'static str, of: &'static [&'static str]) -> Yaml {
        let parts = (sample::select(of), self.body(4, false));
        named(
            name,
            parts
                .prop_map(|(of, body)| format!("    extends: {of}\n{body}"))
                .boxed(),
        )
    }

    /// Everything at the top but the services, each with this likelihood.
    fn resources(&self, share: f64) -> Yaml {
        let entries = [
            ("volumes", "top-volume", ["data", "cache"], share),
            ("networks", "network", ["front", "back"], share),
            ("networks", "network", ["default", ""], 0.1),
            ("secrets", "top-secret", ["s1", "s2"], share),
            ("configs", "top-config", ["c1", "c2"], share),
            ("models", "top-model", ["m1", ""], share),
        ];
        let mut parts: Vec<BoxedStrategy<(&'static str, String)>> = Vec::new();
        for (section, rule, names, share) in entries {
            for name in names.into_iter().filter(|name| !name.is_empty()) {
                let entry = self.grammar.rule(rule);
                let entry = entry
                    .prop_map(move |value| format!("  {name}: {value}\n"))
                    .boxed();
                parts.push(
                    some(share, entry)
                        .prop_map(move |entry| (section, entry))
                        .boxed(),
                );
            }
        }
        parts
            .prop_map(|entries| {
                let (mut text, mut last) = (String::new(), "");
                for (section, entry) in entries.iter().filter(|(_, entry)| !entry.is_empty()) {
                    if *section != last {
                        let _ = writeln!(text, "{section}:");
                        last = section;
                    }
                    text.push_str(entry);
                }
                text
            })
            .boxed()
    }
}

/// Keys that cannot stand together.
fn excludes(one: &str, other: &str) -> bool {
    const PAIRS: &[(&str, &str)] = &[
        ("network_mode", "networks"),
        ("scale", "deploy"),
        ("scale", "container_name"),
        ("container_name", "deploy"),
        ("cpus", "deploy"),
        ("mem_limit", "deploy"),
        ("mem_reservation", "deploy"),
        ("pids_limit", "deploy"),
        ("platform", "build"),
        ("provider", "build"),
    ];
    PAIRS.contains(&(one, other)) || PAIRS.contains(&(other, one))
}

/// The text with `name`, where it is a word, as another name.
fn rename(text: &str, name: &str) -> String {
    let of_word = |c: char| c.is_ascii_alphanumeric() || "_-".contains(c);
    let mut renamed = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(name) {
        let (before, after) = (&rest[..at], &rest[at + name.len()..]);
        renamed.push_str(before);
        if !before.ends_with(of_word) && !after.starts_with(of_word) {
            renamed.push('i');
        }
        renamed.push_str(name);
        rest = after;
    }
    renamed + rest
}

fn pick(texts: &'static [&'static str]) -> Yaml {
    sample::select(texts).prop_map(str::to_owned).boxed()
}

fn named(name: &'static str, body: Yaml) -> Yaml {
    body.prop_map(move |body| format!("  {name}:\n{body}"))
        .boxed()
}

/// This or nothing.
fn some(share: f64, yaml: Yaml) -> Yaml {
    if share >= 1.0 {
        return yaml;
    }
    option::weighted(share.max(0.01), yaml)
        .prop_map(Option::unwrap_or_default)
        .boxed()
}
