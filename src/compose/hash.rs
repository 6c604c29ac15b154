//! Docker Compose's digest of a service, which it writes on containers as a label.

use std::fmt::Write as _;

use serde_json::{Map, Value as Json};

use super::render;
use crate::model::Digest;

/// Keys of a service that do not change its containers.
const LEFT_OUT: [&str; 5] = ["build", "pull_policy", "scale", "depends_on", "profiles"];

/// sha256 over the service as it is printed, written the way Go writes JSON. `platform` is what
/// `DOCKER_DEFAULT_PLATFORM` says.
pub fn service(service: &Map<String, Json>, platform: Option<&str>) -> String {
    let kept = |key: &str| !LEFT_OUT.contains(&key);
    let mut hashed: Map<String, Json> = service
        .iter()
        .filter(|(key, _)| kept(key))
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect();
    if let Some(platform) = platform.filter(|platform| !platform.is_empty())
        && service.contains_key("build")
        && !service.contains_key("platform")
    {
        hashed = with_platform(hashed, platform);
    }
    if let Some(Json::Object(deploy)) = hashed.get_mut("deploy") {
        deploy.shift_remove("replicas");
    }
    if let Some(Json::Array(files)) = hashed.get_mut("env_file") {
        files.iter_mut().for_each(short_env_file);
    }
    let text = escaped(Json::Object(hashed).to_string());
    Digest::of(text.as_bytes()).hex().to_owned()
}

/// A required env file is its path and nothing else.
fn short_env_file(file: &mut Json) {
    if file["required"] == Json::Bool(true) {
        *file = file["path"].take();
    }
}

/// A service with `platform:` where the order of keys has it: before the first of those that follow.
fn with_platform(service: Map<String, Json>, platform: &str) -> Map<String, Json> {
    let mut entries = Vec::with_capacity(service.len() + 1);
    let mut later = Vec::new();
    for (key, value) in service {
        if render::follows(&key, "platform") {
            later.push((key, value));
        } else {
            entries.push((key, value));
        }
    }
    entries.push(("platform".to_owned(), Json::from(platform)));
    entries.into_iter().chain(later).collect()
}

/// JSON text with the characters escaped that Go's encoder escapes. None of them can stand outside
/// of a string.
pub fn escaped(text: String) -> String {
    let special = ['<', '>', '&', '\u{2028}', '\u{2029}'];
    if !text.contains(special) {
        return text;
    }
    let mut out = String::with_capacity(text.len() + 64);
    for c in text.chars() {
        if special.contains(&c) {
            // Writing to a String cannot fail.
            let _ = write!(out, "\\u{:04x}", u32::from(c));
        } else {
            out.push(c);
        }
    }
    out
}
