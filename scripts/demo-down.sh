#!/usr/bin/env bash
# Removes what `make demo` made: the lab, its images and context, the copy of the shop. Installed
# packages stay. An engine that `make demo` started directly is stopped, unless something uses it.
set -euo pipefail
cd "$(dirname "$0")/.."

target=${CARGO_TARGET_DIR:-target}
engine_pid=/run/webpods-dockerd.pid

if docker info >/dev/null 2>&1; then
    if [ -x "$target/debug/webpods" ]; then
        "$target/debug/webpods" lab down --images
    else
        echo "demo-down: there is no $target/debug/webpods; run make build first" >&2
        exit 1
    fi
    docker images --quiet --filter label=webpods.project=shop | xargs --no-run-if-empty docker rmi --force >/dev/null
fi
rm -rf "$target/demo"

if [ -f "$engine_pid" ] && [ -z "$(docker ps --all --quiet 2>/dev/null)" ]; then
    echo "stopping the engine that the demo started"
    engine=$(cat "$engine_pid")
    kill "$engine" 2>/dev/null || sudo -n kill "$engine" || true
    # An engine that is started before this one is gone refuses to.
    for _ in $(seq 300); do
        [ -e "/proc/$engine" ] || break
        sleep 0.1
    done
fi
