#!/usr/bin/env bash
# How fast webpods is, as ratios within one run, since absolute times say more about the machine:
#
#   warm    `webpods up` with nothing to do on three nodes, connections open, against
#           `docker compose up -d` with nothing to do over ssh on one node: at most 0.7
#   cold    the same, without an open connection: at most 1.5
#   start   CPU time of `webpods --version`: at most 15 ms
#   memory  the most that webpods uses while it ships an image of 1 GB: at most 64 MB
#
# Leaves the lab `bench` running when KEEP_LAB=1, for the next run.
set -euo pipefail
cd "$(dirname "$0")/.."
target=${CARGO_TARGET_DIR:-target}
mkdir -p "$target/bench"
target=$(cd "$target" && pwd)
work=$target/bench
lab=bench
rounds=${ROUNDS:-5}
# The images made for this must not stay in the user's own store.
export XDG_CACHE_HOME=$work/cache

step() { printf '\n== %s\n' "$*"; }

step "what this machine needs"
scripts/setup.sh demo
cargo build --release --quiet --locked
webpods=$target/release/webpods

step "docker compose"
compose=$(scripts/compose.sh)
export DOCKER_CONFIG=$work/docker
mkdir -p "$DOCKER_CONFIG/cli-plugins"
ln -sf "$compose" "$DOCKER_CONFIG/cli-plugins/docker-compose"
docker compose version

step "the lab and the shop on it"
rm -rf "$work/shop"
cp -R examples/shop "$work/shop"
cd "$work/shop"
make --quiet
mv compose.lab.yml compose.$lab.yml
mv .env.lab .env.$lab
"$webpods" lab up --name $lab --nodes 3
remove_lab() {
    cd "$work" && rm -rf shop big cache
    [ -n "${KEEP_LAB:-}" ] || "$webpods" lab down --name $lab
}
trap remove_lab EXIT
"$webpods" -c $lab up -d >"$work/up.log" 2>&1 || { cat "$work/up.log"; exit 1; }

# The same app by Compose on node-1, from the images that are there, reached with the lab's keys.
keys=${XDG_DATA_HOME:-$HOME/.local/share}/webpods/labs/$lab
addr=$(sed -n 's/^ *addr: //p' .webpods/contexts/$lab.yml | head -n 1)
mkdir -p "$work/bin" "$work/compose"
cat >"$work/bin/ssh" <<END
#!/bin/sh
exec $(command -v ssh) -F none -i '$keys/id_ed25519' -o IdentitiesOnly=yes -o UserKnownHostsFile='$keys/known_hosts' "\$@"
END
chmod +x "$work/bin/ssh"
cat >"$work/compose/compose.yml" <<'END'
name: shop-by-compose
services:
  gateway: { image: "shop-gateway:bench", deploy: { replicas: 2 } }
  users: { image: "shop-users:bench", deploy: { replicas: 3 } }
  worker: { image: "shop-worker:bench" }
  cache: { image: "shop-cache:bench", volumes: ["counts:/data"] }
volumes: { counts: {} }
END
for service in gateway users worker cache; do
    docker build --quiet --tag shop-$service:bench services/$service >/dev/null 2>&1
    docker save shop-$service:bench | "$webpods" lab ssh --name $lab node-1 -- docker load >/dev/null
done
compose() {
    PATH=$work/bin:$PATH DOCKER_HOST=ssh://root@$addr \
        docker compose --file "$work/compose/compose.yml" up --detach --pull never >/dev/null 2>&1
}
compose || { echo "docker compose cannot start the shop" >&2; exit 1; }

# Milliseconds of one run; the middle one of several.
milliseconds() {
    local before after
    before=$(date +%s%N)
    "$@"
    after=$(date +%s%N)
    echo $(((after - before) / 1000000))
}
middle() { sort -n | sed -n "$(((rounds + 1) / 2))p"; }
several() { for _ in $(seq "$rounds"); do milliseconds "$@"; done | middle; }

# ssh connections are kept in this folder: a new folder is a cold start.
warm_folder=$(mktemp -d)
warm() { XDG_RUNTIME_DIR=$warm_folder "$webpods" -c $lab up -d >/dev/null 2>&1; }
cold() {
    local folder
    folder=$(mktemp -d)
    XDG_RUNTIME_DIR=$folder "$webpods" -c $lab up -d >/dev/null 2>&1
}

# Hundredths, checked against a limit.
failed=0
ratio() {
    local name=$1 hundredths=$(($2 * 100 / $3)) limit=$4
    printf '%-8s %d.%02d  (%d ms against %d ms of docker compose; at most %d.%02d)\n' "$name" \
        $((hundredths / 100)) $((hundredths % 100)) "$2" "$3" $((limit / 100)) $((limit % 100))
    [ $hundredths -le "$limit" ] || failed=1
}

step "an up with nothing to do, the middle of $rounds"
compose_ms=$(several compose)
warm
ratio warm "$(several warm)" "$compose_ms" 70
ratio cold "$(several cold)" "$compose_ms" 150

step "CPU time of webpods --version, the mean of 20"
TIMEFORMAT='%U %S'
cpu=$({ time for _ in $(seq 20); do "$webpods" --version >/dev/null; done; } 2>&1 |
    awk '{ printf "%d", ($1 + $2) * 1000 / 20 + 0.5 }')
echo "start    $cpu ms (at most 15)"
[ "$cpu" -le 15 ] || failed=1

step "memory while an image of ${IMAGE_MB:=1024} MB is shipped"
mkdir -p "$work/big/app"
cd "$work/big"
cp "$work/shop/services/gateway/app" app/app
# What cannot be compressed, and what no host has yet.
head -c "$((IMAGE_MB * 1024 * 1024))" /dev/urandom >app/ballast
printf 'FROM scratch\nCOPY app /app\nCOPY ballast /ballast\nENTRYPOINT ["/app"]\n' >app/Dockerfile
printf 'name: big\nservices:\n  big:\n    build: app\n    x-placement: { hosts: [node-1] }\n' >compose.yml
mkdir -p .webpods/contexts
sed '/^defaults:/,$d' "$work/shop/.webpods/contexts/$lab.yml" >.webpods/contexts/$lab.yml
"$webpods" -c $lab up -d >"$work/big.log" 2>&1 &
pid=$!
peak=0
while kill -0 $pid 2>/dev/null; do
    now=$(sed -n 's/^VmHWM:[[:space:]]*\([0-9]*\) kB/\1/p' /proc/$pid/status 2>/dev/null || true)
    [ "${now:-0}" -le "$peak" ] || peak=$now
    sleep 0.05
done
wait $pid || { cat "$work/big.log"; exit 1; }
echo "memory   $((peak / 1024)) MB (at most 64)"
[ $((peak / 1024)) -le 64 ] || failed=1
"$webpods" -c $lab down >/dev/null 2>&1

[ $failed = 0 ] || { echo "slower or larger than it may be" >&2; exit 1; }
