//! Several files in one answer of one script; the other half is `sh/frame.sh`.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};

/// The shell functions `part` and `file` that write what [`parse`] reads.
pub(crate) const SCRIPT: &str = include_str!("sh/frame.sh");

/// One file of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Part {
    /// Its bytes.
    Present(Vec<u8>),
    /// There is no such file.
    Absent,
    /// It is there and may not be read.
    Unreadable,
}

impl Part {
    /// The bytes, when there are any.
    pub(crate) fn bytes(&self) -> Option<&[u8]> {
        match self {
            Self::Present(bytes) => Some(bytes),
            Self::Absent | Self::Unreadable => None,
        }
    }

    /// The bytes as text, when they are text.
    pub(crate) fn text(&self) -> Option<&str> {
        self.bytes().and_then(|bytes| str::from_utf8(bytes).ok())
    }
}

/// 128 random bits in hexadecimal: a boundary or a token nobody can guess or meet by chance.
pub(crate) fn random() -> String {
    // The standard library seeds every `RandomState` from the system's randomness.
    let half = || RandomState::new().build_hasher().finish();
    format!("{:016x}{:016x}", half(), half())
}

/// The parts between boundaries, in order, with their names. None: the answer is cut short.
pub(crate) fn parse(answer: &[u8], boundary: &str) -> Option<Vec<(String, Part)>> {
    let mark = format!("\n{boundary} ").into_bytes();
    let mut parts = Vec::new();
    let mut rest = &answer[find(answer, &mark)? + mark.len()..];
    loop {
        let line_end = rest.iter().position(|byte| *byte == b'\n')?;
        let line = str::from_utf8(&rest[..line_end]).ok()?;
        let (name, status) = line.rsplit_once(' ')?;
        if name == "end" {
            return Some(parts);
        }
        let body = &rest[line_end + 1..];
        // A part without bytes is followed by the newline that starts the next mark.
        let next = find(body, &mark)?;
        parts.push((
            name.to_owned(),
            match status {
                "present" => Part::Present(body[..next].to_vec()),
                "absent" => Part::Absent,
                _ => Part::Unreadable,
            },
        ));
        rest = &body[next + mark.len()..];
    }
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    let first = *needle.first()?;
    let mut from = 0;
    while let Some(at) = haystack[from..].iter().position(|byte| *byte == first) {
        if haystack[from + at..].starts_with(needle) {
            return Some(from + at);
        }
        from += at + 1;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn binary_parts_come_back_byte_by_byte() {
        let body: Vec<u8> = (0..=255).chain(*b"\n\nB0 x present\n\n").collect();
        let mut answer = b"noise\n\nB1 first file present\n".to_vec();
        answer.extend(&body);
        answer.extend(b"\nB1 empty present\n\nB1 gone absent\n\nB1 shut unreadable\n\nB1 end -\n");
        assert_eq!(
            parse(&answer, "B1"),
            Some(vec![
                ("first file".to_owned(), Part::Present(body)),
                ("empty".to_owned(), Part::Present(Vec::new())),
                ("gone".to_owned(), Part::Absent),
                ("shut".to_owned(), Part::Unreadable),
            ])
        );
    }

    #[test]
    fn a_cut_answer_is_not_taken_for_a_short_one() {
        let whole = b"\nB a present\ntext\nB b absent\n\nB end -\n";
        assert!(parse(whole, "B").is_some());
        for length in 0..whole.len() - 1 {
            assert_eq!(parse(&whole[..length], "B"), None, "cut at {length}");
        }
    }

    #[test]
    fn random_is_long_and_never_the_same() {
        let (a, b) = (random(), random());
        assert_eq!(a.len(), 32);
        assert_ne!(a, b);
    }
}
