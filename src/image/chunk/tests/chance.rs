//! Changes made by chance.

use proptest::prelude::*;

use super::*;

#[derive(Debug, Clone)]
enum Change {
    Touch(prop::sample::Index),
    Remove(prop::sample::Index),
    Rename(prop::sample::Index, String),
    Write(prop::sample::Index, u64, u16),
    Add(prop::sample::Index, String, u64, u16),
    Flip(prop::sample::Index),
}

fn change() -> impl Strategy<Value = Change> {
    let name = || "[a-z]{1,8}(/[a-z]{1,120}){0,2}";
    prop_oneof![
        any::<prop::sample::Index>().prop_map(Change::Touch),
        any::<prop::sample::Index>().prop_map(Change::Remove),
        (any::<prop::sample::Index>(), name()).prop_map(|(at, name)| Change::Rename(at, name)),
        any::<(prop::sample::Index, u64, u16)>()
            .prop_map(|(at, seed, size)| Change::Write(at, seed, size)),
        (
            any::<prop::sample::Index>(),
            name(),
            any::<u64>(),
            any::<u16>()
        )
            .prop_map(|(at, name, seed, size)| Change::Add(at, name, seed, size)),
        any::<prop::sample::Index>().prop_map(Change::Flip),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn whatever_changes_the_blob_is_made(
        changes in prop::collection::vec(change(), 0..12),
        damage in prop::option::of(any::<prop::sample::Index>()),
        start: prop::sample::Index,
    ) {
        let mut files = tree(120);
        let old = archive(&files);
        for change in changes {
            if files.is_empty() {
                break;
            }
            match change {
                Change::Touch(at) => {
                    let at = at.index(files.len());
                    files[at].time += 1;
                }
                Change::Remove(at) => drop(files.remove(at.index(files.len()))),
                Change::Rename(at, name) => {
                    let at = at.index(files.len());
                    files[at].name = name;
                }
                Change::Write(at, seed, size) => {
                    let at = at.index(files.len());
                    files[at].content = noise(seed, size.into());
                }
                Change::Add(at, name, seed, size) => {
                    let content = noise(seed, size.into());
                    files.insert(at.index(files.len()), File { name, time: seed % 1000, content });
                }
                Change::Flip(at) => {
                    let at = at.index(files.len());
                    if let Some(byte) = files[at].content.last_mut() {
                        *byte ^= 1;
                    }
                }
            }
        }
        let mut new = archive(&files);
        // Not only sound archives are layers.
        if let Some(at) = damage {
            let at = at.index(new.len());
            new[at] ^= 0x55;
            new.truncate(new.len() - at % 700);
        }
        rebuild(&new, &[&old], &[0, start.index(new.len() + 1)]);
    }
}
