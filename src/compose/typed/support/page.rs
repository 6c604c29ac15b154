//! The page `docs/compose.md`, written from the tables.

use std::fmt::Write as _;

use super::{Does, Row, TABLES, Table};

/// What people wrote; the tables go where it says `{tables}`.
const TEXT: &str = include_str!("page.md");

/// The whole page.
pub fn page() -> String {
    let mut tables = String::new();
    for table in TABLES {
        // Writing to a String cannot fail.
        let _ = write!(tables, "### {}\n\n{}\n", table.title, section(table));
    }
    TEXT.replace("{tables}\n\n", &tables)
}

fn section(table: &Table) -> String {
    let mut text = "| key | | how, or why not |\n|---|---|---|\n".to_owned();
    for Row(path, does) in table.rows {
        let (class, how) = does.words();
        let _ = writeln!(text, "| `{path}` | {class} | {how} |");
    }
    text
}

impl Does {
    /// The class on the page, and the rest of the row.
    fn words(&self) -> (&'static str, &'static str) {
        match self {
            Self::Carries(how) => ("carried out", how),
            Self::Differs(how) => ("**differently**", how),
            Self::Warns(why) => ("**warned**", why),
            Self::WarnsIf(_, why) => ("carried out or **warned**", why),
            Self::Refuses(why) => ("**refused**", why),
        }
    }
}
