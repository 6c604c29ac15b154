//! Tables without borders, as `docker` prints them.

use std::fmt;

use comfy_table::{ContentArrangement, presets};

/// Rows below a heading.
#[derive(Debug)]
pub struct Table(comfy_table::Table);

impl Table {
    /// A table with these column names, in capitals.
    #[must_use]
    pub fn new(columns: &[&str]) -> Self {
        let mut table = comfy_table::Table::new();
        table
            .load_style(presets::NOTHING)
            .set_content_arrangement(ContentArrangement::Disabled)
            .set_header(columns.iter().map(|name| name.to_uppercase()));
        for column in table.column_iter_mut() {
            column.set_padding((0, 3));
        }
        Self(table)
    }

    /// Adds a row; line breaks and control characters in cells are dropped.
    pub fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.0.add_row(
            cells
                .into_iter()
                .map(|cell| super::clean(&cell).replace(['\n', '\t'], " ")),
        );
    }

    /// Whether no row was added.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.0.to_string();
        let lines: Vec<&str> = text.lines().map(str::trim_end).collect();
        f.write_str(&lines.join("\n"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_and_no_cell_breaks_a_line() {
        let mut table = Table::new(&["name", "hosts"]);
        table.row(["dev".to_owned(), "1".to_owned()]);
        table.row(["pro\nduction".to_owned(), "two \u{1b}[31m".to_owned()]);
        assert_eq!(
            table.to_string(),
            "NAME          HOSTS\ndev           1\npro duction   two [31m"
        );
    }
}
