//! The variables that files mention, as `config --variables` prints them.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::json;

use super::template::Variable;
use super::yaml;
use crate::error::{Explain as _, Result};

type Variables = BTreeMap<String, Variable>;

/// Columns of at least 20 letters.
pub fn variables_table(variables: &Variables) -> String {
    let heads = ["NAME", "REQUIRED", "DEFAULT VALUE", "ALTERNATE VALUE"];
    let mut rows = vec![heads.map(str::to_owned)];
    for (name, variable) in variables {
        rows.push([
            name.clone(),
            variable.required.to_string(),
            variable.default.clone(),
            variable.alternative.clone(),
        ]);
    }
    let widths: [usize; 3] = std::array::from_fn(|column| {
        let cells = rows.iter().map(|row| row[column].chars().count());
        cells.max().unwrap_or_default().saturating_add(3).max(20)
    });
    let mut out = String::new();
    for row in &rows {
        for (cell, width) in row.iter().zip(widths) {
            // Writing to a String cannot fail.
            let _ = write!(out, "{cell:width$}");
        }
        out.push_str(&row[3]);
        out.push('\n');
    }
    out
}

/// One object by name.
///
/// # Errors
/// None that input can cause.
pub fn variables_json(variables: &Variables) -> Result<String> {
    let values: serde_json::Map<String, serde_json::Value> = variables
        .iter()
        .map(|(name, variable)| {
            let value = json!({
                "Name": name,
                "DefaultValue": variable.default,
                "PresenceValue": variable.alternative,
                "Required": variable.required,
            });
            (name.clone(), value)
        })
        .collect();
    let mut out = Vec::new();
    let style = serde_json::ser::PrettyFormatter::with_indent(b"    ");
    let mut writer = serde_json::Serializer::with_formatter(&mut out, style);
    serde::Serialize::serialize(&values, &mut writer).explain(|| "cannot print the variables")?;
    let mut text = String::from_utf8(out).explain(|| "cannot print the variables")?;
    text.push_str("\n\n");
    Ok(text)
}

/// One mapping by name.
pub fn variables_yaml(variables: &Variables) -> String {
    if variables.is_empty() {
        return "{}\n".to_owned();
    }
    let mut out = String::new();
    for (name, variable) in variables {
        let value = json!({
            "name": name,
            "defaultvalue": variable.default,
            "presencevalue": variable.alternative,
            "required": variable.required,
        });
        // Only here the indent is four; the lines are those of the model's writer.
        let _ = writeln!(out, "{name}:");
        for line in yaml::write(&value).lines() {
            let _ = writeln!(out, "    {line}");
        }
    }
    out
}
