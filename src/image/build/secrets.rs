//! What a build must be given and nobody may see: secret arguments and `build.secrets`.
//!
//! Values travel in docker's environment, where no list of processes shows them.

use std::path::Path;

use crate::error::{Error, Result};
use crate::model::{Build, BuildSecret, SecretSource, ServiceName, is_secret_name};

/// Shorter texts would blot out half of the output and are no secrets.
const SHORTEST: usize = 4;
/// BuildKit takes no larger secrets, in bytes.
const LARGEST: u64 = 500 << 10;

/// The variable of docker's environment that holds the content of secret `number`.
fn variable(number: usize) -> String {
    format!("WEBPODS_BUILD_SECRET_{number}")
}

/// The value of one `--secret`.
pub(super) fn argument(number: usize, secret: &BuildSecret) -> String {
    match &secret.source {
        SecretSource::File(path) => {
            fields(&[("id", &secret.id), ("src", &path.display().to_string())])
        }
        _ => fields(&[("id", &secret.id), ("env", &variable(number))]),
    }
}

/// `a=b,c=d`, as buildx reads it: comma-separated values, quoted where needed.
pub(super) fn fields(pairs: &[(&str, &str)]) -> String {
    let quoted = pairs.iter().map(|(key, value)| {
        let field = format!("{key}={value}");
        if field.contains(['"', ',', '\n', '\r']) {
            format!("\"{}\"", field.replace('"', "\"\""))
        } else {
            field
        }
    });
    quoted.collect::<Vec<_>>().join(",")
}

/// What docker's environment gets.
pub(super) fn environment(build: &Build) -> Vec<(String, String)> {
    let arguments = build
        .args
        .iter()
        .filter(|(name, _)| is_secret(name))
        .filter_map(|(name, value)| Some((name.clone(), value.clone()?)));
    let secrets = build.secrets.iter().enumerate();
    let secrets = secrets.filter_map(|(number, secret)| {
        let value = match &secret.source {
            SecretSource::Variable(_, value) => value.as_ref()?,
            SecretSource::Content(text) => text,
            SecretSource::File(_) => return None,
        };
        Some((variable(number), value.reveal().to_owned()))
    });
    arguments.chain(secrets).collect()
}

/// Makes sure that every secret can be given.
///
/// # Errors
/// A variable is not set, a file cannot be read or is too large.
pub(super) fn check(service: &ServiceName, build: &Build) -> Result<()> {
    for secret in &build.secrets {
        let wrong = |why: String| {
            Error::user(format!(
                "build secret `{}` of service `{service}` cannot be given: {why}",
                secret.id
            ))
        };
        match &secret.source {
            SecretSource::Variable(name, None) => {
                return Err(wrong(format!("the variable `{name}` is not set"))
                    .hint(format!("set `{name}`, in the environment or in `.env`")));
            }
            SecretSource::Variable(_, Some(text)) | SecretSource::Content(text)
                if text.reveal().contains('\0') =>
            {
                return Err(wrong("it contains a NUL byte; use a file".to_owned()));
            }
            SecretSource::File(path) => {
                let shown = path.display();
                let found = std::fs::File::open(path).and_then(|file| file.metadata());
                let found = found
                    .map_err(|error| wrong(format!("`{shown}` cannot be read")).cause(error))?;
                if !found.is_file() {
                    return Err(wrong(format!("`{shown}` is not a file")));
                }
                if found.len() > LARGEST {
                    let why = format!("`{shown}` is bigger than 500 KiB, BuildKit's limit");
                    return Err(wrong(why));
                }
            }
            _ => {}
        }
    }
    Ok(())
}

/// Texts that must not be shown when the build prints them, the longest first.
pub(super) fn hidden(build: &Build) -> Vec<String> {
    let from_environment = |name: &String| std::env::var(name).ok();
    let arguments = build
        .args
        .iter()
        .filter(|(name, _)| is_secret(name))
        .filter_map(|(name, value)| value.clone().or_else(|| from_environment(name)));
    let secrets = build.secrets.iter().filter_map(|secret| {
        Some(match &secret.source {
            SecretSource::Variable(_, value) => value.as_ref()?.reveal().to_owned(),
            SecretSource::Content(text) => text.reveal().to_owned(),
            SecretSource::File(path) => read(path)?,
        })
    });
    let mut hidden: Vec<String> = arguments
        .chain(secrets)
        // Output comes line by line.
        .flat_map(|text| {
            text.lines()
                .map(|line| line.trim().to_owned())
                .collect::<Vec<_>>()
        })
        .filter(|line| line.len() >= SHORTEST)
        .collect();
    hidden.sort_by(|a, b| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
    hidden.dedup();
    hidden
}

fn read(path: &Path) -> Option<String> {
    let bytes = std::fs::read(path).ok()?;
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

/// Whether an argument's name says that its value is a secret.
pub(super) fn is_secret(name: &str) -> bool {
    // Docker's own variables are settings; in its environment they would mean something else.
    if name.starts_with("DOCKER_") || name.starts_with("BUILDX_") || name.starts_with("BUILDKIT_") {
        return false;
    }
    is_secret_name(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn build(secrets: Vec<SecretSource>) -> Build {
        let secrets = secrets.into_iter().enumerate();
        Build {
            secrets: secrets
                .map(|(number, source)| BuildSecret {
                    id: format!("s{number}"),
                    source,
                })
                .collect(),
            ..Build::default()
        }
    }

    fn text(text: &str) -> crate::model::Concealed {
        text.to_owned().into()
    }

    #[test]
    fn values_are_in_the_environment_and_not_among_the_arguments() {
        let build = build(vec![
            SecretSource::Variable("TOKEN".into(), Some(text("hunter2"))),
            SecretSource::File("/a,\"b\"".into()),
            SecretSource::Content(text("two\nlines")),
        ]);
        let arguments: Vec<_> = build
            .secrets
            .iter()
            .enumerate()
            .map(|(n, s)| argument(n, s))
            .collect();
        assert_eq!(
            arguments,
            [
                "id=s0,env=WEBPODS_BUILD_SECRET_0",
                "id=s1,\"src=/a,\"\"b\"\"\"",
                "id=s2,env=WEBPODS_BUILD_SECRET_2",
            ]
        );
        assert_eq!(
            environment(&build),
            [
                ("WEBPODS_BUILD_SECRET_0".to_owned(), "hunter2".to_owned()),
                ("WEBPODS_BUILD_SECRET_2".to_owned(), "two\nlines".to_owned()),
            ]
        );
    }

    #[test]
    fn all_that_is_secret_is_hidden_line_by_line() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "-- key --\nabcdef\nx\n").unwrap();
        let mut build = build(vec![
            SecretSource::File(file.path().to_owned()),
            SecretSource::Variable("T".into(), Some(text("abcdef"))),
        ]);
        build.args.insert("NPM_TOKEN".into(), Some("npm-1".into()));
        build.args.insert("VERSION".into(), Some("1.2.3".into()));
        assert_eq!(hidden(&build), ["-- key --", "abcdef", "npm-1"]);
    }

    #[test]
    fn what_cannot_be_given_is_named_before_the_build() {
        let service = "web".parse().unwrap();
        let refusal = |source| check(&service, &build(vec![source])).unwrap_err();
        let unset = refusal(SecretSource::Variable("TOKEN".into(), None));
        assert!(unset.message().contains("`TOKEN` is not set"), "{unset}");
        let gone = refusal(SecretSource::File("/nonexistent/key".into()));
        assert!(gone.message().contains("`/nonexistent/key`"), "{gone}");
        let folder = refusal(SecretSource::File("/".into()));
        assert!(folder.message().contains("is not a file"), "{folder}");
        let nul = refusal(SecretSource::Content(text("a\0b")));
        assert!(nul.message().contains("NUL"), "{nul}");
        let large = tempfile::NamedTempFile::new().unwrap();
        large.as_file().set_len(LARGEST + 1).unwrap();
        let large = refusal(SecretSource::File(large.path().to_owned()));
        assert!(large.message().contains("500 KiB"), "{large}");
    }
}
