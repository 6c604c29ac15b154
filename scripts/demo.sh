#!/usr/bin/env bash
# The whole of webpods in a few minutes: a fleet of three nodes on this machine, a Compose app on
# it, and a new version of the app while requests run. Can be run again; `make demo-down` removes
# everything.
set -euo pipefail
cd "$(dirname "$0")/.."

step() { printf '\n\033[1m== %s\033[0m\n' "$*"; }
show() {
    printf '\033[2m$ %s\033[0m\n' "$*"
    "$@"
}

target=${CARGO_TARGET_DIR:-target}
mkdir -p "$target"
target=$(cd "$target" && pwd)
shop=$target/demo/shop
started=$SECONDS

step "What this machine needs"
scripts/setup.sh demo
echo "Docker $(docker version --format '{{.Server.Version}}') answers"

step "Building webpods"
cargo build --quiet --locked
webpods() { "$target/debug/webpods" "$@"; }
webpods --version

step "A copy of examples/shop in $shop"
mkdir -p "$shop"
# The context of a lab that still runs stays; everything else is as in the repository.
cp -R examples/shop/. "$shop/"
make --quiet -C "$shop"
cd "$shop"

step "A fleet: three nodes with sshd, Docker and Caddy"
show webpods lab up --nodes 3
show webpods lab ls

step "The first release"
show webpods -c lab up -d

mapfile -t nodes < <(sed -n "s/^ *addr: //p" .webpods/contexts/lab.yml)
[ ${#nodes[@]} -ge 3 ] || { echo "demo: expected three nodes, found ${#nodes[@]}" >&2; exit 1; }

step "Every node's Caddy answers"
for node in "${nodes[@]}"; do
    show curl --silent --show-error --fail --retry 5 --retry-connrefused --max-time 10 \
        --header 'Host: shop.test' "http://$node/"
done

step "A new version of one service"
show sed -i s/1.0.0/1.1.0/ services/gateway/VERSION
show webpods -c lab diff

step "Deploying it while requests run"
show ./load shop.test "${nodes[@]}" -- "$target/debug/webpods" -c lab up -d

step "Every node answers with the new version"
for node in "${nodes[@]}"; do
    answer=$(curl --silent --show-error --fail --max-time 10 --header 'Host: shop.test' "http://$node/")
    printf '%s\n' "$answer"
    case $answer in
    *'"service":"gateway","version":"1.1.0"'*) ;;
    *) echo "demo: $node does not serve version 1.1.0" >&2; exit 1 ;;
    esac
done

step "What runs, and what was released"
show webpods -c lab ps
show webpods -c lab release ls

step "Done in $((SECONDS - started)) seconds. Try next:"
cat <<END
  cd $shop
  alias webpods=$target/debug/webpods

  webpods -c lab logs worker
  webpods -c lab exec gateway -- /app health
  webpods -c lab rollback
  SHOP_BROKEN=1 webpods -c lab up -d      # a release that never gets healthy
  webpods script eject placement/spread   # a decision, as a script you can edit
  webpods lab ssh node-1

make demo-down removes the nodes and everything else this demo made.
END
