//! One `lab up` at a time per lab, one build at a time per node image.

use std::fs::{File, OpenOptions};
use std::path::Path;

use rustix::fs::{FlockOperation, flock};

use super::folders::create_private;
use crate::error::{Error, Explain, Result};
use crate::event::Events;

/// Waits for the lock and holds it until the file is closed. The kernel gives it back when the
/// holder dies, so there is nothing to clean up.
pub(super) async fn hold(path: &Path, what: &str, events: &Events) -> Result<File> {
    let explain = || format!("cannot lock `{}`", path.display());
    if let Some(folder) = path.parent() {
        create_private(folder)?;
    }
    let file = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .read(true)
        .open(path)
        .explain(explain)?;
    if flock(&file, FlockOperation::NonBlockingLockExclusive).is_ok() {
        return Ok(file);
    }
    events.notice(format!(
        "another webpods is at work on {what}; waiting for it"
    ));
    tokio::task::spawn_blocking(move || {
        flock(&file, FlockOperation::LockExclusive)?;
        Ok(file)
    })
    .await
    .map_err(|error| Error::user(explain()).cause(error))?
    .map_err(|error: rustix::io::Errno| Error::user(explain()).cause(error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_second_waits_for_the_first() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deep/.x.lock");
        let (told, heard) = std::sync::mpsc::channel();
        let events = Events::new(move |_| told.send(()).unwrap());
        let first = hold(&path, "it", &events).await.unwrap();
        let second = tokio::spawn({
            let path = path.clone();
            async move { hold(&path, "it", &events).await }
        });
        tokio::task::spawn_blocking(move || heard.recv())
            .await
            .unwrap()
            .unwrap();
        assert!(!second.is_finished());
        drop(first);
        second.await.unwrap().unwrap();
    }
}
