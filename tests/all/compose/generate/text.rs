//! Building blocks: strategies whose values are YAML in flow style.

use std::collections::BTreeSet;

use proptest::option;
use proptest::prelude::*;
use proptest::sample;

/// Makes YAML text.
pub(super) type Yaml = BoxedStrategy<String>;

/// Entries of a mapping, each with its key and how often in ten it is there.
pub(super) type Entries = Vec<(&'static str, u32, Yaml)>;

/// How much of what is made is wrong, in a thousand. A project has many values: with one wrong
/// value in twenty, hardly a project is right.
#[derive(Clone, Copy)]
pub(super) struct Mood {
    pub wrong: u32,
}

/// Values that fit nowhere in particular; YAML 1.1 and 1.2 read some of them differently.
const STRAY: &str = r#"x ¦ ¦ ~ ¦ null ¦ true ¦ yes ¦ on ¦ No ¦ 0 ¦ -1 ¦ 1.5 ¦ 1.0 ¦ 1e3 ¦ .inf ¦ .nan ¦ 0x10 ¦ 0o17 ¦ 017 ¦ 08
    ¦ 0b11 ¦ 1_000 ¦ 1:30 ¦ 12:30:45 ¦ 2001-12-14 ¦ +1 ¦ "" ¦ " a " ¦ 'it''s' ¦ "tab\there" ¦ a: b ¦ [] ¦ {} ¦ [x] ¦ {a: b}
    ¦ [[x]] ¦ [null] ¦ $A ¦ ${N} ¦ ${P} ¦ ${T} ¦ ${UNSET} ¦ ${UNSET:-d} ¦ ${A:+alt} ¦ ${E:?empty} ¦ ${UNSET-} ¦ ${E-e}${E:-f}
    ¦ $$A ¦ "$${A}" ¦ "${A" ¦ "${}" ¦ "${1A}" ¦ "$" ¦ "a$" ¦ ${UNSET:-${A}} ¦ "${UNSET:-a b}" ¦ !!str 5 ¦ !!int "5" ¦ !!float 1
    ¦ !!null x ¦ !!bool "true" ¦ !!binary aGk= ¦ 99999999999999999999 ¦ << ¦ = ¦ a=b ¦ a:b ¦ ./p"#;

/// The values of a pool, those between `¦`.
pub(super) fn values(pool: &'static str) -> Vec<String> {
    pool.split('¦').map(|text| in_flow(text.trim())).collect()
}

/// Braces of a variable end a plain scalar in flow style.
fn in_flow(text: &str) -> String {
    if text.starts_with('$') && text.contains('{') {
        format!("\"{text}\"")
    } else {
        text.to_owned()
    }
}

/// A scalar as the default of a variable that is not set, so that it has to be cast.
fn through_variable(text: &str) -> String {
    let inner = text.trim_matches('"');
    if inner.is_empty() || inner.contains(['"', '\'', '{', '}', '[', ']', '\\', '&', '!', '#']) {
        return text.to_owned();
    }
    format!("\"${{UNSET:-{inner}}}\"")
}

impl Mood {
    /// This, now and then through a variable, and sometimes what does not belong there.
    pub fn loosely(self, yaml: Yaml) -> Yaml {
        let varied = prop_oneof![
            49 => yaml.clone(),
            1 => yaml.prop_map(|text| through_variable(&text)),
        ];
        if self.wrong == 0 {
            return varied.boxed();
        }
        prop_oneof![
            1000 - self.wrong => varied,
            self.wrong => sample::select(values(STRAY)),
        ]
        .boxed()
    }

    /// `[a, b]` of up to `most`.
    pub fn list(self, item: Yaml, most: usize) -> Yaml {
        let items = prop::collection::vec(item, 0..=most);
        prop_oneof![
            60 => items.clone().prop_map(move |items| self.in_brackets(&items)),
            1 => items.prop_map(move |items| format!("!override {}", self.in_brackets(&items))),
            1 => Just("!reset []".to_owned()),
        ]
        .boxed()
    }

    /// Most lists may have nothing twice.
    fn in_brackets(self, items: &[String]) -> String {
        let mut kept: Vec<&str> = Vec::new();
        for item in items {
            let item = if item.is_empty() { "null" } else { item };
            if self.wrong >= 40 || !kept.contains(&item) {
                kept.push(item);
            }
        }
        format!("[{}]", kept.join(", "))
    }

    /// A list, or one of its items alone.
    pub fn list_or_one(self, item: Yaml, most: usize) -> Yaml {
        prop_oneof![2 => item.clone(), 3 => self.list(item, most)].boxed()
    }

    /// A mapping with some of these entries, and rarely with one of the user's, or one that nobody
    /// knows.
    pub fn map(self, entries: Entries) -> Yaml {
        let mut some: Vec<BoxedStrategy<Option<String>>> = Vec::new();
        for (key, tenths, value) in entries {
            let entry = value.prop_map(move |value| format!("{key}: {value}"));
            let share = if tenths >= 10 {
                0.999 - f64::from(self.wrong) / 1000.0
            } else {
                f64::from(tenths) / 10.0
            };
            some.push(option::weighted(share, entry).boxed());
        }
        let note = Just("x-note: {kept: [1, 2.50, yes]}".to_owned());
        some.push(option::weighted(0.01, note).boxed());
        if self.wrong > 0 {
            let unknown = Just("unknown: 1".to_owned());
            some.push(option::weighted(f64::from(self.wrong) / 2000.0, unknown).boxed());
        }
        some.prop_map(|some| {
            let entries: Vec<String> = some.into_iter().flatten().collect();
            format!("{{{}}}", entries.join(", "))
        })
        .boxed()
    }

    /// `environment`, `labels` and their like, as a mapping or as a list.
    pub fn pairs(self) -> Yaml {
        let key = sample::select(values("A ¦ B ¦ C ¦ a.b ¦ Y-y ¦ D_1 ¦ com.example/x"));
        let value = sample::select(values(
            r#"1 ¦ x ¦ true ¦ 1.50 ¦ null ¦ ¦ "" ¦ "x y" ¦ $A ¦ ${UNSET:-d} ¦ 0755 ¦ 1e3 ¦ "1" ¦ a=b ¦ '$$x' ¦ -0 ¦ 1_000
            ¦ off ¦ 12345678901234567890 ¦ 0x1F ¦ 1e21 ¦ 100000000 ¦ 0.1e-7"#,
        ));
        let value = self.loosely(value.boxed());
        let entry =
            (key.clone(), value).prop_map(|(key, value)| (key.clone(), format!("{key}: {value}")));
        let map = prop::collection::vec(entry, 0..4).prop_map(|entries| {
            let mut seen = BTreeSet::new();
            let kept: Vec<String> = entries
                .into_iter()
                .filter_map(|(key, entry)| seen.insert(key).then_some(entry))
                .collect();
            format!("{{{}}}", kept.join(", "))
        });
        let tails =
            r#"=1 ¦ ¦ = ¦ =x=y ¦ =$A ¦ = s ¦ =$$x ¦ =${UNSET:-d} ¦ =\"q\" ¦ =a\nb ¦ =a: b # c"#;
        let item = (key, sample::select(values(tails)))
            .prop_map(|(key, tail)| format!("\"{key}{tail}\""))
            .boxed();
        let list = prop::collection::vec(self.loosely(item), 0..4);
        let list = list.prop_map(move |items| self.in_brackets(&items));
        self.loosely(prop_oneof![map, list].boxed())
    }
}
