//! Variables in text: `$X`, `${X}`, `$$`, and `${X<op>word}` with `:-`, `-`, `:?`, `?`, `:+`, `+`,
//! nested to any depth. A `$` that starts none of them is a `$`.

use std::collections::BTreeMap;

use super::budget;

/// What a variable is set to, if it is.
pub type Lookup<'a> = &'a dyn Fn(&str) -> Option<String>;

/// Why text could not be interpolated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// A `${` that is not closed or holds no variable.
    Malformed,
    /// `${X:?message}` and X is missing.
    Required { name: String, message: String },
    /// Its variables make more text than is left.
    Long,
}

/// `text` with its variables replaced; `unset` is told the names that have no value and no default.
/// `left` is how many bytes may be made, and becomes how many may be made after this.
pub fn substitute(
    text: &str,
    lookup: Lookup<'_>,
    unset: &mut dyn FnMut(&str),
    left: &mut usize,
) -> Result<String, Fault> {
    let mut out = String::new();
    let mut add = |more: &str, left: &mut usize| {
        *left = left.checked_sub(more.len()).ok_or(Fault::Long)?;
        out.push_str(more);
        Ok::<(), Fault>(())
    };
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        add(&rest[..at], left)?;
        let (piece, after) = split(&rest[at + 1..])?;
        match piece {
            Piece::Dollar => add("$", left)?,
            Piece::Variable(name) => match lookup(name) {
                Some(value) => add(&value, left)?,
                None => unset(name),
            },
            Piece::Operation {
                name,
                operator,
                word,
            } => {
                // The word is interpolated even when it is not used, as Compose does.
                let word = substitute(word, lookup, unset, left)?;
                let value = lookup(name);
                let present = match operator.strip_prefix(':') {
                    Some(_) => value.as_deref().is_some_and(|value| !value.is_empty()),
                    None => value.is_some(),
                };
                match (operator.trim_start_matches(':'), present) {
                    ("-" | "?", true) => add(&value.unwrap_or_default(), left)?,
                    ("-", false) | ("+", true) => add(&word, left)?,
                    ("?", false) => {
                        let (name, message) = (name.to_owned(), word);
                        return Err(Fault::Required { name, message });
                    }
                    _ => {}
                }
            }
        }
        rest = after;
    }
    add(rest, left)?;
    Ok(out)
}

/// A variable that text mentions, for `config --variables`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Variable {
    /// After `:-` or `-`.
    pub default: String,
    /// After `:+` or `+`.
    pub alternative: String,
    /// `:?` or `?`.
    pub required: bool,
}

/// Adds the variables `text` mentions to `found`. Malformed text mentions none.
pub fn variables(text: &str, found: &mut BTreeMap<String, Variable>) {
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        let Ok((piece, after)) = split(&rest[at + 1..]) else {
            return;
        };
        match piece {
            Piece::Dollar => {}
            Piece::Variable(name) => {
                found.insert(name.to_owned(), Variable::default());
            }
            Piece::Operation {
                name,
                operator,
                word,
            } => {
                let mut variable = Variable::default();
                match operator.trim_start_matches(':') {
                    "-" => word.clone_into(&mut variable.default),
                    "+" => word.clone_into(&mut variable.alternative),
                    _ => variable.required = true,
                }
                found.insert(name.to_owned(), variable);
                variables(word, found);
            }
        }
        rest = after;
    }
}

enum Piece<'a> {
    Dollar,
    Variable(&'a str),
    Operation {
        name: &'a str,
        operator: &'a str,
        word: &'a str,
    },
}

/// Where the first `${…}` stands that cannot be replaced.
pub fn faulty(text: &str, lookup: Lookup<'_>) -> Option<(usize, usize)> {
    let (mut from, mut left) = (0, budget::MOST_TEXT);
    while let Some(at) = text[from..].find('$') {
        let start = from + at;
        let Ok((piece, rest)) = split(&text[start + 1..]) else {
            let end = text[start..].find('}');
            return Some((start, end.map_or(text.len(), |end| start + end + 1)));
        };
        let end = text.len() - rest.len();
        if matches!(piece, Piece::Operation { .. })
            && substitute(&text[start..end], lookup, &mut |_| {}, &mut left).is_err()
        {
            return Some((start, end));
        }
        from = end;
    }
    None
}

/// What follows a `$`, and the text after it.
fn split(text: &str) -> Result<(Piece<'_>, &str), Fault> {
    if let Some(rest) = text.strip_prefix('$') {
        return Ok((Piece::Dollar, rest));
    }
    let Some(inner) = text.strip_prefix('{') else {
        let length = name_length(text);
        if length == 0 {
            return Ok((Piece::Dollar, text));
        }
        return Ok((Piece::Variable(&text[..length]), &text[length..]));
    };
    let close = closing(inner).ok_or(Fault::Malformed)?;
    let (inner, rest) = (&inner[..close], &inner[close + 1..]);
    let length = name_length(inner);
    let (name, operation) = inner.split_at(length);
    if length == 0 {
        return Err(Fault::Malformed);
    }
    if operation.is_empty() {
        return Ok((Piece::Variable(name), rest));
    }
    let width = usize::from(operation.starts_with(':')) + 1;
    let operator = operation.get(..width).ok_or(Fault::Malformed)?;
    if !operator.ends_with(['-', '?', '+']) || operation.contains('\n') {
        return Err(Fault::Malformed);
    }
    let word = &operation[width..];
    Ok((
        Piece::Operation {
            name,
            operator,
            word,
        },
        rest,
    ))
}

fn name_length(text: &str) -> usize {
    let bytes = text.as_bytes();
    if !bytes
        .first()
        .is_some_and(|b| b.is_ascii_alphabetic() || *b == b'_')
    {
        return 0;
    }
    bytes
        .iter()
        .position(|b| !b.is_ascii_alphanumeric() && *b != b'_')
        .unwrap_or(bytes.len())
}

/// The `}` that closes what `${` opened, inner `${` counted.
fn closing(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let mut depth = 1;
    let mut at = 0;
    while at < bytes.len() {
        if bytes[at] == b'}' {
            depth -= 1;
            if depth == 0 {
                return Some(at);
            }
        } else if bytes[at..].starts_with(b"${") {
            depth += 1;
            if depth > 64 {
                return None;
            }
            at += 1;
        }
        at += 1;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(text: &str) -> (Result<String, Fault>, Vec<String>) {
        let lookup = |name: &str| match name {
            "SET" => Some("value".to_owned()),
            "EMPTY" => Some(String::new()),
            _ => None,
        };
        let mut unset = Vec::new();
        let mut left = 1 << 20;
        let result = substitute(
            text,
            &lookup,
            &mut |name| unset.push(name.to_owned()),
            &mut left,
        );
        (result, unset)
    }

    fn ok(text: &str) -> String {
        run(text).0.unwrap()
    }

    #[test]
    fn every_operator() {
        assert_eq!(ok("a$SET-${SET}b$$c"), "avalue-valueb$c");
        assert_eq!(
            ok("${NO:-d}${NO-d}${EMPTY:-d}${EMPTY-d}|${SET:-d}"),
            "ddd|value"
        );
        assert_eq!(ok("${NO:+a}${NO+a}${EMPTY:+a}${EMPTY+a}|${SET:+a}"), "a|a");
        assert_eq!(ok("${SET:?m}${EMPTY?m}"), "value");
        assert_eq!(ok("${NO:-${EMPTY:-${SET}}}}"), "value}");
    }

    #[test]
    fn required_carries_its_interpolated_message() {
        let fault = run("${NO:?need $SET}").0.unwrap_err();
        let (name, message) = ("NO".to_owned(), "need value".to_owned());
        assert_eq!(fault, Fault::Required { name, message });
    }

    #[test]
    fn malformed_text_is_refused() {
        for text in [
            "${",
            "${}",
            "${1}",
            "${A!b}",
            "${A:}",
            "${A:-x\ny}",
            "${A b}",
            "${A.b}",
            "${A::-x}",
        ] {
            assert_eq!(run(text).0, Err(Fault::Malformed), "{text}");
        }
    }

    #[test]
    fn a_dollar_that_starts_nothing_is_a_dollar() {
        for text in ["$", "a$ b", "$1", "a$(x)", "$.", "a$-b"] {
            assert_eq!(ok(text), text);
        }
        assert_eq!(ok("$$$"), "$$");
        assert_eq!(ok("${NO:-$ x}"), "$ x");
    }

    #[test]
    fn the_place_of_a_fault_is_found() {
        let lookup = |name: &str| (name == "SET").then(|| "value".to_owned());
        let part = |text: &'static str| {
            let (from, to) = faulty(text, &lookup)?;
            text.get(from..to)
        };
        assert_eq!(part("a ${SET:?x} ${NO:?y} b"), Some("${NO:?y}"));
        assert_eq!(part("$SET ${A!b} c"), Some("${A!b}"));
        assert_eq!(part("é ${A"), Some("${A"));
        assert_eq!(part("${NO:-${A:}}"), Some("${NO:-${A:}}"));
        assert_eq!(part("$$ ${SET} $NO"), None);
    }

    #[test]
    fn names_without_value_are_told() {
        let (result, unset) = run("x$NO");
        assert_eq!(
            (result.unwrap().as_str(), unset),
            ("x", vec!["NO".to_owned()])
        );
    }

    #[test]
    fn deep_nesting_is_refused_and_not_a_crash() {
        let text = "${A:-".repeat(100_000);
        assert_eq!(run(&text).0, Err(Fault::Malformed));
    }
}
