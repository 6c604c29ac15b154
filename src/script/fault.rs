//! Errors on their way through Lua: ours come out as they went in, Lua's get script and line.

use crate::error::{Error, near_miss};

/// Wraps an error of ours so that it survives Lua, `pcall` included.
pub(crate) fn external(error: Error) -> mlua::Error {
    mlua::Error::external(error)
}

/// The error for a person. `place` names the script (and line) that was called, for errors in
/// which Lua leaves no trace of its own.
pub(crate) fn explain(error: &mlua::Error, place: &str) -> Error {
    if let Some(ours) = error.downcast_ref::<Error>() {
        return match caller(error) {
            Some(caller) => ours.clone().cause(format!("called from `{caller}`")),
            None => ours.clone(),
        };
    }
    let root = root(error);
    let (at, reason) = match root {
        mlua::Error::RuntimeError(text) | mlua::Error::SyntaxError { message: text, .. } => {
            located(text)
        }
        mlua::Error::MemoryError(_) => {
            return Error::user(format!(
                "the script at `{place}` used more than {} MiB of memory and was stopped",
                super::limits::MEMORY >> 20
            ))
            .hint("`webpods script ls` shows where each script comes from");
        }
        mlua::Error::DeserializeError(text) | mlua::Error::SerializeError(text) => {
            (None, readable(text))
        }
        other => (None, first_line(&other.to_string())),
    };
    let at = at
        .or_else(|| first_frame(error))
        .unwrap_or_else(|| place.to_owned());
    Error::user(format!("the script at `{at}` failed"))
        .cause(reason)
        .hint("`webpods script ls` shows where each script comes from")
}

/// serde's words in ours: an unknown field gets its near miss.
pub(crate) fn readable(text: &str) -> String {
    let text = text.strip_prefix("deserialize error: ").unwrap_or(text);
    let Some(rest) = text.strip_prefix("unknown field `") else {
        return first_line(text);
    };
    let Some((wrong, expected)) = rest.split_once('`') else {
        return first_line(text);
    };
    let known: Vec<&str> = expected.split('`').skip(1).step_by(2).collect();
    match near_miss(wrong, known.iter().copied()) {
        Some(near) => format!("unknown field `{wrong}`; did you mean `{near}`?"),
        None if known.is_empty() => format!("unknown field `{wrong}`"),
        None => format!(
            "unknown field `{wrong}`; known are `{}`",
            known.join("`, `")
        ),
    }
}

fn root(error: &mlua::Error) -> &mlua::Error {
    match error {
        mlua::Error::CallbackError { cause, .. }
        | mlua::Error::BadArgument { cause, .. }
        | mlua::Error::WithContext { cause, .. } => match &**cause {
            // A wrong argument says most itself: position and type.
            inner @ mlua::Error::FromLuaConversionError { .. }
                if matches!(error, mlua::Error::BadArgument { .. }) =>
            {
                let _ = inner;
                error
            }
            inner => root(inner),
        },
        other => other,
    }
}

/// The project's own script that called a primitive of ours; built-ins need not be named.
fn caller(error: &mlua::Error) -> Option<String> {
    frames(error)
        .into_iter()
        .find(|frame| frame.starts_with(".webpods/"))
}

fn first_frame(error: &mlua::Error) -> Option<String> {
    frames(error).into_iter().next()
}

/// `script:line` of every Lua frame in the traceback, innermost first.
fn frames(error: &mlua::Error) -> Vec<String> {
    let mlua::Error::CallbackError { traceback, .. } = error else {
        return Vec::new();
    };
    traceback
        .lines()
        .filter_map(|line| {
            let line = line.trim();
            let (name, rest) = line.split_once(".lua:")?;
            let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
            (!digits.is_empty() && !name.contains(' ')).then(|| format!("{name}.lua:{digits}"))
        })
        .collect()
}

/// Takes `script:line: reason` apart and drops the stack trace below it.
fn located(text: &str) -> (Option<String>, String) {
    let text = text.strip_prefix("runtime error: ").unwrap_or(text);
    if let Some((name, rest)) = text.split_once(".lua:") {
        let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
        if let Some(reason) = rest[digits.len()..].strip_prefix(": ")
            && !digits.is_empty()
            && !name.contains('\n')
        {
            return (Some(format!("{name}.lua:{digits}")), first_line(reason));
        }
    }
    (None, first_line(text))
}

fn first_line(text: &str) -> String {
    let end = text.find("\nstack traceback:").unwrap_or(text.len());
    text[..end].trim_end().to_owned()
}
