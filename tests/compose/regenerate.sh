#!/bin/sh
# Writes what the real Docker Compose v2.40.3 makes of every case, or of those named. The test run
# needs only what this wrote. Goldens are never edited.
#
# usage: tests/compose/regenerate.sh [case…]
set -eu
cd "$(dirname "$0")"
COMPOSE=$(../../scripts/compose.sh)
export COMPOSE
exec python3 regenerate.py "$@"
