# Loads an image from the cache into the engine. $1: cache, $2: a name for this attempt,
# $3: the engine's socket, $4: the manifest's hexadecimal digest, $5: what people call the image,
# $6…: blobs of the archive by hexadecimal digest.
# Input: a tar with the archive's documents.
set -u
umask 077
cache=$1
dir=$cache/tmp/load.$2
lease=$cache/leases/load.$2
socket=$3 manifest=$4 name=$5
shift 5
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
