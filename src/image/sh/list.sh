# Lists a cache. $1: cache. Prints `blob <hex> <size>` for each blob and `ref <context> <project>
# <release> <hex>` for each blob that a release needs.
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
exit 0
