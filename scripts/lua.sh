#!/usr/bin/env bash
# Formats or checks the Lua scripts with StyLua, which is built once into target/tools.
#
# usage: scripts/lua.sh fmt|check
set -euo pipefail
cd "$(dirname "$0")/.."

version=2.5.2
target=${CARGO_TARGET_DIR:-target}
stylua=$target/tools/bin/stylua
if ! "$stylua" --version 2>/dev/null | grep --quiet --fixed-strings " $version"; then
    echo "building StyLua $version into $target/tools"
    cargo install --quiet --locked --root "$target/tools" --target-dir "$target/tools/build" \
        --no-default-features --features luau --version $version stylua
    rm -rf "$target/tools/build"
fi
case ${1:-check} in
fmt) "$stylua" lua ;;
check) "$stylua" --check lua ;;
*)
    echo "usage: scripts/lua.sh fmt|check" >&2
    exit 2
    ;;
esac
