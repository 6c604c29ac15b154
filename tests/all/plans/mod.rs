//! Plans: scenarios in `tests/plans/*.yml` with golden renderings, a simulated fleet that carries
//! plans out, and properties that hold for any of them.

mod golden;
mod policy;
mod properties;
mod render;
mod scenario;
mod simulate;
mod verify;
