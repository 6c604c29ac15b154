//! `.dockerignore`: which files of a build context the engine never sees.
//!
//! The rules are Docker's, not git's: patterns are anchored at the context, the last one that
//! matches wins, and a match of a folder covers what is in it.

/// The patterns of one `.dockerignore`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Ignore {
    patterns: Vec<Pattern>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Pattern {
    /// `!`: what matches is kept after all.
    keeps: bool,
    tokens: Vec<Token>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Token {
    Char(char),
    /// `?`: one character of a name.
    One,
    /// `*`: any characters of a name.
    Name,
    /// `**` at the end: anything.
    Rest,
    /// `**/` or `**` before something: nothing, or [`Token::Folders`].
    Entry,
    /// Anything up to a `/`; always follows [`Token::Entry`].
    Folders,
    /// `[a-z]`, `[^a-z]`.
    Class {
        negated: bool,
        ranges: Vec<(char, char)>,
    },
}

impl Ignore {
    /// Reads the file's text. A pattern that cannot be read matches nothing, which at worst makes
    /// a build happen that was not needed.
    pub(super) fn parse(text: &str) -> Self {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let patterns = text.lines().filter_map(pattern).collect();
        Self { patterns }
    }

    /// Whether anything ignored could be kept after all, so that ignored folders must be entered.
    pub(super) fn has_exceptions(&self) -> bool {
        self.patterns.iter().any(|pattern| pattern.keeps)
    }

    /// Whether `path`, relative to the context with `/` between names, is left out.
    pub(super) fn ignores(&self, path: &str) -> bool {
        let path: Vec<char> = path.chars().collect();
        let mut ignored = false;
        for pattern in &self.patterns {
            if pattern.keeps == ignored && covers(&pattern.tokens, &path) {
                ignored = !pattern.keeps;
            }
        }
        ignored
    }
}

fn pattern(line: &str) -> Option<Pattern> {
    if line.starts_with('#') {
        return None;
    }
    let line = line.trim();
    let (keeps, line) = match line.strip_prefix('!') {
        Some(rest) => (true, rest.trim()),
        None => (false, line),
    };
    if line.is_empty() {
        return None;
    }
    let clean = clean(line);
    let tokens = tokens(&clean)?;
    Some(Pattern { keeps, tokens })
}

/// `./a//b/../c/` is `a/c`, as Go's `filepath.Clean` makes it; a leading `/` is dropped.
fn clean(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => {
                parts.pop();
            }
            ".." if path.starts_with('/') => {}
            part => parts.push(part),
        }
    }
    if parts.is_empty() {
        return ".".to_owned();
    }
    parts.join("/")
}

fn tokens(pattern: &str) -> Option<Vec<Token>> {
    let mut tokens = Vec::new();
    let mut chars = pattern.chars().peekable();
    while let Some(c) = chars.next() {
        let token = match c {
            '*' if chars.next_if_eq(&'*').is_some() => {
                chars.next_if_eq(&'/');
                if chars.peek().is_none() {
                    Token::Rest
                } else {
                    tokens.push(Token::Entry);
                    Token::Folders
                }
            }
            '*' => Token::Name,
            '?' => Token::One,
            '\\' => Token::Char(chars.next().unwrap_or('\\')),
            '[' => class(&mut chars)?,
            c => Token::Char(c),
        };
        tokens.push(token);
    }
    Some(tokens)
}

fn class(chars: &mut std::iter::Peekable<std::str::Chars>) -> Option<Token> {
    let negated = chars.next_if_eq(&'^').is_some();
    let mut ranges = Vec::new();
    loop {
        let low = match chars.next()? {
            ']' if !ranges.is_empty() => return Some(Token::Class { negated, ranges }),
            '\\' => chars.next()?,
            c => c,
        };
        let mut high = low;
        if chars.next_if_eq(&'-').is_some() {
            high = match chars.next()? {
                '\\' => chars.next()?,
                c => c,
            };
        }
        ranges.push((low, high));
    }
}

/// Whether the pattern matches the path or a folder above it.
///
/// All positions are tried at once, so no pattern takes exponential time.
fn covers(tokens: &[Token], path: &[char]) -> bool {
    let mut at = vec![false; tokens.len() + 1];
    at[0] = true;
    skip_optional(tokens, &mut at);
    for (position, &c) in path.iter().enumerate() {
        let mut next = vec![false; tokens.len() + 1];
        for (i, token) in tokens.iter().enumerate().filter(|(i, _)| at[*i]) {
            match token {
                Token::Char(wanted) => next[i + 1] |= c == *wanted,
                Token::One => next[i + 1] |= c != '/',
                Token::Name => next[i] |= c != '/',
                Token::Rest => next[i] = true,
                Token::Entry => {}
                Token::Folders => {
                    next[i] = true;
                    next[i + 1] |= c == '/';
                }
                Token::Class { negated, ranges } => {
                    let within = ranges.iter().any(|(low, high)| (*low..=*high).contains(&c));
                    next[i + 1] |= c != '/' && within != *negated;
                }
            }
        }
        at = next;
        skip_optional(tokens, &mut at);
        let ends = position + 1 == path.len() || path[position + 1] == '/';
        if ends && at[tokens.len()] {
            return true;
        }
    }
    false
}

/// Goes past the tokens that may match nothing.
fn skip_optional(tokens: &[Token], at: &mut [bool]) {
    for (i, token) in tokens.iter().enumerate() {
        if !at[i] {
            continue;
        }
        match token {
            Token::Name | Token::Rest => at[i + 1] = true,
            Token::Entry => {
                at[i + 1] = true;
                at[i + 2] = true;
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Patterns, paths that are left out, paths that stay.
    const TABLE: &[(&str, &[&str], &[&str])] = &[
        (
            "node_modules",
            &["node_modules", "node_modules/a/b"],
            &["web/node_modules", "node_modules2"],
        ),
        ("/build/", &["build", "build/out"], &["src/build"]),
        ("./a//b/../c", &["a/c", "a/c/d"], &["a/b", "a"]),
        ("*.log", &["x.log", ".log"], &["logs/x.log", "x.log.gz"]),
        ("*/*.log", &["logs/x.log"], &["x.log", "a/b/x.log"]),
        ("**/*.log", &["x.log", "a/x.log", "a/b/x.log"], &["x.txt"]),
        ("**", &["a", "a/b"], &[]),
        ("docs/**", &["docs/a", "docs/a/b"], &["docs", "doc/a"]),
        (
            "a/**/z",
            &["a/z", "a/b/z", "a/b/c/z/x"],
            &["z", "ab/z", "a/bz"],
        ),
        (
            "**/node_modules",
            &["node_modules/x", "a/b/node_modules/x"],
            &["xnode_modules", "a/xnode_modules"],
        ),
        ("a**b", &["ab", "ax/b", "a/x/b"], &["axb"]),
        ("temp?", &["temp1", "tempa/x"], &["temp", "temp12", "temp/"]),
        ("[a-c]x", &["ax", "cx"], &["dx", "x"]),
        ("[^a-c]x", &["dx"], &["ax"]),
        ("[]", &[], &["[]", "x"]),
        ("[a", &[], &["[a", "a"]),
        ("a\\*", &["a*"], &["ab"]),
        ("{a,b}", &["{a,b}"], &["a", "b"]),
        ("a.b+(c)$", &["a.b+(c)$"], &["axb+(c)$"]),
        ("# not a pattern\n#x", &[], &["# not a pattern", "#x"]),
        ("  spaced  ", &["spaced"], &["  spaced  "]),
        ("*.md\n!README.md", &["CHANGES.md"], &["README.md"]),
        (
            "*.md\n!README*.md\nREADME-secret.md",
            &["README-secret.md", "a.md"],
            &["README.md"],
        ),
        ("!README.md\n*.md", &["README.md"], &[]),
        (
            "dir\n!dir/keep",
            &["dir", "dir/x"],
            &["dir/keep", "dir/keep/y"],
        ),
        ("! spaced\n", &[], &["spaced"]),
        ("..", &[], &["a"]),
        ("\u{feff}secret", &["secret"], &[]),
        ("", &[], &["a"]),
        ("é*", &["éa"], &["ea"]),
    ];

    #[test]
    fn patterns_ignore_what_docker_ignores() {
        for (text, left_out, kept) in TABLE {
            let ignore = Ignore::parse(text);
            for path in *left_out {
                assert!(ignore.ignores(path), "{text:?} leaves out {path:?}");
            }
            for path in *kept {
                assert!(!ignore.ignores(path), "{text:?} keeps {path:?}");
            }
        }
    }

    #[test]
    fn exceptions_are_known() {
        assert!(Ignore::parse("a\n!a/b").has_exceptions());
        assert!(!Ignore::parse("a\n# !a/b").has_exceptions());
    }

    proptest! {
        #[test]
        fn any_text_is_a_dockerignore(text in "\\PC*", path in "[a-z/*]{0,20}") {
            let _ = Ignore::parse(&text).ignores(&path);
        }

        #[test]
        fn a_plain_name_covers_itself_and_what_is_below(name in "[a-z]{1,8}", below in "[a-z]{1,8}") {
            let ignore = Ignore::parse(&name);
            prop_assert!(ignore.ignores(&name));
            let path = format!("{name}/{below}");
            prop_assert!(ignore.ignores(&path));
            prop_assume!(name != below);
            let path = format!("{below}/{name}{below}");
            prop_assert!(!ignore.ignores(&path));
        }
    }
}
