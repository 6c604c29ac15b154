#!/usr/bin/env bash
# Feeds the Compose loader with input made to break it, guided by the code it reaches: no panic, no
# input that takes 4 seconds or 256 MB. Starts from the cases of tests/compose. What breaks it is
# left in target/fuzz/found: make a case or a test of it.
#
# usage: scripts/fuzz.sh [SECONDS]         60 by default
#        scripts/fuzz.sh FILE…             only these inputs
set -euo pipefail
cd "$(dirname "$0")/.."
mkdir -p "${CARGO_TARGET_DIR:-target}/fuzz/"{seeds,corpus,found}
work=$(cd "${CARGO_TARGET_DIR:-target}/fuzz" && pwd)

# What cargo-fuzz sets, without asking for a nightly compiler: count the edges of the code.
flags='-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4'
flags+=' -Cllvm-args=-sanitizer-coverage-inline-8bit-counters'
flags+=' -Cllvm-args=-sanitizer-coverage-pc-table -Cllvm-args=-sanitizer-coverage-trace-compares'
flags+=' -Ccodegen-units=1 --cfg fuzzing'
# With a target named, build scripts and macros are built without them.
host=$(rustc -vV | sed -n 's/^host: //p')
# The versions the program has.
cp Cargo.lock fuzz/Cargo.lock
RUSTFLAGS=$flags CARGO_TARGET_DIR=$work/target \
    cargo build --manifest-path fuzz/Cargo.toml --target "$host"
fuzzer=$work/target/$host/debug/compose

if [ $# -gt 0 ] && [ -f "$1" ]; then
    exec "$fuzzer" -timeout=5 -rss_limit_mb=1024 "$@"
fi
python3 fuzz/seeds.py "$work/seeds"
"$fuzzer" "$work/corpus" "$work/seeds" -dict=fuzz/compose.dict -artifact_prefix="$work/found/" \
    -max_total_time="${1:-60}" -timeout=5 -rss_limit_mb=1024 -max_len=16384 -print_final_stats=1
