//! Bytes that were never sent before, and how many were.

use std::fs::File;
use std::io::Read;

use super::Run;

/// Bytes that nobody else has.
pub fn noise(bytes: u64) -> Vec<u8> {
    let mut read = Vec::new();
    random(bytes).read_to_end(&mut read).unwrap();
    read
}

/// The same one by one, for more than should be in memory.
pub fn random(bytes: u64) -> impl Read {
    File::open("/dev/urandom").unwrap().take(bytes)
}

/// What a run with `--format json` says it sent, in bytes.
#[track_caller]
pub fn sent(run: &Run) -> u64 {
    let events = run.stderr.lines().filter_map(|line| {
        let event: serde_json::Value = serde_json::from_str(line).ok()?;
        (event["event"] == "shipped").then(|| event["sent"].as_u64().unwrap())
    });
    let sent: Vec<u64> = events.collect();
    assert!(!sent.is_empty(), "nothing was shipped: {run}");
    sent.into_iter().sum()
}
