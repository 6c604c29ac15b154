//! Failures for people and for programs.

use serde_json::{Value, json};

use super::clean;
use super::paint::Paint;
use crate::error::Error;

/// `error: what`, then `  because why` and `  try: what next` lines.
pub(super) fn text(error: &Error, paint: Paint) -> String {
    let mut lines = vec![format!(
        "{} {}",
        paint.red("error:"),
        clean(error.message())
    )];
    for cause in error.causes() {
        lines.push(format!("  {} {}", paint.dim("because"), indent(cause)));
    }
    for hint in error.hints() {
        lines.push(format!("  {} {}", paint.cyan("try:"), indent(hint)));
    }
    lines.join("\n")
}

/// Further lines of a cause stand below its first one.
fn indent(text: &str) -> String {
    clean(text).trim_end().replace('\n', "\n    ")
}

pub(super) fn json(error: &Error) -> Value {
    json!({
        "event": "error",
        "message": error.message(),
        "causes": error.causes(),
        "hints": error.hints(),
        "exit_code": error.kind().exit_code(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_says_what_why_and_what_next() {
        let error = Error::user("host `web1` is not in context `staging`")
            .cause("it has: `web-1`\n`web-2`\u{1b}[2J")
            .hint("did you mean `web-1`?");
        assert_eq!(
            text(&error, Paint::new(false)),
            "error: host `web1` is not in context `staging`\n\
             \x20 because it has: `web-1`\n\
             \x20   `web-2`[2J\n\
             \x20 try: did you mean `web-1`?"
        );
        assert_eq!(json(&error)["exit_code"], 1);
    }
}
