#!/usr/bin/env bash
# Prints where the `docker buildx` plugin is, which brings BuildKit, and fetches Debian's package of
# it when it is nowhere. A fetched one goes to the cache: what this machine's docker builds with
# stays as it is.
#
# usage: scripts/buildx.sh
set -euo pipefail

plugin=cli-plugins/docker-buildx
kept=${XDG_CACHE_HOME:-$HOME/.cache}/webpods/$plugin
keys=/usr/share/keyrings/debian-archive-keyring.gpg

say() { printf 'buildx: %s\n' "$*" >&2; }
is_it() { [ -x "$1" ] && "$1" version >/dev/null 2>&1; }

# tests/e2e/support/buildx.rs looks in the same places.
for place in "${DOCKER_CONFIG:-$HOME/.docker}/$plugin" "$kept" \
    /usr/local/lib/docker/$plugin /usr/local/libexec/docker/$plugin \
    /usr/lib/docker/$plugin /usr/libexec/docker/$plugin; do
    if is_it "$place"; then
        echo "$place"
        exit
    fi
done

say "fetching Debian's docker-buildx to $kept"
command -v apt-get >/dev/null || {
    say "this is not Debian: please install https://github.com/docker/buildx#installing"
    exit 1
}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/lists/partial" "$work/cache/archives/partial"
# The release may not have it, so a list of our own is asked; nothing is installed.
echo "deb [signed-by=$keys] http://deb.debian.org/debian trixie main" >"$work/sources.list"
options=(
    -o "Dir::Etc::sourcelist=$work/sources.list" -o Dir::Etc::sourceparts=/dev/null
    -o "Dir::State::lists=$work/lists" -o "Dir::Cache=$work/cache" -o APT::Sandbox::User=
    -o Acquire::IndexTargets::deb::DEP-11::DefaultEnabled=false
    -o Acquire::Languages=none
)
apt-get "${options[@]}" -q update >/dev/null
(cd "$work" && apt-get "${options[@]}" -q download docker-buildx >/dev/null)
dpkg-deb -x "$work"/docker-buildx_*.deb "$work/root"
mkdir -p "$(dirname "$kept")"
# Two that fetch at once must not see half of it.
cp "$work/root/usr/libexec/docker/$plugin" "$kept.$$"
mv "$kept.$$" "$kept"
is_it "$kept" || { say "the package's program does not run here"; exit 1; }
echo "$kept"
