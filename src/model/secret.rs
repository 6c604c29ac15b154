//! Which names say that what they name is a secret.

/// Parts of a name that say so wherever they stand.
const WORDS: [&str; 8] = [
    "PASSWORD",
    "PASSWD",
    "PASSPHRASE",
    "SECRET",
    "TOKEN",
    "CREDENTIAL",
    "APIKEY",
    "API_KEY",
];
/// Those that say so between underscores.
const PARTS: [&str; 4] = ["PASS", "PWD", "PW", "PSK"];

/// Whether a variable or build argument of this name holds a secret.
#[must_use]
pub fn is_secret_name(name: &str) -> bool {
    let upper = name.to_uppercase();
    // The folder that a shell is in.
    if upper == "PWD" {
        return false;
    }
    WORDS.iter().any(|word| upper.contains(word))
        || upper.ends_with("_KEY")
        || upper.split('_').any(|part| PARTS.contains(&part))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_say_so_are_secrets() {
        for name in [
            "DB_PASSWORD",
            "MYSQL_PWD",
            "PW",
            "db_pass",
            "PASS_1",
            "SSH_KEY",
            "githubToken",
            "CLIENT_SECRET_V2",
            "AWS_SECRET_ACCESS_KEY",
        ] {
            assert!(is_secret_name(name), "{name}");
        }
        for name in [
            "PWD",
            "OLDPWD",
            "PASSENGERS",
            "KEYBOARD",
            "COMPASS",
            "PORT",
            "BYPASS_URL",
        ] {
            assert!(!is_secret_name(name), "{name}");
        }
    }
}
