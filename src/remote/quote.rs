//! Shell quoting: the only place where text becomes part of a command line.

use crate::error::{Error, Result};

/// The longest command line a host accepts, in bytes. Linux limits one argument to 128 KiB, and
/// sshd passes the whole command line to the login shell as one argument.
const LONGEST: usize = 120 * 1024;

/// The command line that runs `sh -c script webpods args…` under any login shell.
///
/// # Errors
/// A NUL byte, which no argument can hold, or a line too long for the host.
pub fn command_line(script: &str, args: &[&str]) -> Result<String> {
    let mut line = String::from("exec sh -c ");
    push_quoted(&mut line, script);
    line.push_str(" webpods");
    for arg in args {
        line.push(' ');
        push_quoted(&mut line, arg);
    }
    if line.contains('\0') {
        return Err(Error::user(
            "an argument for a host holds a NUL byte, which no command line can carry",
        ));
    }
    if line.len() > LONGEST {
        return Err(Error::user(format!(
            "a command line of {} bytes is too long for a host; at most {LONGEST} fit, \
             the rest must travel as input",
            line.len()
        )));
    }
    Ok(line)
}

/// One word, quoted for a POSIX shell where it needs to be.
pub fn quoted(word: &str) -> String {
    let harmless = |c: char| c.is_ascii_alphanumeric() || "@%_+=:,./-".contains(c);
    if !word.is_empty() && word.chars().all(harmless) {
        return word.to_owned();
    }
    let mut line = String::new();
    push_quoted(&mut line, word);
    line
}

/// Appends `word` quoted so that POSIX shells and fish read it back unchanged.
///
/// Everything stands in single quotes except single quotes and backslashes, which stand in double
/// quotes: fish, unlike POSIX, gives backslashes a meaning within single quotes.
fn push_quoted(line: &mut String, word: &str) {
    if word.is_empty() {
        line.push_str("''");
    }
    let mut rest = word;
    while !rest.is_empty() {
        let plain = rest.find(['\'', '\\']).unwrap_or(rest.len());
        if plain > 0 {
            line.push('\'');
            line.push_str(&rest[..plain]);
            line.push('\'');
        }
        rest = &rest[plain..];
        let special = rest.find(|c| c != '\'' && c != '\\').unwrap_or(rest.len());
        if special > 0 {
            line.push('"');
            line.push_str(&rest[..special].replace('\\', "\\\\"));
            line.push('"');
        }
        rest = &rest[special..];
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::process::Command;

    /// What the script's `$1`… are after a login shell has read the command line.
    fn through(shell: &str, args: &[&str]) -> Vec<String> {
        let line = command_line("printf '%s\\000' \"$@\"", args).unwrap();
        let output = Command::new(shell).arg("-c").arg(line).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        let text = String::from_utf8(output.stdout).unwrap();
        text.split_terminator('\0').map(str::to_owned).collect()
    }

    #[test]
    fn hostile_arguments_arrive_unchanged() {
        let hostile = [
            "",
            " ",
            "-rf",
            "--",
            "; rm -rf /",
            "$(id)",
            "`id`",
            "${HOME}",
            "a\nb\n",
            "it's",
            "''''",
            "\\",
            "\\'",
            "'\\''\\\\",
            "\"double\"",
            "🚀 naïve",
            "*?[a-z]~",
            "!history",
            "a\tb\rc",
            "#not a comment",
            "%s%n",
            "|&;<>(){}",
        ];
        assert_eq!(through("sh", &hostile), hostile);
        // A host's user may have any of these as the login shell.
        for shell in ["bash", "zsh", "fish", "ksh"] {
            if Command::new(shell).args(["-c", ":"]).status().is_ok() {
                assert_eq!(through(shell, &hostile), hostile, "{shell}");
            }
        }
    }

    #[test]
    fn hostile_scripts_are_one_word() {
        let line = command_line("echo 'it'\"'\"'s' \\\\ \"$1\"; exit 3", &["x'y"]).unwrap();
        let output = Command::new("sh").arg("-c").arg(line).output().unwrap();
        assert_eq!(output.status.code(), Some(3));
        assert_eq!(String::from_utf8_lossy(&output.stdout), "it's \\ x'y\n");
    }

    #[test]
    fn what_no_command_line_can_carry_is_refused() {
        let nul = command_line("echo", &["a\0b"]).unwrap_err();
        assert!(nul.message().contains("NUL"), "{nul}");
        let long = "x".repeat(LONGEST);
        let long = command_line("echo", &[long.as_str()]).unwrap_err();
        assert!(long.message().contains("too long"), "{long}");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn any_text_arrives_unchanged(args in prop::collection::vec("[^\0]{0,24}", 1..4)) {
            let args: Vec<&str> = args.iter().map(String::as_str).collect();
            prop_assert_eq!(through("sh", &args), args);
        }
    }
}
