# Removes blobs of a cache that are not what their name says. $1: cache, $2…: hexadecimal digests.
# Prints `damaged <hex>` for each.
set -u
cd -- "$1/blobs/sha256" || exit 1
shift
for hex; do
  [ -f "$hex" ] || continue
  sum=$(sha256sum <"$hex") || exit 1
  if [ "${sum%% *}" != "$hex" ]; then
    rm -f -- "$hex" "../../indexes/$hex" || exit 1
    echo "damaged $hex"
  fi
done
