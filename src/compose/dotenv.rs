//! Env files: `KEY=value`, quotes, comments, `export`, and variables in values.

use std::collections::BTreeMap;

use super::budget;
use super::environment::Variables;
use super::template::{self, Fault};

/// Reads an env file over the variables of `earlier` ones. For what values mention, `lookup` is
/// asked first, then this file's own lines, then `earlier`; for names that stand alone on a line,
/// only `lookup`.
pub fn parse(
    text: &str,
    earlier: BTreeMap<String, String>,
    lookup: &dyn Fn(&str) -> Option<String>,
) -> Result<BTreeMap<String, String>, (usize, String)> {
    let mut parser = Parser {
        text,
        at: 0,
        found: Found::over(earlier),
        left: budget::MOST_TEXT,
    };
    while parser.skip_blank() {
        let start = parser.at;
        parser.statement(lookup).map_err(|message| {
            let line = text[..start].bytes().filter(|b| *b == b'\n').count() + 1;
            (line, message)
        })?;
    }
    Ok(parser.found.variables)
}

/// Reads an env file of `format: raw` over `earlier` ones: each line as it is, no quotes, no
/// variables.
pub fn parse_raw(
    text: &str,
    earlier: BTreeMap<String, String>,
    lookup: &dyn Fn(&str) -> Option<String>,
) -> Result<BTreeMap<String, String>, (usize, String)> {
    let mut found = Found::over(earlier);
    for (index, line) in text.lines().enumerate() {
        let line = line.trim_start();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let (key, value) = match line.split_once('=') {
            Some((key, value)) => (key, Some(value.to_owned())),
            None => (line, lookup(line)),
        };
        if key.is_empty() || key.contains(char::is_whitespace) {
            return Err((index + 1, format!("{key:?} is not a variable's name")));
        }
        if let Some(value) = value {
            let added = found.add(key.to_owned(), value);
            added.map_err(|message| (index + 1, message))?;
        }
    }
    Ok(found.variables)
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
    found: Found,
    /// How much text values may still become by the variables they mention.
    left: usize,
}

/// Variables, no more than memory holds.
struct Found {
    variables: Variables,
    weight: usize,
}

impl Found {
    fn over(earlier: Variables) -> Self {
        let weights = earlier
            .iter()
            .map(|(name, value)| budget::variable(name, value));
        Self {
            weight: weights.sum(),
            variables: earlier,
        }
    }

    fn add(&mut self, name: String, value: String) -> Result<(), String> {
        self.weight += budget::variable(&name, &value);
        if self.weight > budget::MOST_VARIABLES {
            let most = budget::MOST_VARIABLES;
            return Err(format!("with this there are more than {most} variables"));
        }
        self.variables.insert(name, value);
        Ok(())
    }
}

impl Parser<'_> {
    fn rest(&self) -> &str {
        &self.text[self.at..]
    }

    /// Moves to the next statement; false at the end.
    fn skip_blank(&mut self) -> bool {
        loop {
            let rest = self.rest();
            let trimmed = rest.trim_start();
            self.at += rest.len() - trimmed.len();
            if self.rest().is_empty() {
                return false;
            }
            if !self.rest().starts_with('#') {
                return true;
            }
            match self.rest().find('\n') {
                Some(end) => self.at += end + 1,
                None => return false,
            }
        }
    }

    fn statement(&mut self, lookup: &dyn Fn(&str) -> Option<String>) -> Result<(), String> {
        if let Some(rest) = self.rest().strip_prefix("export")
            && rest.starts_with([' ', '\t'])
        {
            self.at += "export".len();
            let spaces = self.rest().len() - self.rest().trim_start_matches([' ', '\t']).len();
            self.at += spaces;
        }
        let rest = self.rest();
        let line_end = rest.find('\n').unwrap_or(rest.len());
        let line = &rest[..line_end];
        let Some(separator) = line.find(['=', ':']) else {
            let name = line.trim().to_owned();
            name_is_valid(&name)?;
            self.at += line_end;
            if let Some(value) = lookup(&name) {
                self.found.add(name, value)?;
            }
            return Ok(());
        };
        let name = line[..separator].trim_end().to_owned();
        // Compose reads `=x` as the value of a variable without a name.
        if !name.is_empty() {
            name_is_valid(&name)?;
        }
        self.at += separator + 1;
        let spaces = self.rest().len() - self.rest().trim_start_matches([' ', '\t']).len();
        self.at += spaces;
        let value = self.value(lookup)?;
        self.found.add(name, value)
    }

    fn value(&mut self, lookup: &dyn Fn(&str) -> Option<String>) -> Result<String, String> {
        let rest = self.rest();
        if let Some(quote @ ('"' | '\'')) = rest.chars().next() {
            let close = closing(rest, quote).ok_or_else(|| "the quote is not closed".to_owned())?;
            let inner = rest[1..close].to_owned();
            self.at += close + 1;
            if quote == '\'' {
                return Ok(inner.replace("\\'", "'"));
            }
            return self.expand(&unescape(&inner), lookup);
        }
        let end = rest.find('\n').unwrap_or(rest.len());
        let line = &rest[..end];
        let value = comment(line).map_or(line, |at| &line[..at]);
        let value = value.trim_end().to_owned();
        self.at += end;
        self.expand(&value, lookup)
    }

    fn expand(
        &mut self,
        value: &str,
        lookup: &dyn Fn(&str) -> Option<String>,
    ) -> Result<String, String> {
        let found = &self.found.variables;
        let lookup = |name: &str| lookup(name).or_else(|| found.get(name).cloned());
        template::substitute(value, &lookup, &mut |_| {}, &mut self.left).map_err(|fault| {
            match fault {
                Fault::Malformed => "a `${` in the value holds no variable".to_owned(),
                Fault::Long => {
                    let most = budget::MOST_TEXT >> 20;
                    format!("with this, variables stand for more than {most} MiB of text")
                }
                Fault::Required { name, message } => {
                    format!("variable `{name}` is required and missing: {message}")
                }
            }
        })
    }
}

/// ` #` starts a comment in a value without quotes.
fn comment(line: &str) -> Option<usize> {
    line.find(" #")
}

fn closing(text: &str, quote: char) -> Option<usize> {
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        if escaped {
            escaped = false;
        } else if c == '\\' {
            escaped = true;
        } else if c == quote {
            return Some(at);
        }
    }
    None
}

fn unescape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        if c != '\\' {
            out.push(c);
            continue;
        }
        match chars.next() {
            Some('n') => out.push('\n'),
            Some('r') => out.push('\r'),
            Some('t') => out.push('\t'),
            // Kept for the variable pass, which reads `$$` as a dollar.
            Some('$') => out.push_str("$$"),
            Some(other) => {
                if !matches!(other, '"' | '\\' | '\'') {
                    out.push('\\');
                }
                out.push(other);
            }
            None => out.push('\\'),
        }
    }
    out
}

fn name_is_valid(name: &str) -> Result<(), String> {
    if name.is_empty() {
        return Err("a variable's name is missing".to_owned());
    }
    match name
        .chars()
        .find(|c| !(c.is_alphanumeric() || matches!(c, '_' | '.' | '-' | '[' | ']')))
    {
        Some(bad) => Err(format!("{bad:?} is not allowed in a variable's name")),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> BTreeMap<String, String> {
        let lookup = |name: &str| (name == "HOME").then(|| "/home/me".to_owned());
        parse(text, BTreeMap::new(), &lookup).unwrap()
    }

    #[test]
    fn forms() {
        let found = read(
            "# comment\nA=1\nexport B = two words # tail\nC='single $A'\nD=\"d\\n$A\"\nE=$HOME/x\nHOME\nF: yaml\nG=\nH=a#b\n",
        );
        let get = |name: &str| found[name].as_str();
        assert_eq!(get("A"), "1");
        assert_eq!(get("B"), "two words");
        assert_eq!(get("C"), "single $A");
        assert_eq!(get("D"), "d\n1");
        assert_eq!(get("E"), "/home/me/x");
        assert_eq!(get("HOME"), "/home/me");
        assert_eq!(get("F"), "yaml");
        assert_eq!(get("G"), "");
        assert_eq!(get("H"), "a#b");
    }

    #[test]
    fn faults_name_their_line() {
        let none = |_: &str| None;
        assert_eq!(
            parse("A=1\nB='x\n", BTreeMap::new(), &none).unwrap_err().0,
            2
        );
        assert_eq!(parse("a\n\n!=1", BTreeMap::new(), &none).unwrap_err().0, 3);
        assert_eq!(parse("A B=1", BTreeMap::new(), &none).unwrap_err().0, 1);
    }

    #[test]
    fn raw_lines_are_kept() {
        let found = parse_raw("A='x' # $B\n", BTreeMap::new(), &|_| None).unwrap();
        assert_eq!(found["A"], "'x' # $B");
    }
}
