//! Every test that needs no engine and no lab, in one binary.
#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot set itself up must fail"
)]

mod architecture;
mod cli;
mod compose;
mod docs;
mod fake_engine;
mod lua;
mod plans;
mod remote;
