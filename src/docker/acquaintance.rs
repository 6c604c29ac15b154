//! What an engine was when it last answered this machine: a guess, until it has answered again.

use std::fs;

use crate::remote::Host;

use super::EngineIdentity;

/// What is remembered of the engine of `host`; none: it was never reached from here.
pub(super) fn recall(host: &Host) -> Option<EngineIdentity> {
    let text = fs::read(host.engine_notes()?).ok()?;
    serde_json::from_slice(&text).ok()
}

/// Remembers it. A note that cannot be written costs the next command a question, no more.
pub(super) fn remember(host: &Host, identity: &EngineIdentity) {
    let Some(path) = host.engine_notes() else {
        return;
    };
    if recall(host).as_ref() == Some(identity) {
        return;
    }
    let Some(folder) = path.parent() else { return };
    let written = || -> std::io::Result<()> {
        let file = tempfile::NamedTempFile::new_in(folder)?;
        serde_json::to_writer(&file, identity)?;
        file.persist(&path)?;
        Ok(())
    };
    let _ = written();
}
