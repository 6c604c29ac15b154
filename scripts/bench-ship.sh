#!/usr/bin/env bash
# What it costs to bring images to hosts, one table in one run: `webpods push` against
# `docker save | ssh docker load`, a registry behind an ssh tunnel, and skopeo through one. Bytes
# are counted at the nodes' interfaces. benches/ship/ does the measuring.
#
#   CASES=first,first3,same,file,times,binary,base   WAYS=webpods,docker,registry,skopeo
#
# Leaves the lab `ship` running when KEEP_LAB=1, for the next run.
set -euo pipefail
cd "$(dirname "$0")/.."
root=$PWD
target=${CARGO_TARGET_DIR:-target}
mkdir -p "$target/bench-ship"
target=$(cd "$target" && pwd)
work=$target/bench-ship
lab=ship

step() { printf '\n== %s\n' "$*"; }

step "what this machine needs"
scripts/setup.sh demo
missing=
command -v docker-registry >/dev/null || missing="$missing docker-registry"
command -v skopeo >/dev/null || missing="$missing skopeo"
command -v tc >/dev/null || missing="$missing iproute2"
command -v zstd >/dev/null || missing="$missing zstd"
if [ -n "$missing" ]; then
    # shellcheck disable=SC2086 # a list of words
    DEBIAN_FRONTEND=noninteractive apt-get -q -y install --no-install-recommends $missing >/dev/null
fi
cargo build --release --quiet --locked
webpods=$target/release/webpods

case ",${CASES:-binary}," in
*,binary,*)
    step "a program, and the same with one line changed"
    mkdir -p "$work/source" "$work/build/release"
    tar -cf - --exclude=./target --exclude=./.git . | tar -xf - -C "$work/source"
    for part in deps build .fingerprint; do
        cp -a "$target/release/$part" "$work/build/release/"
    done
    for number in 1 2; do
        sed -i "s/^const HEADING: &str = .*/const HEADING: \&str = \"Flags of every verb, $number times\";/" \
            "$work/source/src/cli/global.rs"
        grep -q "$number times" "$work/source/src/cli/global.rs"
        (cd "$work/source" && CARGO_TARGET_DIR=$work/build cargo build --release --quiet --locked)
        cp "$work/build/release/webpods" "$work/binary-$number"
    done
    rm -rf "$work/source" "$work/build"
    ;;
esac

step "the lab"
cd "$work"
"$webpods" lab up --name $lab --nodes 3
tidy() {
    cd "$root"
    docker images --format '{{.Repository}}:{{.Tag}}' | grep -E '(^|/)bench-[a-z0-9]+:' |
        xargs -r docker rmi -f >/dev/null
    [ -n "${KEEP_LAB:-}" ] || (cd "$work" && "$webpods" lab down --name $lab)
    rm -rf "$work"
}
trap tidy EXIT
# shellcheck disable=SC2046 # a list of addresses
python3 "$root/benches/ship/ship.py" $lab "$work" "$webpods" \
    $(sed -n 's/^ *addr: //p' ".webpods/contexts/$lab.yml")
