//! The private folder that holds control sockets and forwarded sockets.

use std::env;
use std::fs::{self, DirBuilder};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

use crate::error::{Error, Explain, Result};

/// The longest path of the folder. A Unix socket's path holds 104 bytes on some systems; ssh binds
/// to `<folder>/<16 digits>.<16 random characters>` before it renames.
const LONGEST: usize = 64;

/// The folder of this user, made when it is missing.
///
/// `$XDG_RUNTIME_DIR/webpods`, else `~/.cache/webpods/ssh`, else, when both are missing or too long
/// for a socket's path, `/tmp/webpods-<uid>`.
///
/// # Errors
/// The folder cannot be made, or belongs to somebody else.
pub fn private() -> Result<PathBuf> {
    let uid = rustix::process::getuid().as_raw();
    let absolute = |name: &str| {
        env::var_os(name)
            .map(PathBuf::from)
            .filter(|path| path.is_absolute())
    };
    let candidates = [
        absolute("XDG_RUNTIME_DIR")
            .filter(|path| owner(path) == Some(uid))
            .map(|path| path.join("webpods")),
        absolute("XDG_CACHE_HOME")
            .or_else(|| absolute("HOME").map(|home| home.join(".cache")))
            .map(|path| path.join("webpods/ssh")),
    ];
    candidates
        .into_iter()
        .flatten()
        .filter(|path| path.as_os_str().as_bytes().len() <= LONGEST)
        .find_map(|path| ensure(&path, uid).ok().map(|()| path))
        .map_or_else(
            || {
                let path = PathBuf::from(format!("/tmp/webpods-{uid}"));
                ensure(&path, uid).map(|()| path)
            },
            Ok,
        )
}

fn owner(path: &Path) -> Option<u32> {
    fs::metadata(path).ok().map(|found| found.uid())
}

/// Makes the folder, or checks that nobody else can reach into the one that is there.
fn ensure(path: &Path, uid: u32) -> Result<()> {
    let what = || format!("cannot use `{}` for ssh's control sockets", path.display());
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent).explain(what)?;
    }
    match DirBuilder::new().mode(0o700).create(path) {
        Ok(()) => {}
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
        Err(error) => return Err(Error::user(what()).cause(error)),
    }
    // Not following links: in /tmp anybody could have put one there.
    let found = fs::symlink_metadata(path).explain(what)?;
    if !found.is_dir() || found.uid() != uid || found.mode() & 0o077 != 0 {
        return Err(Error::user(what())
            .cause("it is not a folder that only you can enter")
            .hint(format!("remove it, or run `chmod 700 {}`", path.display())));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::{PermissionsExt, symlink};

    #[test]
    fn a_folder_others_can_enter_is_refused() {
        let base = tempfile::tempdir().unwrap();
        let uid = rustix::process::getuid().as_raw();
        let path = base.path().join("deep/er");
        ensure(&path, uid).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o700);
        ensure(&path, uid).unwrap();

        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        assert!(ensure(&path, uid).is_err());
        fs::set_permissions(&path, fs::Permissions::from_mode(0o700)).unwrap();
        assert!(ensure(&path, uid + 1).is_err());

        let link = base.path().join("link");
        symlink(&path, &link).unwrap();
        assert!(ensure(&link, uid).is_err());
        let file = base.path().join("file");
        fs::write(&file, "").unwrap();
        assert!(ensure(&file, uid).is_err());
    }
}
