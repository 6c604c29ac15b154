//! Escapes in double quotes: the parser knows those of YAML 1.2, Compose's has `\'` besides and
//! neither `\/` nor surrogates.

/// The first escape in a quoted scalar that Compose refuses: where, and what is wrong with it.
pub fn wrong(scalar: &str) -> Option<(usize, String)> {
    let bytes = scalar.as_bytes();
    let mut at = 0;
    while at + 1 < bytes.len() {
        if bytes[at] != b'\\' {
            at += 1;
            continue;
        }
        match bytes[at + 1] {
            b'/' => return Some((at, "a `/` needs no backslash before it".to_owned())),
            b'u' => {
                let code = scalar.get(at + 2..at + 6)?;
                if matches!(u32::from_str_radix(code, 16), Ok(0xd800..=0xdfff)) {
                    let message = format!(
                        "`\\u{code}` is half a character; write it whole, as it is or with `\\U`"
                    );
                    return Some((at, message));
                }
            }
            _ => {}
        }
        at += 2;
    }
    None
}

/// A character of two bytes that is hardly ever written.
const INSTEAD: char = '\u{7fa}';

/// The text with every `\'` of the quoted scalar that starts at `at` replaced by a character as
/// long, so that places stay where they are; none when it has no such escape.
pub fn mend(text: &str, at: usize) -> Option<(String, char)> {
    let scalar = text.get(at..)?;
    if !scalar.starts_with('"') {
        return None;
    }
    let mut mended = String::with_capacity(text.len());
    mended.push_str(&text[..=at]);
    let mut rest = &scalar[1..];
    let mut found = false;
    while let Some(next) = rest.find(['\\', '"']) {
        mended.push_str(&rest[..next]);
        rest = &rest[next..];
        if rest.starts_with('"') {
            break;
        }
        if let Some(after) = rest.strip_prefix("\\'") {
            mended.push(INSTEAD);
            found = true;
            rest = after;
        } else {
            let escape = rest.chars().take(2).map(char::len_utf8).sum();
            mended.push_str(&rest[..escape]);
            rest = &rest[escape..];
        }
    }
    mended.push_str(rest);
    found.then_some((mended, INSTEAD))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_compose_does_not_know_is_found() {
        assert_eq!(wrong(r#""a\\/b""#), None);
        assert_eq!(wrong(r#""a\\\/b""#).unwrap().0, 4);
        assert_eq!(wrong(r#""\ud83d\udc19""#).unwrap().0, 1);
        assert_eq!(wrong(r#""\u00e9 \\""#), None);
    }

    #[test]
    fn mending_keeps_places() {
        let text = r#"a: "x\'y\\'z" # \'"#;
        let (mended, instead) = mend(text, 3).unwrap();
        assert_eq!(mended.len(), text.len());
        assert_eq!(mended.replace(instead, "'"), r#"a: "x'y\\'z" # \'"#);
        assert_eq!(mend(r#"a: "x""#, 3), None);
        assert_eq!(mend("a: b", 3), None);
    }
}
