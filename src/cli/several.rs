//! Failures of several hosts as one.

use std::collections::BTreeSet;

use crate::error::{Error, Kind, Result};

/// No error, the only one, or one that names them all. `what` reads like `hosts were not set up`.
pub(super) fn together(mut failed: Vec<Error>, what: &str) -> Result<()> {
    if failed.len() < 2 {
        return failed.pop().map_or(Ok(()), Err);
    }
    let unreachable = failed.iter().all(|it| it.kind() == Kind::Unreachable);
    let kind = if unreachable {
        Kind::Unreachable
    } else {
        failed[0].kind()
    };
    let all = Error::new(kind, format!("{} {what}", failed.len()));
    let all = failed.iter().fold(all, Error::cause);
    let hints: BTreeSet<&String> = failed.iter().flat_map(Error::hints).collect();
    Err(hints.into_iter().fold(all, Error::hint))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_failure_stays_itself_and_several_are_all_named() {
        assert!(together(Vec::new(), "hosts failed").is_ok());
        let one = together(vec![Error::user("a")], "hosts failed").unwrap_err();
        assert_eq!(one.message(), "a");
        let hint = "the same";
        let failed = vec![
            Error::unreachable("a").hint(hint),
            Error::unreachable("b").hint(hint),
        ];
        let all = together(failed, "hosts failed").unwrap_err();
        assert_eq!(all.to_string(), "2 hosts failed: a: b");
        assert_eq!(
            (all.hints(), all.kind()),
            (&["the same".to_owned()][..], Kind::Unreachable)
        );
    }
}
