//! `host:read`, `host:write` and `host:remove`: one script on the host per call, however many files.

use mlua::Table;

use super::options;
use crate::error::{Error, Result};
use crate::remote::Host;
use crate::script::decider::check_path;
use crate::script::fault::external;

/// Exit status of the reading script for a file that is not there.
const ABSENT: i32 = 44;

/// A file to write.
pub(super) struct WrittenFile {
    path: String,
    mode: u32,
    content: Vec<u8>,
}

/// An element of `host:write`'s list.
pub(super) fn written(table: &Table) -> mlua::Result<WrittenFile> {
    options::known(table, "host:write", &["path", "content", "mode"])?;
    let path: String = table.get("path")?;
    check_path(&path).map_err(|reason| external(Error::user(reason)))?;
    let mode = table.get::<Option<u32>>("mode")?.unwrap_or(0o644);
    if mode > 0o7777 {
        return Err(external(Error::user(format!(
            "the mode {mode} of `{path}` is not a file mode; write it like `tonumber(\"644\", 8)`"
        ))));
    }
    let content: mlua::LuaString = table.get("content")?;
    Ok(WrittenFile {
        path,
        mode,
        content: content.as_bytes().to_vec(),
    })
}

pub(super) async fn read(host: &Host, path: &str) -> Result<Option<Vec<u8>>> {
    let script = format!("[ -e \"$1\" ] || exit {ABSENT}; exec cat -- \"$1\"");
    let output = host.sh(&script, &[path]).await?;
    if output.status == ABSENT {
        return Ok(None);
    }
    Ok(Some(output.ok(&format!("read `{path}`"))?.stdout))
}

/// Every file under a temporary name next to its place, then renamed: a reader sees the old file
/// or the new one and never a part.
pub(super) async fn write(host: &Host, files: Vec<WrittenFile>) -> Result<()> {
    const SCRIPT: &str = r#"set -eu
umask 022
for path; do
    mode=${path%%:*} size=${path#*:} path=${size#*:} size=${size%%:*}
    mkdir -p -- "${path%/*}"
    rm -f -- "$path.webpods"
    (umask 077; : >"$path.webpods")
    [ "$size" = 0 ] || dd bs="$size" count=1 iflag=fullblock >"$path.webpods" 2>/dev/null
    [ "$(wc -c <"$path.webpods")" -eq "$size" ] || { echo "the content of $path was cut short" >&2; exit 1; }
    chmod -- "$mode" "$path.webpods"
    mv -f -- "$path.webpods" "$path"
done
"#;
    let mut input = Vec::new();
    let mut arguments = Vec::with_capacity(files.len());
    for file in files {
        arguments.push(format!(
            "{:o}:{}:{}",
            file.mode,
            file.content.len(),
            file.path
        ));
        input.extend_from_slice(&file.content);
    }
    if arguments.is_empty() {
        return Ok(());
    }
    let shown = arguments.len();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    host.sh_with_input(SCRIPT, &arguments, &input)
        .await?
        .ok(&format!("write {shown} file(s)"))
        .map(drop)
}

pub(super) async fn remove(host: &Host, paths: &[String]) -> Result<()> {
    if paths.is_empty() {
        return Ok(());
    }
    let arguments: Vec<&str> = paths.iter().map(String::as_str).collect();
    host.sh("exec rm -rf -- \"$@\"", &arguments)
        .await?
        .ok("remove files")
        .map(drop)
}
