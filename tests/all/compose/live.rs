//! Generated projects, each asked of webpods and of the real Docker Compose.
//!
//! `COMPOSE_CASES` says how many (60), `COMPOSE_SEED` which (0). What they disagree about is shrunk
//! and left as folders in `target/tmp/compose`, each ready to become a case of `tests/compose`; beside
//! them is a summary.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use super::cases::{self, Outcome};
use super::generate::{self, Scenario};
use super::oracle::{Answer, Oracle};

/// A step takes as long as Compose does, twice.
const LONGEST_SHRINK: Duration = Duration::from_secs(60);

/// How the two disagree. Shrinking keeps to one of them.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Kind {
    Accepted,
    Refused,
    Differs,
    Crashed,
}

struct Fault {
    kind: Kind,
    text: String,
}

#[derive(Default)]
struct Tally {
    same: usize,
    both_refuse: usize,
    no_measure: usize,
    faults: usize,
    /// Why Compose refused, for whoever writes the generator.
    reasons: BTreeMap<String, usize>,
}

impl Tally {
    /// The reasons, the most frequent ones first.
    fn reasons(&self) -> String {
        let mut reasons: Vec<(&usize, &String)> =
            self.reasons.iter().map(|(a, b)| (b, a)).collect();
        reasons.sort_by(|a, b| b.cmp(a));
        let lines = reasons
            .iter()
            .take(40)
            .map(|(count, why)| format!("{count} {why}\n"));
        lines.collect()
    }
}

/// What both make of a project; none when they agree.
fn compare(oracle: &Oracle, scenario: &Scenario, tally: &mut Tally) -> Option<Fault> {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().canonicalize().unwrap();
    scenario.write(&folder);
    let fault = |kind, text| Some(Fault { kind, text });
    let ours = std::panic::catch_unwind(|| cases::load(&scenario.case, &folder));
    let Ok(ours) = ours else {
        return fault(Kind::Crashed, "webpods panics".to_owned());
    };
    let json = match (oracle.ask(&scenario.case, &folder, "json"), &ours) {
        (Answer::Broke, _) => {
            tally.no_measure += 1;
            return None;
        }
        (Answer::Refused(why), Outcome::Refused(_)) => {
            tally.both_refuse += 1;
            let place = folder.display().to_string();
            let why: String = why
                .replace(&place, "")
                .chars()
                .filter(|c| !c.is_ascii_digit())
                .take(150)
                .collect();
            *tally.reasons.entry(why).or_default() += 1;
            return None;
        }
        (Answer::Refused(why), Outcome::Printed(_)) => return fault(Kind::Accepted, why),
        (Answer::Printed(_), Outcome::Refused(why)) => return fault(Kind::Refused, why.clone()),
        (Answer::Printed(json), Outcome::Printed(_)) => json,
    };
    let Answer::Printed(yaml) = oracle.ask(&scenario.case, &folder, "yaml") else {
        tally.no_measure += 1;
        return None;
    };
    let Outcome::Printed(goldens) = ours else {
        unreachable!("a refusal has been handled")
    };
    for (name, ours) in &goldens {
        let theirs = if *name == "expected.json" {
            without_secrets_json(&json)
        } else {
            without_secrets(&yaml)
        };
        if let Some(text) = cases::differs(name, ours, &cases::neutral(&theirs, &folder)) {
            return fault(Kind::Differs, text);
        }
    }
    tally.same += 1;
    None
}

/// Where Compose puts the value of a secret with `--no-interpolate`; webpods never prints one.
const SECRET: &str = "x-#value";

fn without_secrets(yaml: &str) -> String {
    let shown = |line: &&str| !line.trim_start().starts_with(SECRET);
    yaml.split_inclusive('\n').filter(shown).collect()
}

fn without_secrets_json(json: &str) -> String {
    let Ok(mut model) = serde_json::from_str::<serde_json::Value>(json) else {
        return json.to_owned();
    };
    let secrets = model.get_mut("secrets").and_then(|map| map.as_object_mut());
    for secret in secrets.into_iter().flat_map(|map| map.values_mut()) {
        if let Some(secret) = secret.as_object_mut() {
            secret.remove(SECRET);
        }
    }
    format!("{model:#}")
}

/// Whether Compose says the same twice: some of its output depends on the order of its hash maps.
fn steady(oracle: &Oracle, scenario: &Scenario) -> bool {
    let folder = tempfile::tempdir().unwrap();
    scenario.write(folder.path());
    let ask = || match oracle.ask(&scenario.case, folder.path(), "json") {
        Answer::Printed(text) => text,
        Answer::Refused(_) | Answer::Broke => String::new(),
    };
    let first = ask();
    (0..4).all(|_| ask() == first)
}

/// The smallest project found that still shows this kind of fault.
fn shrink(
    oracle: &Oracle,
    tree: &mut impl ValueTree<Value = Scenario>,
    first: Fault,
) -> (Scenario, Fault) {
    let mut smallest = (tree.current(), first);
    let until = Instant::now() + LONGEST_SHRINK;
    let mut more = tree.simplify();
    while more && Instant::now() < until {
        let now = tree.current();
        more = match compare(oracle, &now, &mut Tally::default()) {
            Some(fault) if fault.kind == smallest.1.kind => {
                smallest = (now, fault);
                tree.simplify()
            }
            _ => tree.complicate(),
        };
    }
    smallest
}

fn number(variable: &str, default: u64) -> u64 {
    std::env::var(variable).map_or(default, |text| text.parse().unwrap())
}

/// Where a disagreement is left.
fn keep(place: &Path, scenario: &Scenario, fault: &Fault) {
    let _ = fs::remove_dir_all(place);
    fs::create_dir_all(place).unwrap();
    scenario.write(place);
    fs::write(
        place.join("fault.txt"),
        format!("{:?}: {}\n", fault.kind, fault.text),
    )
    .unwrap();
}

#[test]
fn generated_projects_are_as_docker_compose_has_them() {
    let oracle = Oracle::find();
    let (count, seed) = (number("COMPOSE_CASES", 60), number("COMPOSE_SEED", 0));
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    let strategy = generate::scenario();
    let kept = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("compose");
    let mut tally = Tally::default();
    let mut faults: BTreeMap<String, String> = BTreeMap::new();
    for index in 0..count {
        let mut tree = strategy.new_tree(&mut runner).unwrap();
        let scenario = tree.current();
        let Some(fault) = compare(&oracle, &scenario, &mut tally) else {
            continue;
        };
        if !steady(&oracle, &scenario) {
            tally.no_measure += 1;
            continue;
        }
        tally.faults += 1;
        let (scenario, fault) = shrink(&oracle, &mut tree, fault);
        let mut report = format!("{:?}: {}\n{scenario:?}", fault.kind, fault.text);
        let place = kept.join(format!("{seed}-{index}"));
        keep(&place, &scenario, &fault);
        let _ = writeln!(report, "kept in {}", place.display());
        faults
            .entry(format!("{:?} {}", fault.kind, fault.text))
            .or_insert(report);
    }
    let Tally {
        same,
        both_refuse,
        no_measure,
        ..
    } = tally;
    let summary = format!(
        "{count} projects: {same} the same, {both_refuse} refused by both, {} not, {no_measure} no measure",
        tally.faults
    );
    fs::create_dir_all(&kept).unwrap();
    let notes = format!("{summary}\n\nwhy Compose refused:\n{}", tally.reasons());
    fs::write(kept.join(format!("{seed}.txt")), notes).unwrap();
    let reports: Vec<String> = faults.into_values().collect();
    assert!(reports.is_empty(), "{summary}\n\n{}", reports.join("\n\n"));
    assert!(
        same * 5 >= usize::try_from(count).unwrap(),
        "too few are accepted: {summary}"
    );
}
