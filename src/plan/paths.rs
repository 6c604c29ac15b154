//! Where a project's state and files are on hosts (spec §20.1). The one place that knows.

use crate::model::{Digest, StackKey};

/// The folder of all state on a host.
pub const STATE_ROOT: &str = "/var/lib/webpods/state";

/// The folder of one project's state.
#[must_use]
pub fn state_dir(key: &StackKey) -> String {
    format!("{STATE_ROOT}/{}/{}", key.context, key.project)
}

/// The state itself: releases, active release, ports.
#[must_use]
pub fn state_file(key: &StackKey) -> String {
    format!("{}/state.json", state_dir(key))
}

/// The folder of files that containers mount.
#[must_use]
pub fn files_dir(key: &StackKey) -> String {
    format!("{}/files", state_dir(key))
}

/// A file or folder that containers mount, named after its content.
#[must_use]
pub fn file(key: &StackKey, content: &Digest) -> String {
    format!("{}/{}", files_dir(key), content.hex())
}

/// A config or secret: the same content with other permissions is another file.
#[must_use]
pub fn owned_file(
    key: &StackKey,
    content: &Digest,
    mode: u32,
    uid: Option<u32>,
    gid: Option<u32>,
) -> String {
    let mut path = format!("{}-{mode:04o}", file(key, content));
    if uid.is_some() || gid.is_some() {
        let id = |id: Option<u32>| id.map_or_else(|| "x".to_owned(), |id| id.to_string());
        path = format!("{path}-{}-{}", id(uid), id(gid));
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_below_the_project_and_name_the_content() {
        let key = StackKey {
            context: "lab".parse().unwrap(),
            project: "shop".parse().unwrap(),
        };
        let content = Digest::of(b"");
        let hex = content.hex();
        assert_eq!(
            state_file(&key),
            "/var/lib/webpods/state/lab/shop/state.json"
        );
        assert_eq!(
            owned_file(&key, &content, 0o400, Some(70), None),
            format!("/var/lib/webpods/state/lab/shop/files/{hex}-0400-70-x")
        );
        assert_ne!(
            owned_file(&key, &content, 0o444, None, None),
            owned_file(&key, &content, 0o400, None, None)
        );
    }
}
