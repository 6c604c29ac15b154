#!/usr/bin/env bash
# Every test there is: first those that need nothing but this process, then the journeys over real
# nodes on a lab, which is started for them and removed at the end.
set -euo pipefail
cd "$(dirname "$0")/.."

stage() { printf '\n== %s (%d s so far)\n' "$*" "$SECONDS"; }
lab=e2e

stage "what this machine needs"
scripts/setup.sh test

stage "building the tests"
target=${CARGO_TARGET_DIR:-target}
if cargo nextest --version >/dev/null 2>&1; then
    runner=nextest
    cargo nextest run --no-run --locked
else
    runner="cargo test"
    echo "cargo-nextest is not installed; cargo test does it, one test after another"
    cargo test --no-run --locked
fi
webpods=$(cd "$target" && pwd)/debug/webpods

stage "the shop's programs and the lab"
make --quiet -C examples/shop
mkdir -p "$target/e2e"
remove_lab() {
    stage "removing the lab"
    (cd "$target/e2e" && "$webpods" lab down --name $lab)
}
# KEEP_LAB=1 makes the next run start faster.
[ -n "${KEEP_LAB:-}" ] || trap remove_lab EXIT
(cd "$target/e2e" && "$webpods" lab up --name $lab --nodes 3)

stage "the tests"
# Projects made up by chance and compared with Docker Compose: more of them than in a quick run.
export COMPOSE_CASES=${COMPOSE_CASES:-150}
if [ "$runner" = nextest ]; then
    cargo nextest run --locked --profile everything --no-fail-fast "$@"
else
    cargo test --locked --no-fail-fast -- --test-threads 2 "$@"
fi
