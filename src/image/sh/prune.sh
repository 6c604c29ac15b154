# Finds or removes what nobody refers to. $1: cache, $2: context, $3: project,
# $4: `look` or `remove`, $5…: releases of this project that stay.
# Prints `used <hex>` for what somebody refers to, `gone <hex>` for what releases that go away
# referred to, and `blob <hex> <size>` for what is in the cache and nobody refers to.
set -u
umask 077
cache=$1 mine=$1/refs/$2/$3 how=$4
shift 4
cd -- "$cache" 2>/dev/null || exit 0
mkdir -p -- tmp || exit 1
used=tmp/used.$$
trap 'rm -f -- "$used"' EXIT
trap 'exit 1' HUP INT TERM
: >"$used" || exit 1
for ref in refs/*/*/*; do
  [ -f "$ref" ] || continue
  gone=
  if [ "$cache/${ref%/*}" = "$mine" ]; then
    gone=yes
    for keep; do
      [ "${ref##*/}" != "$keep" ] || gone=
    done
  fi
  if [ -z "$gone" ]; then
    cat -- "$ref" >>"$used" || exit 1
  else
    sed 's/^sha256:/gone /' "$ref"
    [ "$how" = look ] || rm -f -- "$ref" || exit 1
  fi
done
# What a client is shipping right now has no release yet.
[ ! -d leases ] || find leases -type f -mmin -60 -exec cat {} + >>"$used"
sed 's/^sha256://' "$used" | sort -u >"$used.hex" && mv -f -- "$used.hex" "$used" || exit 1
sed 's/^/used /' "$used"
if [ -d blobs/sha256 ]; then
  ls blobs/sha256 | grep -xE '[0-9a-f]{64}' | grep -vxFf "$used" | while read -r hex; do
    size=$(stat -c %s "blobs/sha256/$hex") || continue
    [ "$how" = look ] || rm -f -- "blobs/sha256/$hex" || exit 1
    echo "blob $hex $size"
  done
fi
if [ "$how" = remove ]; then
  find leases -type f -mmin +60 -exec rm -f {} + 2>/dev/null
  find tmp -mindepth 1 -maxdepth 1 -mmin +1440 -exec rm -rf {} + 2>/dev/null
  rmdir -- "$mine" "${mine%/*}" 2>/dev/null
fi
exit 0
