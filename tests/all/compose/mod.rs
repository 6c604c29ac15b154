//! Compose files against what Docker Compose v2.40.3 makes of them: those of `tests/compose`, and
//! those that are made up by chance.
//!
//! `expected.json`, `expected.yml` and `expected.out` come from the real program
//! (`tests/compose/regenerate.sh`). Where it refuses a case there is `expected.txt`, which is what
//! webpods says instead; run with `UPDATE_EXPECTED=1` to write it.

mod broken;
mod case;
mod cases;
mod container;
mod coverage;
mod generate;
mod live;
mod oracle;
mod typed;
