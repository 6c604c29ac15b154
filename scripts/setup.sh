#!/usr/bin/env bash
# Installs what webpods needs to be built, tried and tested here, and starts a Docker engine.
# What is there already is left as it is: with everything in place this script changes nothing.
#
# usage: scripts/setup.sh [demo|test]
set -euo pipefail

purpose=${1:-demo}
engine_log=/var/log/webpods-dockerd.log
engine_pid=/run/webpods-dockerd.pid

say() { printf 'setup: %s\n' "$*" >&2; }
have() { command -v "$1" >/dev/null 2>&1 || [ -x "/usr/sbin/$1" ] || [ -x "/sbin/$1" ]; }

as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"; else sudo -n "$@"; fi
}
may_be_root() { [ "$(id -u)" = 0 ] || sudo -n true 2>/dev/null; }

# Packages by the command each one is needed for.
missing=()
need() { have "$1" || missing+=("$2"); }

# Whether a node image is here or can be had without debootstrap.
images_can_be_had() {
    docker info >/dev/null 2>&1 || return 1
    docker image inspect debian:trixie-slim >/dev/null 2>&1 && return 0
    timeout 60 docker pull --quiet debian:trixie-slim >/dev/null 2>&1
}

list_missing() {
    need c++ g++ # Lua is compiled from source
    need make make
    need curl curl
    need ssh openssh-client
    need ssh-keygen openssh-client
    if ! docker info >/dev/null 2>&1; then
        need dockerd docker.io
        # Debian packages the client on its own since trixie, and with the engine before.
        if ! have docker && [ -n "$(apt-cache search --names-only '^docker-cli$' 2>/dev/null)" ]; then
            missing+=(docker-cli)
        fi
    fi
    have debootstrap || images_can_be_had || missing+=(debootstrap)
    python3 -m pip --version >/dev/null 2>&1 || missing+=(python3-pip)
    if [ "$purpose" = test ]; then
        need sshd openssh-server
        need zstd zstd # what hosts unpack with
        # A shell that runs in images built from nothing.
        { have busybox && ! ldd "$(command -v busybox)" >/dev/null 2>&1; } || missing+=(busybox-static)
    fi
}

install_missing() {
    [ ${#missing[@]} -gt 0 ] || return 0
    local packages
    packages=$(printf '%s\n' "${missing[@]}" | sort -u | tr '\n' ' ')
    if ! have apt-get; then
        say "this is not Debian: please install what Debian calls ${packages}"
        exit 1
    fi
    if ! may_be_root; then
        say "please run: sudo apt-get install ${packages}"
        exit 1
    fi
    say "installing ${packages}"
    as_root apt-get -q update >/dev/null
    # shellcheck disable=SC2086 # a list of words
    as_root env DEBIAN_FRONTEND=noninteractive \
        apt-get -q -y install --no-install-recommends $packages >/dev/null
}

engine_answers() { docker info >/dev/null 2>&1; }

wait_for_engine() {
    local deadline=$((SECONDS + $1))
    until engine_answers; do
        [ $SECONDS -lt $deadline ] || return 1
        sleep 0.3
    done
}

start_engine() {
    engine_answers && return 0
    if as_root docker info >/dev/null 2>&1; then
        say "Docker runs, but $(id -un) may not use it: sudo usermod -aG docker $(id -un), then log in again"
        exit 1
    fi
    if ! may_be_root; then
        say "please start Docker: sudo systemctl start docker"
        exit 1
    fi
    if [ -d /run/systemd/system ]; then
        say "starting Docker with systemctl"
        as_root systemctl start docker && wait_for_engine 30 && return 0
    elif [ -x /etc/init.d/docker ] && have service; then
        say "starting Docker with service"
        as_root service docker start >/dev/null 2>&1 && wait_for_engine 20 && return 0
    fi
    say "starting dockerd directly; its log is $engine_log"
    as_root sh -c "setsid dockerd --pidfile $engine_pid >$engine_log 2>&1 </dev/null &"
    wait_for_engine 60 && return 0
    if as_root docker info >/dev/null 2>&1; then
        say "Docker runs, but $(id -un) may not use it: sudo usermod -aG docker $(id -un), then log in again"
        exit 1
    fi
    say "Docker did not start; the end of $engine_log:"
    as_root tail -n 15 "$engine_log" >&2 || true
    exit 1
}

if ! have cargo; then
    say "a Rust toolchain is needed: see https://rustup.rs"
    exit 1
fi
list_missing
install_missing
start_engine
if [ "$purpose" = test ]; then
    # The program that webpods is compared with.
    "$(dirname "$0")/compose.sh" >/dev/null
    # BuildKit, for the journeys that build with it.
    "$(dirname "$0")/buildx.sh" >/dev/null
    # A registry, for the journeys in which hosts pull.
    "$(dirname "$0")/registry.sh" >/dev/null
fi
