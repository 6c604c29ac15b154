//! Splitting of `command: a "b c"` into words, as the library Compose uses does it.

/// The words of `text`. As Compose does it, an unquoted `;`, `&`, `|`, `<`, `>`, `(` or `)` ends
/// the command, and what follows is lost: the second value is true then.
pub fn split(text: &str) -> Result<(Vec<String>, bool), String> {
    let mut words = Vec::new();
    let mut word = String::new();
    let (mut escaped, mut double, mut single, mut started) = (false, false, false, false);
    for c in text.chars() {
        if escaped {
            // Inside double quotes a backslash keeps its meaning before other characters.
            if double && !matches!(c, '"' | '\\' | '$' | '`') && c == '\n' {
                escaped = false;
                continue;
            }
            word.push(if c == 't' && double { '\t' } else { c });
            escaped = false;
            started = true;
            continue;
        }
        match c {
            '\\' if !single => escaped = true,
            '"' if !single => {
                double = !double;
                started = true;
            }
            '\'' if !double => {
                single = !single;
                started = true;
            }
            _ if single || double => word.push(c),
            ' ' | '\t' | '\r' | '\n' => {
                if started {
                    words.push(std::mem::take(&mut word));
                    started = false;
                }
            }
            ';' | '&' | '|' | '<' | '>' | '(' | ')' => {
                if started {
                    words.push(word);
                }
                return Ok((words, true));
            }
            _ => {
                word.push(c);
                started = true;
            }
        }
    }
    if started {
        words.push(word);
    }
    if escaped || single || double {
        return Err(format!("{text:?} does not close its quotes"));
    }
    Ok((words, false))
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
        assert!(split("a 'b").is_err());
    }

    #[test]
    fn an_operator_ends_the_command() {
        assert_eq!(split("a; b").unwrap(), (vec!["a".to_owned()], true));
    }
}
