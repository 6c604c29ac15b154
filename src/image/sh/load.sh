# Loads an image from the cache into the engine. $1: cache, $2: a name for this attempt,
# $3: the engine's socket, $4: the manifest's hexadecimal digest, $5: what people call the image,
# $6: its configuration's digest, $7…: blobs of the archive by hexadecimal digest.
# Input: a tar with the archive's documents.
# Ends with 3 when blobs are missing or were damaged, and names them.
set -u
umask 077
cache=$1
dir=$cache/tmp/load.$2
lease=$cache/leases/load.$2
socket=$3 manifest=$4 name=$5 config=$6
shift 6
trap 'rm -rf -- "$dir"' EXIT
trap 'exit 1' HUP INT TERM
mkdir -p -- "$dir" "$cache/leases" "$cache/images" && cd -- "$dir" && tar -xf - && ln -s ../../blobs blobs || exit 1
# Until a release refers to the image, nobody prunes it.
printf '%s\n' "$@" >"$lease" && printf '%s\n' "$name" >"$cache/images/$manifest" || exit 1
for hex; do
  if [ ! -f "blobs/sha256/$hex" ]; then
    echo "missing $hex"
    exit 3
  fi
  set -- "$@" "blobs/sha256/$hex"
  shift
done
# Engines compare layers with their digests, and documents not always.
sound=yes
for hex in "$manifest" "$config"; do
  sum=$(sha256sum <"blobs/sha256/$hex") || exit 1
  [ "${sum%% *}" != "$hex" ] || continue
  rm -f -- "blobs/sha256/$hex" || exit 1
  echo "damaged $hex"
  sound=no
done
[ "$sound" = yes ] || exit 3
{ tar -cf - oci-layout index.json manifest.json "$@" 2>torn || : >failed; } | into_engine "$socket" >said 2>&1
status=$?
if [ "$status" -ne 0 ]; then
  cat said >&2
  # A loader that ends early breaks tar's pipe; what tar complains about besides is news.
  grep -v -i 'broken pipe\|write error\|exiting now\|not recoverable' torn >&2
elif [ -e failed ]; then
  cat torn >&2
  status=1
fi
exit "$status"
