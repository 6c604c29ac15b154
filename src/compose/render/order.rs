//! The order of free keys: by bytes in JSON, numbers by value in YAML (`a2` before `a10`).

use std::cmp::Ordering;

use super::Form;
use crate::compose::node::{Entry, Map, Text};

/// The entries of a mapping as the form has them.
pub fn sorted(map: &Map, form: Form) -> Vec<(&Text, &Entry)> {
    let mut entries: Vec<(&Text, &Entry)> = map.iter().collect();
    entries.sort_by(|a, b| compare(a.0, b.0, form));
    entries
}

/// Sorts entries by key as the form has them.
pub fn sort_entries<V>(entries: &mut [(String, V)], form: Form) {
    entries.sort_by(|a, b| compare(&a.0, &b.0, form));
}

fn compare(a: &str, b: &str, form: Form) -> Ordering {
    match form {
        Form::Json => a.cmp(b),
        Form::Yaml => natural(a, b),
    }
}

/// Letters after other characters, except after a digit; runs of digits by value.
fn natural(a: &str, b: &str) -> Ordering {
    let mut both = a.char_indices().zip(b.chars());
    let Some(((at, x), y)) = both.find(|((_, x), y)| x != y) else {
        return a.len().cmp(&b.len());
    };
    let (same, left, right) = (&a[..at], &a[at..], &b[at..]);
    let after_digit = same.chars().next_back().is_some_and(char::is_numeric);
    match (x.is_alphabetic(), y.is_alphabetic()) {
        (true, true) => x.cmp(&y),
        (true, false) if after_digit => Ordering::Less,
        (true, false) => Ordering::Greater,
        (false, true) if after_digit => Ordering::Greater,
        (false, true) => Ordering::Less,
        (false, false) => {
            // Zeros only count when another digit stands before them.
            let zeros = x == '0' || y == '0';
            let mut digits = same.chars().rev().take_while(char::is_ascii_digit);
            let lead = u128::from(zeros && digits.any(|c| c != '0'));
            let (x_value, x_length) = value(left, lead);
            let (y_value, y_length) = value(right, lead);
            x_value
                .cmp(&y_value)
                .then(x_length.cmp(&y_length))
                .then(x.cmp(&y))
        }
    }
}

/// The number that text starts with, after the digit `lead`, and how many digits it has.
fn value(text: &str, lead: u128) -> (u128, usize) {
    let digits = text.chars().map_while(|c| c.to_digit(10));
    digits.fold((lead, 0), |(value, length), digit| {
        let value = value.saturating_mul(10).saturating_add(u128::from(digit));
        (value, length + 1)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_by_value_and_letters_last() {
        let mut keys: Vec<&str> = vec!["b", "a10", "a2", "A", "_x", "1", "a", "a01", "a-b", "a1b"];
        keys.sort_by(|a, b| compare(a, b, Form::Yaml));
        assert_eq!(
            keys,
            ["_x", "1", "A", "a", "a-b", "a1b", "a01", "a2", "a10", "b"]
        );
    }
}
