//! The extensions webpods reads: `x-placement`, `x-ingress`, `x-rollout`, `x-artifacts`. Decoded
//! strictly.

use crate::compose::diagnose::{Checked, Problem, fail};
use crate::compose::node::{Node, Value};
use crate::error::near_miss;
use crate::model::{ImageSource, Ingress, Placement, Tls};

/// The extensions of a service that mean something here.
const KNOWN: [&str; 4] = ["x-placement", "x-ingress", "x-rollout", "x-artifacts"];

/// A warning for each extension of a service that is nearly, but not quite, one of ours: others
/// may be anything, and a placement that is never read would go unnoticed.
pub fn misspelt<'a>(
    service: &str,
    keys: impl Iterator<Item = &'a String>,
) -> impl Iterator<Item = String> {
    keys.filter(|key| key.starts_with("x-") && !KNOWN.contains(&key.as_str()))
        .filter_map(move |key| {
            let near = near_miss(key, KNOWN)?;
            Some(format!(
                "services.{service}: `{key}` is not read; did you mean `{near}`?"
            ))
        })
}

/// `x-placement` (spec §8.3).
pub fn placement(service: &str, node: &Node) -> Checked<Placement> {
    let Some(node) = node.get("x-placement") else {
        return Ok(Placement::default());
    };
    let path = format!("services.{service}.x-placement");
    let table = Table::new(
        &path,
        node,
        &["hosts", "strategy", "max_per_host", "min_hosts"],
    )?;
    let hosts = match table.get("hosts") {
        None => None,
        Some(node) => Some(table.texts("hosts", node)?),
    };
    Ok(Placement {
        hosts,
        strategy: table
            .script("strategy")?
            .unwrap_or_else(|| "spread".to_owned()),
        max_per_host: table.count("max_per_host")?,
        min_hosts: table.count("min_hosts")?,
        constraints: Vec::new(),
    })
}

/// `x-ingress` (spec §11.3), one or a list.
pub fn ingress(service: &str, node: &Node) -> Checked<Vec<Ingress>> {
    let path = format!("services.{service}.x-ingress");
    let Some(node) = node.get("x-ingress") else {
        return Ok(Vec::new());
    };
    match node.as_list() {
        Some(items) => items.iter().map(|item| one_ingress(&path, item)).collect(),
        None => Ok(vec![one_ingress(&path, node)?]),
    }
}

fn one_ingress(path: &str, node: &Node) -> Checked<Ingress> {
    let table = Table::new(path, node, &["host", "port", "health_path", "tls"])?;
    let host = table.required("host")?;
    let domain = table.text("host", host)?;
    if !is_domain(&domain) {
        let message = format!("{path}.host: {domain:?} is not a domain");
        return fail(host.at, message);
    }
    let port = table.required("port")?;
    let port = match port.scalar_text().and_then(|text| text.parse::<u16>().ok()) {
        Some(port) if port > 0 => port,
        _ => {
            return fail(
                port.at,
                format!("{path}.port: must be a port of the container"),
            );
        }
    };
    let health_path = match table.get("health_path") {
        None => None,
        Some(node) => {
            let text = table.text("health_path", node)?;
            if !text.starts_with('/') || text.contains(char::is_whitespace) {
                let message = format!("{path}.health_path: must start with `/` and have no spaces");
                return fail(node.at, message);
            }
            Some(text)
        }
    };
    let tls = match table.get("tls") {
        None => None,
        Some(node) => Some(tls(path, node)?),
    };
    Ok(Ingress {
        host: domain,
        port,
        health_path,
        tls,
    })
}

fn tls(path: &str, node: &Node) -> Checked<Tls> {
    let words = ["auto", "internal", "off"];
    let text = match &node.value {
        // `tls: off` is a word to us, and a boolean to some YAML writers.
        Value::Bool(false) => "off",
        Value::Bool(true) => "auto",
        Value::Str(text) => text.as_str(),
        _ => "",
    };
    match text {
        "auto" => Ok(Tls::Auto),
        "internal" => Ok(Tls::Internal),
        "off" => Ok(Tls::Off),
        other => {
            let near = near_miss(other, words)
                .map_or(String::new(), |near| format!("; did you mean `{near}`?"));
            fail(
                node.at,
                format!("{path}.tls: must be `auto`, `internal` or `off`{near}"),
            )
        }
    }
}

/// `x-rollout`: the name of the script, `rolling` by default.
pub fn rollout(service: &str, node: &Node) -> Checked<String> {
    let path = format!("services.{service}.x-rollout");
    let strategy = match node.get("x-rollout") {
        None => None,
        Some(node) => Table::new(&path, node, &["strategy"])?.script("strategy")?,
    };
    Ok(strategy.unwrap_or_else(|| "rolling".to_owned()))
}

/// `x-artifacts`: who brings the image to hosts.
pub fn artifacts(service: &str, node: &Node) -> Checked<Option<ImageSource>> {
    let Some(node) = node.get("x-artifacts") else {
        return Ok(None);
    };
    let path = format!("services.{service}.x-artifacts");
    let table = Table::new(&path, node, &["source"])?;
    let Some(source) = table.get("source") else {
        return Ok(None);
    };
    match table.text("source", source)?.as_str() {
        "client" => Ok(Some(ImageSource::Client)),
        "host" => Ok(Some(ImageSource::Host)),
        other => {
            let near = near_miss(other, ["client", "host"])
                .map_or(String::new(), |near| format!("; did you mean `{near}`?"));
            let message = format!("{path}.source: must be `host` or `client`{near}");
            fail(source.at, message)
        }
    }
}

/// Labels of letters, digits and hyphens between dots; `*.` may lead.
fn is_domain(text: &str) -> bool {
    let text = text.strip_prefix("*.").unwrap_or(text);
    text.len() <= 253
        && text.split('.').all(|label| {
            (1..=63).contains(&label.len())
                && label
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b == b'-')
                && !label.starts_with('-')
                && !label.ends_with('-')
        })
}

/// A mapping with known keys.
struct Table<'a> {
    path: &'a str,
    node: &'a Node,
}

impl<'a> Table<'a> {
    fn new(path: &'a str, node: &'a Node, keys: &[&str]) -> Checked<Self> {
        let Some(map) = node.as_map() else {
            let message = format!("{path}: must be a mapping, not {}", node.kind());
            return fail(node.at, message);
        };
        let mut problems = Vec::new();
        for (key, entry) in map {
            if !keys.contains(&key.as_str()) {
                let near = near_miss(key, keys.iter().copied())
                    .map_or(String::new(), |near| format!("; did you mean `{near}`?"));
                let message = format!("{path}: unknown key `{}`{near}", key.escape_debug());
                problems.push(Problem::new(entry.key_at, message));
            }
        }
        if problems.is_empty() {
            Ok(Self { path, node })
        } else {
            Err(problems)
        }
    }

    fn get(&self, key: &str) -> Option<&'a Node> {
        self.node.get(key).filter(|node| !node.is_null())
    }

    fn required(&self, key: &str) -> Checked<&'a Node> {
        match self.get(key) {
            Some(node) => Ok(node),
            None => fail(self.node.at, format!("{}: `{key}` is missing", self.path)),
        }
    }

    fn text(&self, key: &str, node: &Node) -> Checked<String> {
        let Some(text) = node.as_str() else {
            let message = format!("{}.{key}: must be a string, not {}", self.path, node.kind());
            return fail(node.at, message);
        };
        Ok(text.to_owned())
    }

    fn texts(&self, key: &str, node: &Node) -> Checked<Vec<String>> {
        let Some(items) = node.as_list() else {
            let message = format!("{}.{key}: must be a list, not {}", self.path, node.kind());
            return fail(node.at, message);
        };
        items.iter().map(|item| self.text(key, item)).collect()
    }

    /// The name of a script, which becomes part of a file's path.
    fn script(&self, key: &str) -> Checked<Option<String>> {
        let Some(node) = self.get(key) else {
            return Ok(None);
        };
        let text = self.text(key, node)?;
        let valid = !text.is_empty()
            && text
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'));
        if !valid {
            let message = format!(
                "{}.{key}: {text:?} is not a script's name; use letters, digits, `-` and `_`",
                self.path
            );
            return fail(node.at, message);
        }
        Ok(Some(text))
    }

    /// A whole number from 1.
    fn count(&self, key: &str) -> Checked<Option<u32>> {
        let Some(node) = self.get(key) else {
            return Ok(None);
        };
        match node.scalar_text().and_then(|text| text.parse::<u32>().ok()) {
            Some(count) if count > 0 => Ok(Some(count)),
            _ => fail(
                node.at,
                format!("{}.{key}: must be a whole number from 1", self.path),
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelt_extension_is_named_and_a_foreign_one_is_not() {
        let keys = ["x-placment", "x-ingress", "x-logging", "image"].map(str::to_owned);
        let warnings: Vec<String> = misspelt("web", keys.iter()).collect();
        assert_eq!(
            warnings,
            ["services.web: `x-placment` is not read; did you mean `x-placement`?"]
        );
    }
}
