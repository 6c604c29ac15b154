//! Whole journeys: the real program, real ssh, real engines and a real Caddy on the nodes of a lab.
//!
//! `make test` starts the lab and runs these; `cargo nextest run` alone leaves them out.
#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot set itself up must fail"
)]

mod absent;
mod adopted;
mod builds;
mod cache;
mod carried;
mod carry;
mod changes;
mod delta;
mod engine;
mod engines;
mod fanout;
mod faults;
mod first;
mod fleet;
mod into_engine;
mod isolation;
mod platforms;
mod pulls;
mod relations;
mod same;
mod shipping;
mod shop;
mod stopped;
mod support;
mod trouble;
