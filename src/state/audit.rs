//! The audit log: who did what to which project, one line per operation, on every host it touched.

use jiff::Timestamp;
use serde::Serialize;

use crate::error::{Error, Result};
use crate::model::{ReleaseId, StackKey};

use super::site::Site;

/// Bytes of an audit log that are kept on a host.
pub(super) const MOST: &str = "4194304";

/// One line. Holds names and results only; neither arguments nor environment, which may be secret.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Record {
    /// When it ended, by the client's clock.
    pub at: Timestamp,
    /// Whose containers.
    #[serde(flatten)]
    pub key: StackKey,
    /// `up`, `down`, `exec`, …
    pub verb: String,
    /// `user@machine`, or the CI job's URL.
    pub by: String,
    /// The release that was made, if any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub release: Option<ReleaseId>,
    /// `done`, `undone`, `failed`, `interrupted`.
    pub result: String,
}

impl Record {
    pub(super) fn line(&self) -> String {
        serde_json::to_string(self).unwrap_or_default() + "\n"
    }
}

/// Appends the record to the audit log of one host.
pub(super) async fn append(site: &Site, record: &Record) -> Result<()> {
    let log = site.audit_log();
    site.run(
        include_str!("sh/audit.sh"),
        &[&log, MOST],
        record.line().as_bytes(),
    )
    .await
    .map(|_| ())
    .map_err(|error: Error| {
        error.context(format!(
            "cannot write the audit log on host `{}`",
            site.name()
        ))
    })
}
