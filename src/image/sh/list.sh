# Lists a cache. $1: cache. Prints `blob <hex> <size>` for each blob, `ref <context> <project>
# <release> <hex>` for each blob that a release needs, `leased <hex>` for those that came too
# recently to be pruned, `image <hex> <name>` for each image that it knows, `manifest <hex> <text>`
# for those of them that no release needs, and `part <size>` for what transfers are writing or left when
# they broke off.
cd -- "$1" 2>/dev/null || exit 0
if [ -d blobs/sha256 ]; then
  (cd blobs/sha256 && ls | grep -xE '[0-9a-f]{64}' | xargs stat -c 'blob %n %s' 2>/dev/null)
fi
for ref in refs/*/*/*; do
  [ -f "$ref" ] || continue
  name=${ref#refs/}
  release=${name##*/}
  name=${name%/*}
  while read -r digest; do
    echo "ref ${name%/*} ${name#*/} $release ${digest#sha256:}"
  done <"$ref"
done
find tmp -type f -size +0 -exec stat -c 'part %s' {} + 2>/dev/null
# As in prune.sh.
recent=60
[ -z "$(find tmp -type f -mmin -60 ! -name '*.lock' 2>/dev/null | head -n 1)" ] || recent=1440
[ ! -d leases ] || find leases -type f -mmin "-$recent" -exec sed 's/^/leased /' {} +
for image in images/*; do
  [ -f "$image" ] && IFS= read -r name <"$image" || continue
  hex=${image##*/}
  printf 'image %s %s\n' "$hex" "$name"
  [ -f "blobs/sha256/$hex" ] || continue
  cat refs/*/*/* 2>/dev/null | grep -qx "sha256:$hex" && continue
  printf 'manifest %s %s\n' "$hex" "$(head -c 1000000 "blobs/sha256/$hex" | tr -d '\n')"
done
exit 0
