//! Splitting of `command: a "b c"` into words, as the library Compose uses does it.

/// The words of `text`. As Compose does it, an unquoted `;`, `&`, `|`, `<` or `>` ends the command,
/// and what follows is lost: the second value is true then.
pub fn split(text: &str) -> Result<(Vec<String>, bool), String> {
    let mut words = Vec::new();
    let mut word = String::new();
    let mut started = false;
    let mut cut = false;
    let mut open = Open::default();
    for c in text.chars() {
        if open.escaped {
            // These two mean the same inside and outside of quotes.
            word.push(match c {
                't' => '\t',
                'n' => '\n',
                c => c,
            });
            open.escaped = false;
            started = true;
            continue;
        }
        match c {
            '\\' if !open.single => {
                open.escaped = true;
                continue;
            }
            ' ' | '\t' | '\r' | '\n' => {
                if open.any() {
                    word.push(c);
                } else if started {
                    words.push(std::mem::take(&mut word));
                    started = false;
                }
                continue;
            }
            '`' if !open.single && !open.double && !open.dollar => open.back = !open.back,
            ')' if !open.single && !open.double && !open.back => open.dollar = !open.dollar,
            '(' if !open.single && !open.double && !open.back => {
                if open.dollar || !word.ends_with('$') {
                    return Err(format!("{text:?} has a `(` outside of quotes"));
                }
                open.dollar = true;
            }
            '"' if !open.single && !open.dollar => {
                open.double = !open.double;
                started = true;
                continue;
            }
            '\'' if !open.double && !open.dollar => {
                open.single = !open.single;
                started = true;
                continue;
            }
            ';' | '&' | '|' | '<' | '>' if !open.any() => {
                // `2>file`: the number belongs to what is lost.
                if c == '>' && word.starts_with(|c: char| c.is_ascii_digit()) {
                    started = false;
                }
                cut = true;
                break;
            }
            _ => {}
        }
        started = true;
        word.push(c);
    }
    if started {
        words.push(word);
    }
    if open.escaped || open.any() {
        return Err(format!("{text:?} does not close its quotes"));
    }
    Ok((words, cut))
}

/// What is open where the reader stands.
#[derive(Default)]
#[expect(clippy::struct_excessive_bools, reason = "one for each kind of quote")]
struct Open {
    escaped: bool,
    single: bool,
    double: bool,
    back: bool,
    dollar: bool,
}

impl Open {
    fn any(&self) -> bool {
        self.single || self.double || self.back || self.dollar
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        split(text).unwrap().0
    }

    #[test]
    fn quotes_and_escapes() {
        assert_eq!(words("a  'b c' \"d e\" f\\ g"), ["a", "b c", "d e", "f g"]);
        assert_eq!(words("'' \"\""), ["", ""]);
        assert_eq!(words("a'b'c"), ["abc"]);
        assert_eq!(
            words("\"a\\\nb\" $(c d) `e f`"),
            ["a\nb", "$(c d)", "`e f`"]
        );
        for text in ["a 'b", "a (b)", "a)", "a\\"] {
            assert!(split(text).is_err(), "{text}");
        }
    }

    #[test]
    fn an_operator_ends_the_command() {
        assert_eq!(split("a; b").unwrap(), (vec!["a".to_owned()], true));
        assert_eq!(split("a 2>b").unwrap(), (vec!["a".to_owned()], true));
    }
}
