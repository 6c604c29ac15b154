#!/usr/bin/env bash
# Prints where the program `docker-registry` is, and fetches Debian's package of it when it is
# nowhere. It is not installed, since the package would start it for good.
#
# usage: scripts/registry.sh
set -euo pipefail

kept=${XDG_CACHE_HOME:-$HOME/.cache}/webpods/docker-registry

is_it() { [ -x "$1" ] && "$1" --version >/dev/null 2>&1; }

# tests/e2e/support/registry.rs looks in the same places.
for place in /usr/bin/docker-registry "$kept"; do
    if is_it "$place"; then
        echo "$place"
        exit
    fi
done

printf 'registry: fetching Debian'\''s docker-registry to %s\n' "$kept" >&2
command -v apt-get >/dev/null || {
    echo "registry: this is not Debian: please put a docker-registry to $kept" >&2
    exit 1
}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
(cd "$work" && apt-get -o APT::Sandbox::User= -q download docker-registry >/dev/null)
dpkg-deb -x "$work"/docker-registry_*.deb "$work/root"
mkdir -p "$(dirname "$kept")"
# Two that fetch at once must not see half of it.
cp "$work/root/usr/bin/docker-registry" "$kept.$$"
mv "$kept.$$" "$kept"
is_it "$kept" || { echo "registry: the package's program does not run here" >&2; exit 1; }
echo "$kept"
