//! Redaction by value, in one place.

use std::sync::RwLock;

const HIDDEN: &str = "***";

/// Shorter values are left alone: hiding every `1` or `on` would make output unreadable and
/// would tell more than it hides.
const SHORTEST: usize = 4;

/// Values that never appear in output, whatever produced the line they are in.
#[derive(Debug, Default)]
pub struct Redactor {
    values: RwLock<Vec<String>>,
}

impl Redactor {
    /// Adds values to hide. A value of several lines is also hidden line by line.
    pub fn add(&self, secrets: impl IntoIterator<Item = String>) {
        let Ok(mut values) = self.values.write() else {
            return;
        };
        for secret in secrets {
            let parts = secret.lines().chain([secret.as_str()]);
            for part in parts.map(str::trim) {
                if part.chars().count() < SHORTEST {
                    continue;
                }
                let escaped = serde_json::to_string(part).unwrap_or_default();
                let escaped = escaped.trim_matches('"');
                for form in [part, escaped] {
                    if !values.iter().any(|known| known == form) {
                        values.push(form.to_owned());
                    }
                }
            }
        }
        // A secret that contains another one must be hidden as a whole.
        values.sort_by_key(|value| std::cmp::Reverse(value.len()));
    }

    /// `text` without the values and without credentials in URLs.
    #[must_use]
    pub fn redact(&self, text: &str) -> String {
        let mut text = without_userinfo(text);
        if let Ok(values) = self.values.read() {
            for value in values.iter() {
                if text.contains(value.as_str()) {
                    text = text.replace(value.as_str(), HIDDEN);
                }
            }
        }
        text
    }
}

/// `https://user:password@host` without what stands before `@`; a user name alone stays, except
/// over HTTP, where it is a token more often than not.
fn without_userinfo(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("://") {
        let (before, after) = rest.split_at(at + 3);
        out.push_str(before);
        let end = after
            .find(|c: char| c.is_whitespace() || "/?#\"'`<>".contains(c))
            .unwrap_or(after.len());
        let authority = &after[..end];
        match authority.rfind('@') {
            Some(at) if authority[..at].contains(':') || is_http(before) => {
                out.push_str(HIDDEN);
                out.push_str(&authority[at..]);
            }
            _ => out.push_str(authority),
        }
        rest = &after[end..];
    }
    out.push_str(rest);
    out
}

fn is_http(before: &str) -> bool {
    before.ends_with("http://") || before.ends_with("https://")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn redactor(values: &[&str]) -> Redactor {
        let redactor = Redactor::default();
        redactor.add(values.iter().map(|value| (*value).to_owned()));
        redactor
    }

    #[test]
    fn values_disappear_wherever_they_stand() {
        let redactor = redactor(&["hunter2", "hunter2-long", "a\"quoted", "yes"]);
        assert_eq!(
            redactor.redact("x hunter2-long y hunter2, {\"p\":\"a\\\"quoted\"} yes"),
            "x *** y ***, {\"p\":\"***\"} yes"
        );
    }

    #[test]
    fn a_value_of_several_lines_is_hidden_line_by_line() {
        let redactor = redactor(&["-----BEGIN KEY-----\nMIIabc\n-----END KEY-----\n"]);
        assert_eq!(redactor.redact("log: MIIabc"), "log: ***");
    }

    #[test]
    fn urls_lose_their_credentials() {
        let redactor = Redactor::default();
        for (from, to) in [
            ("https://u:p@h/x", "https://***@h/x"),
            ("get http://token@h:80?q=a@b", "get http://***@h:80?q=a@b"),
            (
                "postgres://u:p@db/x and ssh://deploy@h",
                "postgres://***@db/x and ssh://deploy@h",
            ),
            ("https://h/x@y", "https://h/x@y"),
            ("https://u:p@ss@h", "https://***@h"),
            ("no url", "no url"),
        ] {
            assert_eq!(redactor.redact(from), to);
        }
    }
}
