use std::collections::BTreeSet;

use super::super::super::schema::{DOCUMENT, Shape};
use super::*;

/// The paths of the rows, from the top of the document.
fn paths() -> Vec<String> {
    TABLES
        .iter()
        .flat_map(|table| {
            let rows = table.rows.iter();
            rows.map(|Row(path, _)| format!("{}{path}", table.prefix))
        })
        .collect()
}

/// Calls `found` with the path of every key the schema knows; it says whether to look inside.
fn keys(shape: &Shape, at: &str, found: &mut dyn FnMut(&str) -> bool) {
    match shape {
        Shape::Map(object) => {
            let dot = if at.is_empty() { "" } else { "." };
            for (key, shape) in object.keys {
                let path = format!("{at}{dot}{key}");
                if found(&path) {
                    keys(shape, &path, found);
                }
            }
            if let Some((_, shape)) = object.others {
                keys(shape, &format!("{at}{dot}*"), found);
            }
        }
        Shape::List { item, .. } => keys(item, &format!("{at}[]"), found),
        Shape::Either(shapes) => shapes.iter().for_each(|shape| keys(shape, at, found)),
        _ => {}
    }
}

#[test]
fn every_key_of_the_schema_has_a_row_and_every_row_a_key() {
    let rows: BTreeSet<String> = paths().into_iter().collect();
    assert_eq!(rows.len(), paths().len(), "a key has two rows");
    let begins = |path: &str| {
        let inside = |row: &String| {
            let rest = row.strip_prefix(path);
            rest.is_some_and(|rest| rest.starts_with(['.', '[']))
        };
        rows.iter().any(inside)
    };
    let mut known = BTreeSet::new();
    let mut missing = BTreeSet::new();
    let mut services = BTreeSet::new();
    keys(&DOCUMENT, "", &mut |path| {
        known.insert(path.to_owned());
        if !rows.contains(path) && !begins(path) {
            missing.insert(path.to_owned());
        }
        if let Some(key) = path.strip_prefix("services.*.")
            && !key.contains('.')
            && !key.contains('[')
        {
            services.insert(path.to_owned());
        }
        // Rows inside a key must be complete; without any, the key's own row is for all of it.
        begins(path)
    });
    assert!(missing.is_empty(), "no row: {missing:?}");
    let invented: Vec<&String> = rows.difference(&known).collect();
    assert!(invented.is_empty(), "no such key: {invented:?}");
    assert_eq!(services.len(), 92);
    let without: Vec<&String> = services.difference(&rows).collect();
    assert!(without.is_empty(), "no row of its own: {without:?}");
}

#[test]
fn every_row_says_something_that_fits_a_table() {
    for table in TABLES {
        for Row(path, does) in table.rows {
            let (Does::Carries(how)
            | Does::Differs(how)
            | Does::Warns(how)
            | Does::WarnsIf(_, how)
            | Does::Refuses(how)) = does;
            assert!(how.len() > 4 && !how.contains(['|', '\n']), "{path}: {how}");
            assert!(!how.ends_with('.'), "{path}: {how}");
        }
    }
}
