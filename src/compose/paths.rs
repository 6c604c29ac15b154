//! Relative paths to absolute ones, and the small path arithmetic Compose uses.

use std::path::{Path as FsPath, PathBuf};

use super::node::{Node, Value};
use super::path::Path;

/// Where relative paths start and `~` points.
#[derive(Debug, Clone)]
pub struct Base<'a> {
    /// The folder of the file or the project.
    pub folder: &'a FsPath,
    /// `$HOME`.
    pub home: Option<&'a str>,
}

/// Makes every path of `document` absolute.
pub fn resolve(document: &mut Node, base: &Base<'_>) {
    visit(document, &Path::ROOT, base);
}

fn visit(node: &mut Node, path: &Path<'_>, base: &Base<'_>) {
    match path.with(rule) {
        Rule::None => {}
        Rule::File => return string(node, |text| base.absolute(text)),
        Rule::Perhaps => {
            return string(node, |text| {
                if text.is_empty() {
                    String::new()
                } else {
                    base.absolute(text)
                }
            });
        }
        Rule::Context => {
            return string(node, |text| {
                if text.is_empty() || is_remote(text) {
                    text.to_owned()
                } else {
                    base.absolute(text)
                }
            });
        }
        Rule::Extends => {
            return string(node, |text| base.absolute(text));
        }
        Rule::Volume => return volume(node, base),
        Rule::DriverOpts => return driver_opts(node, base),
        Rule::Ssh => return ssh(node, base),
    }
    match &mut node.value {
        Value::Map(map) => {
            for (key, entry) in map.iter_mut() {
                visit(&mut entry.node, &path.key(key), base);
            }
        }
        Value::List(items) => {
            for item in items {
                visit(item, &path.item(), base);
            }
        }
        _ => {}
    }
}

enum Rule {
    None,
    /// Empty stands for the folder.
    File,
    /// Empty stands for nothing.
    Perhaps,
    Context,
    Extends,
    Volume,
    DriverOpts,
    Ssh,
}

fn rule(path: &[&str]) -> Rule {
    match path {
        ["services", _, rest @ ..] => match rest {
            ["build", "context"] | ["build", "additional_contexts", _] => Rule::Context,
            ["build", "ssh"] => Rule::Ssh,
            ["env_file", _, "path"] | ["label_file", _] | ["develop", "watch", _, "path"] => {
                Rule::Perhaps
            }
            ["extends", "file"] => Rule::Extends,
            ["volumes", _] => Rule::Volume,
            _ => Rule::None,
        },
        ["configs" | "secrets", _, "file"] => Rule::File,
        ["volumes", _] => Rule::DriverOpts,
        _ => Rule::None,
    }
}

fn string(node: &mut Node, change: impl FnOnce(&str) -> String) {
    if let Value::Str(text) = &mut node.value {
        *text = change(text).into();
    }
}

fn volume(node: &mut Node, base: &Base<'_>) {
    if node.get("type").and_then(Node::as_str) == Some("bind")
        && let Some(source) = node.get_mut("source")
    {
        string(source, |text| {
            if is_windows(text) {
                text.to_owned()
            } else {
                base.absolute(text)
            }
        });
    }
}

/// A `local` volume with the option `o: bind` is a bind mount in disguise.
fn driver_opts(node: &mut Node, base: &Base<'_>) {
    let driver = node.get("driver").and_then(Node::as_str);
    if driver != Some("local") {
        return;
    }
    let bind = node
        .find(&["driver_opts", "o"])
        .and_then(Node::as_str)
        .is_some_and(|options| options == "bind");
    if bind
        && let Some(device) = node
            .get_mut("driver_opts")
            .and_then(|options| options.get_mut("device"))
    {
        string(device, |text| base.absolute(text));
    }
}

fn ssh(node: &mut Node, base: &Base<'_>) {
    match &mut node.value {
        Value::Map(map) => {
            for entry in map.values_mut() {
                string(&mut entry.node, |text| base.absolute(text));
            }
        }
        Value::List(items) => {
            for item in items {
                string(item, |text| match text.split_once('=') {
                    Some((id, path)) => format!("{id}={}", base.absolute(path)),
                    None => text.to_owned(),
                });
            }
        }
        _ => {}
    }
}

impl Base<'_> {
    /// `text` as an absolute path without `.` and `..`.
    pub fn absolute(&self, text: &str) -> String {
        if let Some(rest) = text.strip_prefix('~')
            && let Some(home) = self.home
        {
            return clean(&format!("{home}/{rest}"));
        }
        if text.starts_with('/') {
            return text.to_owned();
        }
        clean(&format!("{}/{text}", self.folder.display()))
    }

    /// The same as a path.
    pub fn path(&self, text: &str) -> PathBuf {
        PathBuf::from(self.absolute(text))
    }
}

/// `to` as seen from `from`, both absolute and clean.
pub fn relative(from: &FsPath, to: &FsPath) -> PathBuf {
    let mut ours = from.components().peekable();
    let mut theirs = to.components().peekable();
    while ours.peek().is_some() && ours.peek() == theirs.peek() {
        ours.next();
        theirs.next();
    }
    let up = ours.map(|_| std::path::Component::ParentDir);
    let path: PathBuf = up.chain(theirs).collect();
    if path.as_os_str().is_empty() {
        return PathBuf::from(".");
    }
    path
}

/// A path without `.`, `..` and repeated slashes, by its letters alone.
pub fn clean(path: &str) -> String {
    let rooted = path.starts_with('/');
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => match parts.last() {
                Some(&last) if last != ".." => {
                    parts.pop();
                }
                _ if rooted => {}
                _ => parts.push(".."),
            },
            part => parts.push(part),
        }
    }
    let joined = parts.join("/");
    match (rooted, joined.is_empty()) {
        (true, _) => format!("/{joined}"),
        (false, true) => ".".to_owned(),
        (false, false) => joined,
    }
}

/// A build context that is not a folder: a URL, a git remote, an image, another service.
pub fn is_remote(context: &str) -> bool {
    [
        "https://",
        "http://",
        "git://",
        "ssh://",
        "github.com/",
        "git@",
    ]
    .iter()
    .any(|prefix| context.starts_with(prefix))
        || context.contains("://")
        || context.starts_with("service:")
        || context == "-"
}

fn is_windows(path: &str) -> bool {
    let bytes = path.as_bytes();
    path.starts_with("\\\\")
        || matches!(bytes, [drive, b':', b'\\' | b'/', ..] if drive.is_ascii_alphabetic())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cleaning() {
        for (path, wanted) in [
            ("/a/../b/./c//d/", "/b/c/d"),
            ("/..", "/"),
            ("a/../..", ".."),
            ("", "."),
            ("./x", "x"),
        ] {
            assert_eq!(clean(path), wanted, "{path}");
        }
    }
}
