//! Waiting for something to become true, never for time to pass.

use std::thread::sleep;
use std::time::{Duration, Instant};

/// Asks until the answer is Ok, for at most `seconds`; then fails with the last Err.
pub fn eventually<T>(what: &str, seconds: u64, mut ask: impl FnMut() -> Result<T, String>) -> T {
    let deadline = Instant::now() + Duration::from_secs(seconds);
    loop {
        match ask() {
            Ok(found) => return found,
            Err(why) if Instant::now() > deadline => {
                panic!("{what}: not within {seconds} seconds: {why}")
            }
            Err(_) => sleep(Duration::from_millis(50)),
        }
    }
}
