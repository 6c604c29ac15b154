#!/usr/bin/env bash
# How fast `webpods config` is and how much memory it takes, as ratios to `docker compose config` on
# the same files in the same run. Needs no lab:
#
#   ordinary   the file of a common stack: at most 0.25 of the time
#   large      1,000 services with anchors, extends and 200 variables: at most 0.25 of the time and
#              of the memory
#
# WEBPODS names a program that is built already.
set -euo pipefail
cd "$(dirname "$0")/.."
mkdir -p "${CARGO_TARGET_DIR:-target}/bench/config"
target=$(cd "${CARGO_TARGET_DIR:-target}" && pwd)

compose=$(scripts/compose.sh)
if [ -z "${WEBPODS:-}" ]; then
    cargo build --release --quiet --locked
    WEBPODS=$target/release/webpods
fi
export ROUNDS=${ROUNDS:-9}
python3 scripts/bench-config.py "$WEBPODS" "$compose" "$target/bench/config" tests/compose/real_elk
