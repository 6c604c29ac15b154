//! Reads `grammar.txt`: its rules as strategies for YAML text.

use std::collections::BTreeMap;

use proptest::prelude::*;
use proptest::sample;
use proptest::strategy::Union;

use super::text::{Mood, Yaml, values};

const GRAMMAR: &str = include_str!("grammar.txt");

enum Rule {
    Pool(&'static str),
    /// Keys with how often in ten they are there, and their values.
    Map(Vec<(&'static str, u32, &'static str)>),
}

/// The rules, for projects of one mood.
pub(super) struct Grammar {
    mood: Mood,
    rules: BTreeMap<&'static str, Rule>,
}

impl Grammar {
    pub fn read(mood: Mood) -> Self {
        let mut rules = BTreeMap::new();
        let mut lines = GRAMMAR
            .lines()
            .filter(|line| !line.is_empty() && !line.starts_with('#'));
        while let Some(line) = lines.next() {
            if let Some(name) = line.strip_suffix(" {") {
                let entries = lines.by_ref().take_while(|line| *line != "}");
                rules.insert(name, Rule::Map(entries.map(entry).collect()));
            } else {
                let (name, pool) = line.split_once(':').unwrap();
                rules.insert(name, Rule::Pool(pool));
            }
        }
        Self { mood, rules }
    }

    /// Values of a rule. `pairs` is one that is not written down.
    pub fn rule(&self, name: &str) -> Yaml {
        match self.rules.get(name) {
            None if name == "pairs" => self.mood.pairs(),
            None => panic!("no rule `{name}` in grammar.txt"),
            Some(Rule::Pool(pool)) => self.pool(pool),
            Some(Rule::Map(entries)) => {
                let entries = entries
                    .iter()
                    .map(|(key, tenths, pool)| (*key, *tenths, self.pool(pool)));
                self.mood.map(entries.collect())
            }
        }
    }

    /// The keys of a mapping with their values, each as a line of block style.
    pub fn lines(&self, name: &str) -> BoxedStrategy<(&'static str, String)> {
        let Some(Rule::Map(entries)) = self.rules.get(name) else {
            panic!("no mapping `{name}` in grammar.txt")
        };
        Union::new_weighted(
            entries
                .iter()
                .map(|(key, weight, pool)| {
                    let key = *key;
                    (
                        *weight,
                        self.pool(pool).prop_map(move |value| (key, value)).boxed(),
                    )
                })
                .collect(),
        )
        .boxed()
    }

    fn pool(&self, pool: &'static str) -> Yaml {
        let (good, bad) = pool.split_once("¦¦").unwrap_or((pool, ""));
        let good = self.alternatives(good);
        if bad.is_empty() || self.mood.wrong == 0 {
            return self.mood.loosely(good);
        }
        let wrong = 2 * self.mood.wrong;
        let bad = self.alternatives(bad);
        self.mood
            .loosely(prop_oneof![1000 - wrong => good, wrong => bad].boxed())
    }

    fn alternatives(&self, pool: &'static str) -> Yaml {
        let all = values(pool);
        let (rules, plain): (Vec<String>, Vec<String>) = all
            .into_iter()
            .partition(|value| reference(value).is_some());
        let mut union: Vec<(u32, Yaml)> = Vec::new();
        if !plain.is_empty() {
            let weight = u32::try_from(plain.len()).unwrap();
            union.push((weight, sample::select(plain).boxed()));
        }
        for value in rules {
            let (name, form) = reference(&value).unwrap();
            let item = self.rule(name);
            let yaml = match form {
                Form::One => item,
                Form::List => self.mood.list(item, 3),
                Form::Either => self.mood.list_or_one(item, 3),
            };
            union.push((3, yaml));
        }
        Union::new_weighted(union).boxed()
    }
}

fn entry(line: &'static str) -> (&'static str, u32, &'static str) {
    let mut parts = line.trim().splitn(3, ' ');
    let mut next = || parts.next().unwrap();
    (next(), next().parse().unwrap(), next())
}

enum Form {
    One,
    List,
    Either,
}

/// The rule a value names, when it does.
fn reference(value: &str) -> Option<(&str, Form)> {
    let (inner, form) = if let Some(inner) = value.strip_prefix('[') {
        (inner.strip_suffix(']')?, Form::List)
    } else if let Some(inner) = value.strip_suffix('+') {
        (inner, Form::Either)
    } else {
        (value, Form::One)
    };
    let name = inner.strip_prefix('<')?.strip_suffix('>')?;
    Some((name, form))
}
