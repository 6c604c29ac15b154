//! The file that images are written into. It is tried before anything is built or pulled, and has
//! its name only when it is complete.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use tempfile::{NamedTempFile, TempPath};

use crate::error::{Error, Result};

/// How far links may lead to links.
const LONGEST_CHAIN: usize = 40;

/// A file that is being written beside the place that it will have. Dropped, it is gone, and what
/// was there before is as it was.
#[derive(Debug)]
pub struct Outlet {
    /// As the user wrote it.
    shown: PathBuf,
    /// Where links lead to.
    place: PathBuf,
    written: TempPath,
    file: File,
}

/// What is left to do when everything is written.
#[derive(Debug)]
pub(super) struct Unfinished {
    shown: PathBuf,
    place: PathBuf,
    written: TempPath,
}

impl Outlet {
    /// Makes sure that a file can be written there. A link stays, and the file that it names is
    /// written.
    ///
    /// # Errors
    /// There is something else than a file, such as a folder or a pipe; the folder is missing or
    /// may not be written.
    pub fn open(path: &Path) -> Result<Self> {
        let shown = path.display();
        if path == Path::new("-") {
            return Err(Error::user(
                "`--to -` names no file: an archive is not written to standard output",
            )
            .hint("name a file: `--to images.tar`")
            .hint("for a file of that name: `--to ./-`"));
        }
        match fs::metadata(path) {
            Ok(found) if found.is_dir() => {
                return Err(Error::user(format!("`{shown}` is a folder"))
                    .hint(format!("name a file in it: `--to {shown}/images.tar`")));
            }
            Ok(found) if !found.is_file() => {
                return Err(Error::user(format!(
                    "`{shown}` is no regular file, and an archive replaces what is there"
                ))
                .hint("name a regular file: `--to images.tar`"));
            }
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(unwritable(path, error.kind()));
            }
            _ => {}
        }
        let place = followed(path);
        let folder = match place.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        };
        if !folder.exists() {
            let folder = folder.display();
            return Err(Error::user(format!(
                "`{shown}` cannot be written: there is no folder `{folder}`"
            ))
            .hint(format!("make it first: `mkdir -p {folder}`")));
        }
        // The name of the file that is tried with is nobody's concern.
        let tried = NamedTempFile::new_in(folder);
        let (file, written) = tried
            .map_err(|error| unwritable(path, error.kind()))?
            .into_parts();
        Ok(Self {
            shown: path.to_owned(),
            place,
            written,
            file,
        })
    }

    /// The file to write into, and the rest.
    pub(super) fn into_parts(self) -> (File, Unfinished) {
        let unfinished = Unfinished {
            shown: self.shown,
            place: self.place,
            written: self.written,
        };
        (self.file, unfinished)
    }
}

impl Unfinished {
    /// Gives the file its name.
    pub(super) fn complete(self) -> Result<()> {
        // As any file of the user's, where the temporary one is for nobody else.
        let readable = fs::Permissions::from_mode(0o644);
        fs::set_permissions(&self.written, readable)
            .and_then(|()| {
                self.written
                    .persist(&self.place)
                    .map_err(|error| error.error)
            })
            .map_err(|error| unwritable(&self.shown, error.kind()))
    }
}

fn unwritable(path: &Path, kind: io::ErrorKind) -> Error {
    Error::user(format!("`{}` cannot be written", path.display())).cause(kind)
}

/// Where links lead to, whether something is there or not.
fn followed(path: &Path) -> PathBuf {
    let mut place = path.to_owned();
    for _ in 0..LONGEST_CHAIN {
        let Ok(target) = fs::read_link(&place) else {
            break;
        };
        place = place.parent().unwrap_or(Path::new("")).join(target);
    }
    place
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::os::unix::fs::symlink;

    use super::*;

    fn fill(path: &Path, bytes: &[u8]) -> Result<()> {
        let (mut file, rest) = Outlet::open(path)?.into_parts();
        file.write_all(bytes).unwrap();
        rest.complete()
    }

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap();
        let name = |entry: io::Result<fs::DirEntry>| entry.unwrap().file_name();
        let mut names: Vec<String> = entries
            .map(|entry| name(entry).to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn a_file_has_its_name_when_it_is_complete_and_links_stay() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("images.tar");
        fs::write(&path, "old").unwrap();
        drop(Outlet::open(&path).unwrap());
        assert_eq!(fs::read(&path).unwrap(), b"old");
        assert_eq!(names(folder.path()), ["images.tar"]);
        fill(&path, b"new").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o644);

        let (link, far) = (folder.path().join("link"), folder.path().join("far"));
        symlink("images.tar", &far).unwrap();
        symlink("far", &link).unwrap();
        fill(&link, b"through").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"through");
        assert!(fs::symlink_metadata(&far).unwrap().is_symlink());
        fs::remove_file(&path).unwrap();
        fill(&link, b"made").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"made");
        assert_eq!(names(folder.path()), ["far", "images.tar", "link"]);
    }

    #[test]
    fn what_is_no_file_and_what_cannot_be_written_is_named_as_it_was_written() {
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("pipe");
        let made = std::process::Command::new("mkfifo").arg(&pipe).status();
        assert!(made.unwrap().success());
        let circle = folder.path().join("circle");
        symlink("circle", &circle).unwrap();
        let cases = [
            (pipe.clone(), "is no regular file"),
            (PathBuf::from("/dev/null"), "is no regular file"),
            (folder.path().to_owned(), "is a folder"),
            (folder.path().join("no/where.tar"), "there is no folder"),
            (pipe.join("x.tar"), "cannot be written"),
            (circle, "cannot be written"),
            (PathBuf::from("-"), "names no file"),
        ];
        for (path, wanted) in cases {
            let error = Outlet::open(&path).unwrap_err();
            assert!(error.message().contains(wanted), "{error:?}");
            let shown = path.display().to_string();
            assert!(error.message().contains(&shown), "{error:?}");
            let said = error.to_string().replace(&shown, "");
            let said = said.replace(folder.path().to_str().unwrap(), "");
            assert!(!said.contains(".tmp"), "{error:?}");
        }
        assert_eq!(names(folder.path()), ["circle", "pipe"]);
    }
}
